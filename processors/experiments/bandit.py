"""Bandit mode: the shares of the next batch from the outcomes so far, by Thompson sampling.

The share of an arm is the chance that it is the best. That chance is computed, not drawn: the same sums give the same
shares in any process, at any time, without a seed; what is random is the hash of the unit, which says where in the
shares it falls. Each choice is logged with its share, its propensity, for `adaptive` to estimate from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.experiments.distributions import Floats, normal_below, normal_quantile
from processors.experiments.lifecycle import shares

FLOOR = 0.05
"""Least share of an arm, or its even share where that is less: keeps estimates possible, costs few units."""
OUTCOMES_MIN = 10
"""Shares are even until each arm has as many outcomes: before, an unlucky start would decide."""
ROUNDING = 1e-12
"""Share of the squares below which what varies is only the rounding of sums."""
POINTS = 512
"""At which an arm's distribution is read; a chance is good to a tenth of a percent."""


@dataclass(frozen=True)
class Outcomes:
    """What is known of an arm: sums only, so that parts of a stream can be added up in any order."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    """Sum of the squared outcomes; the total again for successes and failures."""

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def spread(self) -> float:
        """Sum of the squared distances from the mean."""
        return max(0.0, self.squares - self.total**2 / self.count)


def next_shares(arms: Sequence[Outcomes], *, higher_is_better: bool = True, floor: float = FLOOR) -> list[int]:
    """The shares of the arms, in ten-thousandths that make 10,000."""
    return shares(propensities(arms, higher_is_better=higher_is_better, floor=floor).tolist())


def propensities(arms: Sequence[Outcomes], *, higher_is_better: bool = True, floor: float = FLOOR) -> Floats:
    """For each arm the chance that it is the best, above the floor. By the normal distribution of each arm's mean, with
    its own variance or that of all arms, whichever is greater: a few outcomes alike are no certainty."""
    even = np.full(len(arms), 1 / len(arms))
    counts = np.array([arm.count for arm in arms], dtype=np.float64)
    spreads = np.array([arm.spread if arm.count else 0.0 for arm in arms])
    if counts.min() < OUTCOMES_MIN or spreads.sum() <= ROUNDING * sum(arm.squares for arm in arms):
        return even
    means = np.array([arm.total for arm in arms]) / counts
    common = spreads.sum() / (counts.sum() - len(arms))
    errors = np.sqrt(np.maximum(spreads / (counts - 1), common) / counts)
    return with_floor(_chances_to_be_greatest(means if higher_is_better else -means, errors), floor)


def with_floor(chances: Floats, floor: float) -> Floats:
    """A mixture with even shares that leaves no arm below the floor."""
    least = min(floor, 1 / len(chances))
    return least + (1 - least * len(chances)) * chances


def _chances_to_be_greatest(means: Floats, errors: Floats) -> Floats:
    """The mean, over the quantiles of an arm, of the chance that all others are below."""
    places = means + errors * _QUANTILES[:, np.newaxis]
    below = normal_below((places[:, :, np.newaxis] - means) / errors)
    below[:, range(len(means)), range(len(means))] = 1.0
    best = below.prod(axis=2).mean(axis=0)
    chances: Floats = best / best.sum()
    return chances


_QUANTILES: Floats = normal_quantile((np.arange(POINTS) + 0.5) / POINTS)
