"""Regions of the space where training tasks lie: which of them a task falls into, and whether into any at all.

The space is cut into regions several times over, each time anew from other beginnings. Where one cut happens to run
between two like tasks the others do not, so what they say together varies less.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.guide import Guided
from processors.learning.model import BadModel
from processors.learning.space import CHUNK, unit
from processors.learning.stored import Floats, Stored, half, rounded

CUTS = 3
COUNT_MIN, COUNT_MAX = 2, 100
"""Regions of one cut."""
BYTES_MAX = 150_000
"""What all regions take, their part of the clusters' table included: with many agents there are fewer of them."""
NEAREST = 5
"""Regions of a cut that say something of a task."""
SHARPNESS = 20.0
"""How much more the nearest of them says: e to the power of this times the difference of the cosines."""
SAMPLE_MAX = 20_000
"""Tasks that regions are made from; more would move no centre."""
ROUNDS = 20
STRANGE = 0.01
"""A task that is stranger than all but this share of the training tasks is left to others to judge."""
_APART = 5
"""One training task in so many is kept out of the regions, to see how near to them an ordinary task lies."""
_LEVELS = 101
_SHARES = np.linspace(0, 1, _LEVELS)


@dataclass(frozen=True, slots=True)
class Nearest:
    places: NDArray[np.intp]
    """(m, p) regions of all cuts."""
    shares: Floats
    """(m, p) what each says, 1 in all."""
    known: Floats
    """(m,) as in Prediction."""


class Regions:
    def __init__(self, centres: Floats, mean: Floats, spread: Floats, levels: Floats) -> None:
        """`centres`: (cuts, regions, width), one long each. Of the first cut, `mean` and `spread`: of the cosines
        between a region's tasks and its centre; `levels`: quantiles of all of those, each region's brought to mean 0
        and spread 1."""
        self._centres = centres
        self._mean = mean
        self._spread = spread
        self._levels = levels
        self._flat = np.ascontiguousarray(centres.reshape(-1, centres.shape[2]).T)

    def __len__(self) -> int:
        """Of all cuts."""
        return int(self._flat.shape[1])

    @property
    def cuts(self) -> int:
        return len(self._centres)

    def likeness(self) -> Floats:
        """(all, all) the cosines of their centres."""
        found: Floats = self._flat.T @ self._flat
        return found

    def nearest(self, points: Floats) -> Nearest:
        cosines = self._cosines(unit(points))
        regions = cosines.shape[2]
        count = min(NEAREST, regions)
        places = np.argpartition(-cosines, count - 1, axis=2)[:, :, :count]
        near = np.take_along_axis(cosines, places, 2)
        best = near.max(2, keepdims=True)
        shares = np.exp(SHARPNESS * (near - best))
        shares /= shares.sum(2, keepdims=True) * self.cuts
        places += np.arange(self.cuts)[:, None] * regions
        size = len(points)
        return Nearest(places.reshape(size, -1), shares.reshape(size, -1), self._known(cosines[:, 0], best[:, 0, 0]))

    def closest(self, points: Guided) -> NDArray[np.int64]:
        """(m, cuts) the region of each task in each cut."""
        found = np.empty((len(points), self.cuts), np.int64)
        for rows, some in points.chunks():
            found[rows] = self._cosines(some).argmax(2)
        found += np.arange(self.cuts) * self._centres.shape[1]
        return found

    def _cosines(self, points: Floats) -> Floats:
        """(m, cuts, regions)"""
        found: Floats = (points @ self._flat).reshape(len(points), self.cuts, -1)
        return found

    def _known(self, cosines: Floats, best: Floats) -> Floats:
        closest = cosines.argmax(1)
        likeness = (best - self._mean[closest]) / self._spread[closest]
        known: Floats = np.interp(likeness, self._levels, _SHARES).astype(np.float32)
        return known

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "regions.centres": half(self._centres),
            "regions.mean": self._mean,
            "regions.spread": self._spread,
            "regions.levels": self._levels,
        }


def count_for(tasks: int, width: int, options: int, cuts: int) -> int:
    """How many regions a cut has: it grows with the root of the tasks, as far as there is room."""
    room = BYTES_MAX // (2 * cuts * (width + options))
    return int(np.clip(1.6 * np.sqrt(tasks), COUNT_MIN, max(COUNT_MIN, min(COUNT_MAX, room))))


def fit(points: Guided, chance: np.random.Generator, options: int, cuts: int = CUTS) -> Regions:
    rows = chance.permutation(len(points))[:SAMPLE_MAX]
    some = unit(np.concatenate([points[rows[at : at + CHUNK]] for at in range(0, len(rows), CHUNK)]))
    count = min(count_for(len(points), some.shape[1], options, cuts), len(some))
    apart = some[::_APART]
    inside = np.delete(some, slice(None, None, _APART), axis=0) if len(some) >= _APART * count else some
    centres = rounded(np.stack([_centres(inside, count, chance) for _ in range(cuts)]))
    cosines = apart @ centres[0].T
    closest, near = cosines.argmax(1), cosines.max(1)
    mean, spread = _habits(closest, near, count)
    levels = np.quantile((near - mean[closest]) / spread[closest], _SHARES)
    rising = np.maximum.accumulate(levels.astype(np.float32) + np.arange(_LEVELS, dtype=np.float32) * np.float32(1e-6))
    return Regions(centres, mean, spread, rising)


def _habits(closest: NDArray[np.intp], near: Floats, count: int) -> tuple[Floats, Floats]:
    """Mean and spread of the cosines, by region; one of few tasks is taken to vary as all do."""
    few, weight = 20.0, np.bincount(closest, minlength=count)
    overall, least = float(near.mean()), max(float(near.std()), 1e-3)
    mean = (np.bincount(closest, near, count) + few * overall) / (weight + few)
    squares = np.bincount(closest, (near - mean[closest]) ** 2, count)
    return mean.astype(np.float32), np.sqrt((squares + few * least**2) / (weight + few)).astype(np.float32)


def _centres(some: Floats, count: int, chance: np.random.Generator) -> Floats:
    """By k-means on the sphere."""
    centres = some[np.sort(chance.choice(len(some), count, replace=False))].copy()
    for _ in range(ROUNDS):
        closest = (some @ centres.T).argmax(1)
        order = np.argsort(closest, kind="stable")
        for place, rows in enumerate(np.split(order, np.searchsorted(closest[order], np.arange(1, count)))):
            # One that lost all its tasks starts anew at a task of chance.
            centres[place] = some[rows].mean(0) if len(rows) else some[chance.integers(len(some))]
        centres = unit(centres)
    return centres


def read(stored: Stored, width: int) -> Regions:
    centres = stored.floats("regions.centres", None, None, width)
    cuts, count = centres.shape[:2]
    if not (0 < cuts <= 16 and 0 < count <= 4096):
        raise BadModel("the array regions.centres has no rows, or too many")
    mean, spread = stored.floats("regions.mean", count), stored.floats("regions.spread", count)
    levels = stored.floats("regions.levels", _LEVELS)
    if (spread <= 0).any() or (np.diff(levels) < 0).any():
        raise BadModel("the array regions.spread must be above zero, and regions.levels must not fall")
    return Regions(centres, mean, spread, levels)
