"""Before the start: how sure a fixed-horizon test will be (power), how many units it takes, what it can detect.

Units are those of the control arm; `treated_for_each` is the size of the other arm as a multiple of it.
"""

from collections.abc import Callable
from math import inf, sqrt

from processors.experiments.distributions import (
    normal_below,
    normal_quantile,
    student_shifted_below,
    student_upper_quantile,
)
from processors.experiments.estimates import BadData

UNITS_MAX = 10**12
"""No experiment is larger; where more would be needed the effect is as good as none."""
CLOSE_ENOUGH = 1e-7
"""Share of an effect to which it is searched."""


def power_of_means(
    effect: float, deviation: float, units: float, *, treated_for_each: float = 1, alpha: float = 0.05
) -> float:
    """Chance that a two-sided t-test finds a difference of means of `effect`, by the noncentral t distribution."""
    others = units * treated_for_each
    df = units + others - 2
    shift = effect / (deviation * sqrt(1 / units + 1 / others))
    edge = float(student_upper_quantile(alpha / 2, df))
    return 1 - float(student_shifted_below(edge, df, shift)) + float(student_shifted_below(-edge, df, shift))


def power_of_proportions(
    control: float, treated: float, units: float, *, treated_for_each: float = 1, alpha: float = 0.05
) -> float:
    """Chance that the pooled z-test finds the difference of two proportions."""
    others = units * treated_for_each
    pooled = (control * units + treated * others) / (units + others)
    error_without = sqrt(pooled * (1 - pooled) * (1 / units + 1 / others))
    error_with = sqrt(control * (1 - control) / units + treated * (1 - treated) / others)
    edge, gap = float(normal_quantile(1 - alpha / 2)) * error_without, treated - control
    return float(normal_below((gap - edge) / error_with) + normal_below((-gap - edge) / error_with))


def units_needed(power: Callable[[int], float], wanted: float = 0.8, least: int = 2) -> int:
    """The fewest units, `least` or more, at which `power` reaches `wanted`."""
    high = least
    while power(high) < wanted:
        high *= 2
        if high > UNITS_MAX:
            raise BadData("No number of units is enough for this effect: look for a larger one, or a steadier metric.")
    low = max(least - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= wanted else (middle, high)
    return high


def smallest_effect(
    power: Callable[[float], float], wanted: float = 0.8, most: float = inf, close_enough: float = CLOSE_ENOUGH
) -> float:
    """The minimum detectable effect: the least at which `power` reaches `wanted`; `most` is the greatest possible."""
    high = min(1.0, most)
    while power(high) < wanted:
        if high >= most:
            raise BadData("Not even the greatest possible effect would be found: plan for more units.")
        high = min(2 * high, most)
    low = 0.0
    while high - low > close_enough * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= wanted else (middle, high)
    return high


def left_by_covariates(correlation: float) -> float:
    """Share of the variance, and so of the units, that is left of an experiment with CUPED."""
    return 1 - correlation**2


def cost_of_clusters(cluster_size: float, intraclass_correlation: float) -> float:
    """How many times the units are needed when they come in clusters: the design effect."""
    return 1 + (cluster_size - 1) * intraclass_correlation
