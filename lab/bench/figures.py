"""Figures from measurements. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
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


def starts_while_all_wait(order: Iterable[str], backlog: Mapping[str, int]) -> dict[str, int]:
    """Starts of each tenant until the first one has nothing left; `order` names the tenant of each start."""
    started = dict.fromkeys(backlog, 0)
    for tenant in order:
        started[tenant] += 1
        if started[tenant] == backlog[tenant]:
            break
    return started


def out_of_order(priorities: Sequence[int]) -> int:
    """How often a task started right after one of lesser priority (a greater number)."""
    return sum(later < earlier for earlier, later in pairwise(priorities))


def widest_lead(order: Iterable[str], tenants: Iterable[str]) -> int:
    """The most starts that one tenant was ever ahead of another."""
    counts = Counter(dict.fromkeys(tenants, 0))
    lead = 0
    for tenant in order:
        counts[tenant] += 1
        lead = max(lead, max(counts.values()) - min(counts.values()))
    return lead
