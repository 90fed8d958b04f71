"""Clusters: in each region of the space, how much better or worse than its mean every option does there.

The idea is that of Avengers-Pro: embed, cluster, compare by cluster. A region where an option has few labels is judged
by how it does in the regions around, and where it has few there too, by how options of like description do there;
without descriptions by how all do, which is how hard its tasks are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.kin import Kin
from processors.learning.labels import Labels
from processors.learning.regions import Nearest, Regions
from processors.learning.stored import Floats, Stored, half, rounded

PRIOR = 5.0
"""Labels that each of these judgements counts as."""
SHARPNESS = 10.0
"""A label of another region counts e to the power of this times what the cosine of the two centres lacks to 1. An agent
that is new has a handful of labels, hardly two in one region: each by itself says nothing, all of a kind say much."""


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


def fit(labels: Labels, region: NDArray[np.int64], regions: Regions, kin: Kin) -> Clusters:
    """`region`: (tasks, cuts), as `Regions.closest` finds it."""
    shape = len(regions), labels.options
    sums, weights = np.zeros(shape).ravel(), np.zeros(shape).ravel()
    for cut in region.T:
        cell = cut[labels.task] * labels.options + labels.option
        sums += np.bincount(cell, labels.weight * labels.excess, len(sums))
        weights += np.bincount(cell, labels.weight, len(weights))
    sums, weights = sums.reshape(shape), weights.reshape(shape)
    around = np.exp(SHARPNESS * (regions.likeness() - 1)) / regions.cuts  # a label lies in a region of every cut
    like = _judged(around @ sums, around @ weights, 0.0) @ kin.others().T
    return Clusters(rounded(_judged(sums, weights, _judged(around @ sums, around @ weights, like))))


def _judged(sums: NDArray[Any], weights: NDArray[Any], expected: NDArray[Any] | float) -> NDArray[Any]:
    """The mean of labels, drawn towards what is expected without them."""
    found: NDArray[Any] = (sums + PRIOR * expected) / (weights + PRIOR)
    return found


def read(stored: Stored, regions: int, options: int) -> Clusters:
    return Clusters(stored.floats("clusters.table", regions, options))
