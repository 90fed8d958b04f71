"""Directions of the space that matter: what the linear model expects of a task, laid beside where it lies.

Two texts can be alike in what makes no difference to who does them well. Neighbours and regions are looked for among
points that have these directions too, so that like ones are first of all those that the options do alike at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning import linear
from processors.learning.labels import Labels
from processors.learning.space import CHUNK, Points, unit
from processors.learning.stored import Floats, Stored, half, rounded

DIRECTIONS = 12
REACH = 0.4
"""Length of the directions beside the point, whose length is 1, when the linear model explains a tenth of the excess
and more; less in proportion, for then they are made of chance."""
ENOUGH = 0.1
_SAMPLE = 20_000


class Guide:
    def __init__(self, weights: Floats) -> None:
        self._weights = weights  # (width + 1, directions)

    @property
    def width(self) -> int:
        return int(sum(self._weights.shape)) - 1

    def points(self, points: Floats) -> Floats:
        """(m, self.width)"""
        return np.concatenate([unit(points), points @ self._weights[:-1] + self._weights[-1]], 1)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"guide.weights": half(self._weights)}


@dataclass(frozen=True, slots=True)
class Guided:
    """The points of the training tasks. What is expected of each is worked out without its own labels: with them it
    would be what happened, which is not known of a new task."""

    points: Points
    expected: Floats

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: NDArray[Any] | slice) -> Floats:
        return np.concatenate([unit(self.points[rows]), self.expected[rows]], 1)

    def chunks(self) -> Iterator[tuple[slice, Floats]]:
        for rows, some in self.points.chunks():
            yield rows, np.concatenate([unit(some), self.expected[rows]], 1)


def fit(labels: Labels, points: Points, part: NDArray[np.int64]) -> tuple[Guide, Guided]:
    """`part`: of each task, which of several it belongs to; nothing is learned for it from its own part."""
    whole = linear.fit(labels, points).weights
    sample = points[np.arange(min(len(points), _SAMPLE))]
    _, sizes, directions = np.linalg.svd(sample @ whole[:-1] + whole[-1], full_matrices=False)
    turn = directions[:DIRECTIONS].T  # (options, directions)
    length = float(np.sqrt((sizes[:DIRECTIONS] ** 2).sum() / len(sample)))
    expected = np.zeros((len(points), turn.shape[1]), np.float32)
    error = 0.0
    for one in np.unique(part):
        apart = part[labels.task] == one
        if apart.all() or not apart.any():
            continue
        weights = linear.fit(labels.only(~apart), points).weights
        rows, held = np.flatnonzero(part == one), labels.only(apart)
        for at in range(0, len(rows), CHUNK):
            some = points[rows[at : at + CHUNK]]
            expected[rows[at : at + CHUNK]] = (some @ weights[:-1] + weights[-1]) @ turn
        said = (expected[held.task] * turn[held.option]).sum(1)
        error += float((held.weight * (held.excess - said) ** 2).sum())
    explained = 1 - error / max(1e-12, float((labels.weight * labels.excess**2).sum()))
    scale = REACH * float(np.clip(explained / ENOUGH, 0, 1)) / max(length, 1e-9)
    return Guide(rounded(scale * whole @ turn)), Guided(points, (scale * expected).astype(np.float32))


def read(stored: Stored, width: int) -> Guide:
    return Guide(stored.floats("guide.weights", width + 1, None))
