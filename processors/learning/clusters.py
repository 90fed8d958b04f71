"""Clusters: in each region of the space, how much better or worse than its mean every option does there.

The idea is that of Avengers-Pro: embed, cluster, compare by cluster. A region where an option has few labels is judged
by how options of like description do there, and without descriptions by how all do, which is how hard its tasks are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.kin import Kin
from processors.learning.labels import Labels
from processors.learning.regions import Nearest
from processors.learning.stored import Floats, Stored, half, rounded

PRIOR = 5.0
"""Labels that this judgement counts as."""


class Clusters:
    name = "clusters"

    def __init__(self, table: Floats) -> None:
        self._table = table  # (regions of all cuts, options)

    def excess(self, near: Nearest) -> Floats:
        """(m, known options) what is to be expected above their means."""
        found: Floats = (near.shares[:, None, :] @ self._table[near.places])[:, 0]
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"clusters.table": half(self._table)}


def fit(labels: Labels, region: NDArray[np.int64], regions: int, kin: Kin) -> Clusters:
    """`region`: (tasks, cuts), as `Regions.closest` finds it."""
    size, shape = regions * labels.options, (regions, labels.options)
    sums, weights = np.zeros(size), np.zeros(size)
    for cut in region.T:
        cell = cut[labels.task] * labels.options + labels.option
        sums += np.bincount(cell, labels.weight * labels.excess, size)
        weights += np.bincount(cell, labels.weight, size)
    sums, weights = sums.reshape(shape), weights.reshape(shape)
    expected = (sums / (weights + PRIOR)) @ kin.others().T
    return Clusters(rounded((sums + PRIOR * expected) / (weights + PRIOR)))


def read(stored: Stored, regions: int, options: int) -> Clusters:
    return Clusters(stored.floats("clusters.table", regions, options))
