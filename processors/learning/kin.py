"""What is known of an option through others: a new agent is judged as those are whose descriptions are like its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import BadModel, Options
from processors.learning.remembering import OfOptions
from processors.learning.stored import Floats, Stored, as_bytes

SHARPNESS = 10.0
"""e to the power of this times the difference of two cosines: how much more the more similar of two counts."""
_LARGEST = 127


class Kin:
    """The options of the training data and their descriptions."""

    def __init__(self, ids: Sequence[str], vectors: Floats) -> None:
        self.ids = tuple(ids)
        self._vectors = vectors
        self._described = np.abs(vectors).sum(1) > 0
        self._place = {name: place for place, name in enumerate(self.ids)}
        self._made = OfOptions()

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self, options: Options) -> Floats:
        """(known, n): of which known options each of these is made, 1 in all."""
        return self._made.of(options, self._columns)

    def _columns(self, options: Options) -> Floats:
        found = np.zeros((len(self), len(options.ids)), np.float32)
        for column, name in enumerate(options.ids):
            place = self._place.get(name)
            if place is None:
                found[:, column] = self._like(options.vectors[column], None)
            else:
                found[place, column] = 1.0
        return found

    def places(self, options: Options) -> NDArray[np.int64]:
        """(n,) -1 for one that is not known."""
        return np.array([self._place.get(name, -1) for name in options.ids], np.int64)

    def others(self) -> Floats:
        """(known, known): row by row, what an option would be taken for if it were not known itself."""
        return np.array([self._like(self._vectors[one], one) for one in range(len(self))], np.float32)

    def _like(self, vector: Floats, but: int | None) -> Floats:
        shares = np.zeros(len(self), np.float32)
        may = np.ones(len(self), np.bool_)
        if but is not None and len(self) > 1:
            may[but] = False
        if np.any(vector) and (may & self._described).any():
            may &= self._described
            cosines = self._vectors[may] @ vector
            odds = np.exp(SHARPNESS * (cosines - cosines.max()))
            shares[may] = odds / odds.sum()
        else:
            shares[may] = 1 / may.sum()
        return shares

    def arrays(self) -> dict[str, NDArray[Any]]:
        # Tables have no descriptions; a column of zeros each would be half of what is stored.
        rows, scale = _packed(self._vectors if self._described.any() else self._vectors[:0])
        return {"options.ids": as_bytes(self.ids), "options.vectors": rows, "options.scale": scale}


def fit(options: Options) -> Kin:
    rows, scale = _packed(options.vectors)
    return Kin(options.ids, rows * scale[:, None])


def _packed(vectors: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A byte a number, and a scale a row."""
    scale = (np.abs(vectors).max(1, initial=0) / _LARGEST).astype(np.float32)
    rows = np.rint(vectors / np.where(scale > 0, scale, 1)[:, None])
    return rows.astype(np.int8), scale


def read(stored: Stored, size: int) -> Kin:
    ids, vectors = stored.texts("options.ids"), stored.floats("options.vectors", None, size)
    scale = stored.floats("options.scale", len(vectors))
    vectors = vectors * scale[:, None] if len(vectors) else np.zeros((len(ids), size), np.float32)
    if not ids or len(set(ids)) != len(ids) or len(vectors) != len(ids):
        raise BadModel("the arrays options.ids and options.vectors do not name each option once")
    return Kin(ids, vectors)
