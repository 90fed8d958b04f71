"""Mann-Whitney U: whether values of one arm tend to lie above the other's. By ranks, so that outliers weigh little."""

from math import sqrt

import numpy as np

from processors.experiments.distributions import Floats, normal_two_sided


def mann_whitney(treated: Floats, control: Floats) -> tuple[float, float]:
    """U of the treated arm and the two-sided p: normal approximation, corrected for ties and continuity."""
    size, other = len(treated), len(control)
    total = size + other
    ordered = np.sort(np.concatenate([treated, control]))
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), total - 1)  # of each run of equal values
    ties = np.diff(last, prepend=-1)
    ranks = np.cumsum(ties) - (ties - 1) / 2  # equal values share the mean of their ranks
    among_treated = np.diff(np.searchsorted(np.sort(treated), ordered[last], side="right"), prepend=0)
    u = float((ranks * among_treated).sum()) - size * (size + 1) / 2
    tied = float(np.sum(ties.astype(np.float64) ** 3 - ties)) / (total * (total - 1))
    variance = size * other / 12 * (total + 1 - tied)
    if variance <= 0:
        return u, 1.0
    distance = max(0.0, abs(u - size * other / 2) - 0.5)
    return u, float(normal_two_sided(distance / sqrt(variance)))
