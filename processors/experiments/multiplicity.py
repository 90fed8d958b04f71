"""Several comparisons at once: adjusted p-values, and for each comparison the alpha of the interval that agrees.

An interval at that alpha excludes zero exactly when the comparison is significant. After Benjamini and Hochberg it is
the false coverage rate interval of Benjamini and Yekutieli. After Holm it is the alpha of the step that decided; each
such interval covers as it says, all of them together somewhat less (for that, divide alpha by the comparisons).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from processors.experiments.distributions import Floats, Ints

Correction = Literal["holm", "bh", "none"]


@dataclass(frozen=True)
class Adjusted:
    """In the order of the p-values given."""

    p: list[float]
    alphas: list[float]


def adjust(p: Sequence[float], alpha: float, correction: Correction) -> Adjusted:
    if correction == "none" or len(p) < 2:
        return Adjusted(list(p), [alpha] * len(p))
    return (holm if correction == "holm" else benjamini_hochberg)(p, alpha)


def holm(p: Sequence[float], alpha: float) -> Adjusted:
    """At most one false discovery with probability 1 - alpha, however the comparisons depend on each other."""
    count = len(p)
    order = np.argsort(p, kind="stable")
    remaining = count - np.arange(count)
    adjusted = np.minimum(1.0, np.maximum.accumulate(np.asarray(p)[order] * remaining))
    significant = int(np.count_nonzero(adjusted <= alpha))
    levels = alpha / np.maximum(remaining, count - significant)
    return _in_given_order(order, adjusted, levels)


def benjamini_hochberg(p: Sequence[float], alpha: float) -> Adjusted:
    """Of the discoveries, a share of alpha is false on average."""
    count = len(p)
    order = np.argsort(p, kind="stable")
    ordered = np.asarray(p)[order]
    scaled = np.minimum.accumulate((ordered * count / np.arange(1, count + 1))[::-1])[::-1]
    adjusted = np.clip(scaled, ordered, 1.0)  # rounding may have made it less than it was
    significant = int(np.count_nonzero(adjusted <= alpha))
    return _in_given_order(order, adjusted, np.full(count, alpha * (max(1, significant) / count)))


def _in_given_order(order: Ints, adjusted: Floats, levels: Floats) -> Adjusted:
    back = np.argsort(order)
    return Adjusted(adjusted[back].tolist(), levels[back].tolist())
