"""Labels made ready to be learned from: each as how much better or worse than its option's mean it turned out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.kin import Kin
from processors.learning.model import Labelled
from processors.learning.space import CHUNK
from processors.learning.stored import Floats, rounded

MEAN_PRIOR = 10.0
"""Labels that what is known of like options counts as, in the mean of an option."""


@dataclass(frozen=True, slots=True)
class Labels:
    """k of them."""

    task: NDArray[np.int64]
    option: NDArray[np.int64]
    excess: Floats
    """The label less the mean of its option."""
    weight: Floats
    """1 on average."""
    tasks: int
    options: int

    def __len__(self) -> int:
        return len(self.task)

    def only(self, rows: NDArray[Any]) -> "Labels":
        return Labels(
            self.task[rows], self.option[rows], self.excess[rows], self.weight[rows], self.tasks, self.options
        )


def means(data: Labelled, kin: Kin) -> Floats:
    """(n,) the mean label of each option; of one with few labels nearer to those of its like."""
    weight = evened(data.weight).astype(np.float64)
    count = len(kin)
    sums = np.bincount(data.option, weight * data.label, count)
    weights = np.bincount(data.option, weight, count)
    overall = float(sums.sum() / max(1e-9, weights.sum()))
    first = (sums + MEAN_PRIOR * overall) / (weights + MEAN_PRIOR)
    return rounded((sums + MEAN_PRIOR * (kin.others() @ first)) / (weights + MEAN_PRIOR))


def of(data: Labelled, mean: Floats) -> Labels:
    excess = (data.label - mean[data.option]).astype(np.float32)
    return Labels(data.task, data.option, excess, evened(data.weight), len(data.tasks.vectors), len(mean))


def evened(weight: Floats) -> Floats:
    """1 on average, so that priors count the same whatever the scale."""
    found: Floats = (weight / max(1e-9, float(weight.mean()) if len(weight) else 1.0)).astype(np.float32)
    return found


def check(data: Labelled) -> None:
    """Raises ValueError for what nothing can be learned from."""
    tasks, options, count = len(data.tasks.vectors), len(data.options.ids), len(data.task)
    if not (len(data.option) == len(data.label) == len(data.weight) == count):
        raise ValueError("Each label needs a task, an option and a weight.")
    if count < 2 or len(np.unique(data.task)) < 2:
        raise ValueError("There are labels of fewer than two tasks: nothing can be learned from that.")
    for name, places, size in (("task", data.task, tasks), ("option", data.option, options)):
        if places.min() < 0 or places.max() >= size:
            raise ValueError(f"A label names {name} {int(places.max())}, and there are {size}.")
    if not np.isfinite(data.label).all() or data.label.min() < 0 or data.label.max() > 1:
        raise ValueError("A label is not between 0 and 1.")
    if not np.isfinite(data.weight).all() or data.weight.min() < 0 or not data.weight.any():
        raise ValueError("A weight is not a number above 0.")
    given = [data.tasks.vectors, data.tasks.features, data.options.vectors, data.options.features]
    if not all(np.isfinite(array[at : at + CHUNK]).all() for array in given for at in range(0, len(array), CHUNK)):
        raise ValueError("A vector or a feature holds what is no number.")
