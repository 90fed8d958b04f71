"""Where tasks lie beside each other: the embedding of a text, and beside it how the text is written."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import TASK_FEATURES, BadModel, Tasks
from processors.learning.stored import Floats, Stored

FEATURES_SHARE = 1.2
"""Length of an ordinary task's features beside the embedding, whose length is 1. Between 0.7 and 1.5 no router did
better or worse than chance would make it."""
FAR = 3.0
"""Standard deviations beyond which a feature counts no more."""
CHUNK = 4096


class Space:
    def __init__(self, size: int, mean: Floats, scale: Floats) -> None:
        """`size`: of the embedding; `mean` and `scale` of the features."""
        self.size = size
        self._mean = mean
        self._scale = scale
        self._share = np.float32(FEATURES_SHARE / np.sqrt(len(mean)))

    @property
    def width(self) -> int:
        return self.size + len(self._mean)

    def points(self, tasks: Tasks) -> Floats:
        """(m, width)"""
        vectors, features = np.asarray(tasks.vectors), np.asarray(tasks.features, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.size or features.shape != (len(vectors), len(self._mean)):
            raise ValueError(
                f"Tasks of {vectors.shape} and {features.shape} do not fit a model of {self.size} and "
                f"{len(self._mean)}: it was made with another embedder or other features."
            )
        found = np.empty((len(vectors), self.width), np.float32)
        found[:, : self.size] = vectors
        np.clip((features - self._mean) / self._scale, -FAR, FAR, out=found[:, self.size :])
        found[:, self.size :] *= self._share
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"space.size": np.array([self.size], np.int32), "space.mean": self._mean, "space.scale": self._scale}


def unit(points: Floats) -> Floats:
    """Each row made one long; a row of zeros stays."""
    found: Floats = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    return found


def fit(tasks: Tasks) -> Space:
    features, size = tasks.features, max(1, len(tasks.features))
    mean, square = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for at in range(0, len(features), CHUNK):  # of a million tasks no copy fits beside them
        mean += features[at : at + CHUNK].sum(0, dtype=np.float64) / size
    for at in range(0, len(features), CHUNK):
        square += ((features[at : at + CHUNK] - mean) ** 2).sum(0) / size
    spread = np.sqrt(square)
    scale = np.where(spread > 1e-6, spread, 1.0)
    return Space(int(tasks.vectors.shape[1]), mean.astype(np.float32), scale.astype(np.float32))


def read(stored: Stored) -> Space:
    size = float(stored.floats("space.size", 1)[0])
    count = len(TASK_FEATURES)
    mean, scale = stored.floats("space.mean", count), stored.floats("space.scale", count)
    if size != int(size) or not 0 < size < 1 << 16 or (scale <= 0).any():
        raise BadModel("the arrays space.size and space.scale must be above zero")
    return Space(int(size), mean, scale)


class Points:
    """The points of many tasks, made where they are looked at: there may be a million."""

    def __init__(self, space: Space, tasks: Tasks) -> None:
        self.space = space
        self._tasks = tasks

    def __len__(self) -> int:
        return len(self._tasks.vectors)

    def __getitem__(self, rows: NDArray[Any] | slice) -> Floats:
        return self.space.points(Tasks(self._tasks.vectors[rows], self._tasks.features[rows]))

    def digest(self, *more: NDArray[Any]) -> bytes:
        """Of the points and of these arrays: equal for equal ones."""
        found = hashlib.blake2b(digest_size=16)
        for array in (self._tasks.vectors, self._tasks.features, *self.space.arrays().values(), *more):
            found.update(str((array.shape, array.dtype)).encode())
            found.update(np.ascontiguousarray(array).data)
        return found.digest()

    def chunks(self) -> Iterator[tuple[slice, Floats]]:
        for start in range(0, len(self), CHUNK):
            rows = slice(start, min(len(self), start + CHUNK))
            yield rows, self[rows]
