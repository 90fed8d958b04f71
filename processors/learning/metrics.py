"""How good a router is on queries whose every answer is known: what it earns, what it costs, whether its probabilities
come true, and whether it knows when it does not know.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

BINS = 10
RESAMPLES = 2000
_AT_A_TIME = 1 << 22


def ece(said: NDArray[Any], came: NDArray[Any], bins: int = BINS) -> float:
    """Expected calibration error: the mean distance, over bins of equal width, of what was said from what came."""
    if not len(said):
        return 0.0
    place = np.clip((said * bins).astype(np.int64), 0, bins - 1)
    apart = np.bincount(place, came, bins) - np.bincount(place, said, bins)
    return float(np.abs(apart).sum() / len(said))


def interval(differences: NDArray[Any], chance: np.random.Generator) -> tuple[float, float]:
    """The 95 % interval of the mean of paired differences, by bootstrap over the pairs."""
    size = len(differences)
    step = max(1, _AT_A_TIME // size)
    means = np.concatenate(
        [
            differences[chance.integers(size, size=(min(step, RESAMPLES - at), size))].mean(1)
            for at in range(0, RESAMPLES, step)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def earned(scores: Floats, choice: Places) -> Floats:
    """(m,) of scores (m, n), those of the chosen."""
    return np.asarray(scores[np.arange(len(choice)), choice])


def best_of(values: Floats, allowed: NDArray[np.bool_]) -> Places:
    """(m,) the allowed option with the highest value."""
    return np.asarray(np.where(allowed, values, -np.inf).argmax(1))


@dataclass(frozen=True, slots=True)
class Kept:
    """A point of the abstention curve."""

    answered: float
    """Share of the queries that the router answers, those where it is surest to win; the best single does the rest."""
    score: float


def abstention(lead: Floats, chosen: Floats, single: Floats, steps: int = 10) -> list[Kept]:
    """`lead`: by how much the router expects to do better than the best single; `chosen` and `single`: their scores."""
    order = np.argsort(-lead, kind="stable")
    wins = np.concatenate([[0.0], np.cumsum((chosen - single)[order])])
    places = np.linspace(0, len(lead), steps + 1).round().astype(np.int64)
    return [Kept(float(at / len(lead)), float(single.mean() + wins[at] / len(lead))) for at in places]


@dataclass(frozen=True, slots=True)
class Point:
    """A weighing of quality against cost."""

    alpha: float
    """1: quality alone; 0: cost alone."""
    score: float
    cost: float


def weighed(quality: Floats, cost: Floats, alpha: float) -> Floats:
    """What is to be chosen by: alpha for quality, the rest for cheapness. Costs are scaled by the dearest mean, so that
    0 stands for free and 1 for the dearest option."""
    dearest = max(float(cost.mean(0).max()), 1e-12)
    return np.asarray(alpha * quality + (1 - alpha) * (1 - cost / dearest))


def trade(quality: Floats, expected: Floats, allowed: NDArray[np.bool_], scores: Floats, costs: Floats) -> list[Point]:
    """The curve of quality against cost: `expected` costs are chosen by, `costs` are paid."""
    found = []
    for alpha in (1.0, *(1 / (1 + 10 ** np.linspace(-4, 2, 121))), 0.0):
        choice = best_of(weighed(quality, expected, float(alpha)), allowed)
        found.append(Point(float(alpha), float(earned(scores, choice).mean()), float(earned(costs, choice).mean())))
    return found


def cheapest(curve: list[Point], score: float) -> Point | None:
    """The point of least cost that scores no less; None when none does."""
    good = [point for point in curve if point.score >= score - 1e-12]
    return min(good, key=lambda point: (point.cost, -point.score), default=None)


def recovered_gap(lead: NDArray[Any], strong: NDArray[Any], weak: NDArray[Any]) -> float:
    """The area under the curve of the recovered performance gap: queries go to the strong model in the order of `lead`,
    and of the difference between always it and always the weak one that share is recovered. 0.5 is chance."""
    gap = float((strong - weak).sum())
    if abs(gap) < 1e-12:
        return 0.5
    wins = np.concatenate([[0.0], np.cumsum((strong - weak)[np.argsort(-lead, kind="stable")])]) / gap
    return float(((wins[1:] + wins[:-1]) / 2).mean())
