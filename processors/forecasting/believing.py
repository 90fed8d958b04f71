"""Whom to believe: forecasters are weighed by what they were worth up to each origin, never by what came after it.

So the figures of the backtest are those of a forecaster that chooses as it will choose for the real future.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BEST = 10
"""So many of the best are averaged: one alone is chosen by luck too often, all together are dull."""
MEMORY = 0.96
"""What an error counts one origin later: who was good lately is believed more."""


def buckets_of(horizon: int) -> list[slice]:
    """Steps of the horizon that are judged together: 1, 2–3, 4–7, 8–15, and so on."""
    edges = [0]
    while edges[-1] < horizon:
        edges.append(min(horizon, 2 * edges[-1] + 1))
    return [slice(low, high) for low, high in pairwise(edges)]


def known_origins(origins: Ints, horizon: int) -> Ints:
    """For each origin: how many earlier origins have their whole path behind them."""
    return np.searchsorted(origins, origins - horizon, side="right").astype(np.int64)


def combined(said: Floats, actual: Floats, origins: Ints, horizon: int) -> tuple[Floats, Ints]:
    """The mean of the forecasters that were best so far, (origins, horizon); and of the last, whom it believed.

    `said` is (origins, horizon, forecasters); `actual` (origins, horizon) is NaN where nothing was seen or is not yet.
    """
    known = known_origins(origins, horizon)
    off = np.abs(said - actual[:, :, None])
    found = np.empty(actual.shape)
    believed = np.zeros(0, dtype=np.int64)
    for bucket in buckets_of(horizon):
        seen = np.isfinite(actual[:, bucket])
        sums = np.nansum(np.where(seen[:, :, None], off[:, bucket], 0.0), axis=1)
        worth = np.zeros(said.shape[2])
        upto = 0
        for i in range(len(origins)):
            while upto < known[i]:
                worth = MEMORY * worth + sums[upto]
                upto += 1
            best = np.argsort(worth, kind="stable")[:BEST] if upto else np.arange(said.shape[2])
            found[i, bucket] = said[i, bucket][:, best].mean(axis=1) if upto else np.median(said[i, bucket], axis=1)
            believed = best
    return found, believed
