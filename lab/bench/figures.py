"""Figures from measurements. Pure."""

from collections.abc import Sequence
from statistics import median


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 when all are equal, 1/n when one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(s * s for s in shares))


def spread(values: Sequence[float]) -> str:
    """Median, and the least and greatest."""
    return f"{median(values):,.1f} ({min(values):,.1f}–{max(values):,.1f})"
