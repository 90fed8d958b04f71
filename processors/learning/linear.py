"""Linear: how much better or worse than its mean an option does, as a weighted sum of where the task lies.

Ridge regression in two steps: what is the same for all options, which is how hard a task is, and then what each option
adds to that. Closed form, so a million labels take one pass, and few labels of an option leave it near the others.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.labels import Labels
from processors.learning.space import CHUNK, Points
from processors.learning.stored import Floats, Stored, half, rounded

RIDGE = 10.0


class Linear:
    name = "linear"

    def __init__(self, weights: Floats) -> None:
        self.weights = weights  # (width + 1, options)

    def excess(self, points: Floats) -> Floats:
        """(m, known options) what is to be expected above their means."""
        found: Floats = points @ self.weights[:-1] + self.weights[-1]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"linear.weights": half(self.weights)}


class Difficulty:
    """How much better or worse than their means all options do at a task."""

    def __init__(self, weights: Floats) -> None:
        self.weights = weights  # (width + 1,)

    def excess(self, points: Floats) -> Floats:
        """(m, 1)"""
        found: Floats = (points @ self.weights[:-1] + self.weights[-1])[:, None]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"difficulty.weights": half(self.weights)}


def fit_difficulty(labels: Labels, points: Points) -> Difficulty:
    """Labels of one task count together, so a task with many says no more of where it lies than its mean does."""
    weight = np.bincount(labels.task, labels.weight, labels.tasks)
    excess = np.bincount(labels.task, labels.weight * labels.excess, labels.tasks) / np.maximum(weight, 1e-9)
    rows = np.flatnonzero(weight)
    return Difficulty(rounded(_ridge(points, rows, excess[rows], weight[rows] / weight[rows].mean())))


def fit(labels: Labels, points: Points) -> Linear:
    difficulty = fit_difficulty(labels, points)
    shared = np.concatenate([some[:, 0] for some in (difficulty.excess(rows) for _, rows in points.chunks())])
    rest = labels.excess - shared[labels.task]
    order = np.argsort(labels.option, kind="stable")
    bounds = np.searchsorted(labels.option[order], np.arange(1, labels.options))
    columns = [_ridge(points, labels.task[mine], rest[mine], labels.weight[mine]) for mine in np.split(order, bounds)]
    return Linear(rounded(np.stack(columns, 1) + difficulty.weights[:, None]))


def _ridge(points: Points, rows: NDArray[np.int64], wanted: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """(width + 1,), the last for what is the same everywhere."""
    width = points.space.width + 1
    rows, wanted, weight = (one[weight > 0] for one in (rows, wanted, weight))
    if len(rows) < width:
        return _ridge_of_few(_with_one(points[rows]).astype(np.float64), wanted, weight)
    gram, right = np.zeros((width, width)), np.zeros(width)
    for start in range(0, len(rows), CHUNK):
        some = slice(start, start + CHUNK)
        found = _with_one(points[rows[some]])
        weighted = found * weight[some, None].astype(np.float32)
        gram += weighted.T @ found
        right += weighted.T @ wanted[some].astype(np.float32)
    gram[np.diag_indices(width)] += RIDGE
    return np.asarray(np.linalg.solve(gram, right), np.float64)


def _ridge_of_few(found: NDArray[np.float64], wanted: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """The same for fewer labels than there are numbers, solved by label: most agents of a line have few."""
    if not len(found):
        return np.zeros(found.shape[1])
    return np.asarray(found.T @ np.linalg.solve(found @ found.T + np.diag(RIDGE / weight), wanted), np.float64)


def _with_one(points: Floats) -> Floats:
    return np.concatenate([points, np.ones((len(points), 1), np.float32)], 1)


def read(stored: Stored, width: int, options: int) -> Linear:
    return Linear(stored.floats("linear.weights", width + 1, options))


def read_difficulty(stored: Stored, width: int) -> Difficulty:
    return Difficulty(stored.floats("difficulty.weights", width + 1))
