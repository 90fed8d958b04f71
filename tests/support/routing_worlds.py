"""Worlds to learn routing in, small and made by chance: kinds of tasks, and options that are good at some of them."""

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import OPTION_FEATURES, TASK_FEATURES, Labelled, Options, Tasks

SIZE = 16


def tasks(kind: NDArray[np.int64], seed: int) -> Tasks:
    """Those of a kind lie near each other."""
    chance = np.random.default_rng(seed)
    centres = np.eye(SIZE)[: kind.max(initial=0) + 1]
    vectors = centres[kind] + 0.08 * chance.standard_normal((len(kind), SIZE))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    features = chance.random((len(kind), len(TASK_FEATURES)))
    return Tasks(vectors.astype(np.float32), features.astype(np.float32))


def options(*names: str, vectors: NDArray[np.float32] | None = None) -> Options:
    blank = np.zeros((len(names), SIZE), np.float32)
    return Options(
        names, blank if vectors is None else vectors, np.zeros((len(names), len(OPTION_FEATURES)), np.float32)
    )


def table(rates: NDArray[np.float64], count: int, seed: int, among: Options | None = None) -> Labelled:
    """Every option at every task. `rates`: (kinds, options) how often it succeeds."""
    chance = np.random.default_rng(seed)
    kinds, size = rates.shape
    kind = chance.integers(kinds, size=count)
    task, option = (one.ravel() for one in np.indices((count, size)))
    label = (chance.random(len(task)) < rates[kind[task], option]).astype(np.float32)
    names = among or options(*(f"option-{i}" for i in range(size)))
    return Labelled(tasks(kind, seed), names, task, option, label, np.ones(len(task), np.float32))


def choices(rates: NDArray[np.float64], count: int, seed: int, among: Options | None = None) -> Labelled:
    """One option at each task, chosen by chance, as on the line."""
    whole = table(rates, count, seed, among)
    size = rates.shape[1]
    rows = np.arange(count) * size + np.random.default_rng(seed + 1).integers(size, size=count)
    return Labelled(
        whole.tasks, whole.options, whole.task[rows], whole.option[rows], whole.label[rows], whole.weight[rows]
    )


SPECIALISTS = np.array([[0.9, 0.3, 0.4], [0.3, 0.9, 0.4], [0.2, 0.3, 0.8]])
"""Each is best at one kind."""
DOMINANT = np.array([[0.8, 0.6, 0.4], [0.75, 0.55, 0.5], [0.85, 0.6, 0.3]])
"""One is best at all kinds."""


def scores(data: Labelled) -> NDArray[np.float32]:
    """(m, n) of a table."""
    found = np.full((len(data.tasks.vectors), len(data.options.ids)), np.nan, np.float32)
    found[data.task, data.option] = data.label
    return found
