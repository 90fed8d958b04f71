"""Mann-Whitney U: whether values of one arm tend to lie above the other's. By ranks, so that outliers weigh little."""

from math import sqrt

import numpy as np

from processors.experiments.distributions import Floats, normal_two_sided


def mann_whitney(treated: Floats, control: Floats) -> tuple[float, float]:
    """U of the treated arm and the two-sided p: normal approximation, corrected for ties and continuity."""
    size, other = len(treated), len(control)
    total = size + other
    _, codes, ties = np.unique(np.concatenate([treated, control]), return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2  # equal values share the mean of their ranks
    u = float(ranks[codes[:size]].sum()) - size * (size + 1) / 2
    tied = float(np.sum(ties.astype(np.float64) ** 3 - ties)) / (total * (total - 1))
    variance = size * other / 12 * (total + 1 - tied)
    if variance <= 0:
        return u, 1.0
    distance = max(0.0, abs(u - size * other / 2) - 0.5)
    return u, float(normal_two_sided(distance / sqrt(variance)))
