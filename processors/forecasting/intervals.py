"""Intervals from a forecaster's own past errors by horizon (split conformal, over a rolling origin)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from processors.forecasting.believing import buckets_of, known_origins

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POWERS = (0.0, 0.5, 1.0)
"""How errors may grow with the load: not, as counts do, or in proportion."""
FLOOR = 0.05
"""Of the mean value; below it errors shrink no further with the load."""


def width_at(point: Floats, power: float) -> Floats:
    return np.maximum(point, FLOOR) ** power if power else np.ones_like(point)


def quantiles(errors: Floats, independent: int, confidence: float) -> tuple[float, float]:
    """Where errors of the past lie, a little wider for being few: `independent` of them tell something new."""
    tail = (1 - confidence) / 2
    share = min(1.0, (1 - tail) * (1 + 1 / max(independent, 1)))
    low, high = np.quantile(errors, [1 - share, share])
    if (independent + 1) * tail < 1:  # fewer than can tell: the farthest, and more the fewer they are
        most = max(abs(low), abs(high)) * (1 + 1 / max(independent, 1))
        low, high = -most, most
    return float(min(low, 0.0)), float(max(high, 0.0))


def intervals(
    point: Floats, actual: Floats, origins: Ints, horizon: int, confidence: float, rows: Sequence[int], power: float
) -> tuple[Floats, Floats]:
    """Low and high for the origins in `rows`, each from the errors known there; NaN where none is."""
    known = known_origins(origins, horizon)
    low = np.full((len(rows), horizon), np.nan)
    high = low.copy()
    scaled = (actual - point) / width_at(point, power)
    for bucket in buckets_of(horizon):
        for k, row in enumerate(rows):
            errors = scaled[: known[row], bucket]
            seen = np.isfinite(errors)
            if not seen.any():
                continue
            below, above = quantiles(errors[seen], int(seen.any(axis=1).sum()), confidence)
            wide = width_at(point[row, bucket], power)
            low[k, bucket], high[k, bucket] = point[row, bucket] + below * wide, point[row, bucket] + above * wide
    return low, high


def chosen_power(point: Floats, actual: Floats, confidence: float) -> float:
    """The growth under which the intervals that hold the same share are narrowest (interval score)."""
    scores = []
    tail = (1 - confidence) / 2
    for power in POWERS:
        wide = width_at(point, power)
        scaled = (actual - point) / wide
        if not np.isfinite(scaled).any():
            return 0.0
        low, high = np.nanquantile(scaled, [tail, 1 - tail])
        miss = np.maximum(low - scaled, 0) + np.maximum(scaled - high, 0)
        scores.append(float(np.nanmean((high - low + miss / tail) * wide)))
    return POWERS[int(np.argmin(scores))]
