"""Nearest neighbours: how much better or worse than its mean an option did at the training tasks that are most alike.

It keeps the training tasks themselves, so it is for tables, and too large for the line.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.guide import Guided
from processors.learning.labels import Labels
from processors.learning.space import unit
from processors.learning.stored import Floats, Stored, half, rounded

NEIGHBOURS = 80
SHARPNESS = 10.0
PRIOR = 1.0
"""Neighbours without any excess that are counted beside them."""
_CELLS = 1 << 22
"""Numbers that are looked up at a time, so that memory stays bounded."""
KEPT_MAX = 20_000
"""Training tasks that are kept, a sample of them when there are more."""


class Neighbours:
    name = "knn"

    def __init__(self, points: Floats, sums: Floats, weights: Floats) -> None:
        self._points = points  # (kept, width), one long each
        self._sums = sums  # (kept, options): weight × excess
        self._weights = weights  # (kept, options)

    def excess(self, points: Floats) -> Floats:
        """(m, known options) what is to be expected above their means."""
        cosines = unit(points) @ self._points.T
        count = min(NEIGHBOURS, len(self._points))
        places = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(cosines, places, 1)
        shares = np.exp(SHARPNESS * (near - near.max(1, keepdims=True)))
        shares *= count / shares.sum(1, keepdims=True)
        step = max(1, _CELLS // (count * self._sums.shape[1]))
        parts = [self._mean(places[at : at + step], shares[at : at + step]) for at in range(0, len(points), step)]
        return np.concatenate(parts) if parts else np.zeros((0, self._sums.shape[1]), np.float32)

    def _mean(self, places: NDArray[np.intp], shares: Floats) -> Floats:
        sums, weights = (shares[:, None, :] @ table[places] for table in (self._sums, self._weights))
        found: Floats = (sums / (weights + PRIOR))[:, 0]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "knn.points": half(self._points),
            "knn.sums": half(self._sums),
            "knn.weights": half(self._weights),
        }


def fit(labels: Labels, points: Guided, chance: np.random.Generator) -> Neighbours:
    tasks = np.unique(labels.task)
    if len(tasks) > KEPT_MAX:
        tasks = np.sort(chance.choice(tasks, KEPT_MAX, replace=False))
    place = np.full(labels.tasks, -1)
    place[tasks] = np.arange(len(tasks))
    kept = place[labels.task] >= 0
    cell = place[labels.task[kept]] * labels.options + labels.option[kept]
    size, shape = len(tasks) * labels.options, (len(tasks), labels.options)
    sums = np.bincount(cell, labels.weight[kept] * labels.excess[kept], size).reshape(shape)
    weights = np.bincount(cell, labels.weight[kept], size).reshape(shape)
    return Neighbours(rounded(unit(points[tasks])), rounded(sums), rounded(weights))


def read(stored: Stored, width: int, options: int) -> Neighbours:
    points = stored.floats("knn.points", None, width)
    shape = (len(points), options)
    return Neighbours(points, stored.floats("knn.sums", *shape), stored.floats("knn.weights", *shape))
