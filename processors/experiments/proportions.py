"""Two proportions: the score test (pooled z, the chi-square without correction) and the interval that inverts it.

So the interval excludes zero exactly when p is below alpha, and both hold with few successes or none.
"""

from dataclasses import dataclass
from functools import cached_property
from math import acos, copysign, cos, pi, sqrt
from typing import Any

import numpy as np

from processors.experiments.distributions import normal_quantile, normal_two_sided
from processors.experiments.estimates import Interval, pooled_variance

BISECTIONS = 60
"""Halvings of an interval of at most 2: enough for every digit of a float."""


@dataclass(frozen=True)
class Proportions:
    """Successes and units of both arms."""

    treated: int
    treated_units: int
    control: int
    control_units: int

    @property
    def effect(self) -> float:
        return self.treated / self.treated_units - self.control / self.control_units

    @cached_property
    def p(self) -> float:
        return float(score_p(self.treated, self.treated_units, self.control, self.control_units))

    @property
    def cautious_error(self) -> float:
        """Without or with pooling, whichever is greater."""
        parts = (
            cautious_variance(self.treated, self.treated_units),
            cautious_variance(self.control, self.control_units),
        )
        pooled = pooled_variance(parts[0], self.treated_units, parts[1], self.control_units)
        return sqrt(max(sum(parts), float(pooled)))

    def interval(self, alpha: float) -> Interval:
        reach = float(normal_quantile(1 - alpha / 2))
        return self._bound(-1.0, reach), self._bound(1.0, -reach)

    def _bound(self, outer: float, wanted: float) -> float:
        """Between the estimate and `outer`, the difference whose score is `wanted`."""
        inner = self.effect
        for _ in range(BISECTIONS):
            middle = (inner + outer) / 2
            if abs(self._score(middle)) < abs(wanted):
                inner = middle
            else:
                outer = middle
        return (inner + outer) / 2

    def _score(self, difference: float) -> float:
        treated, control = self._restricted(difference)
        variance = treated * (1 - treated) / self.treated_units + control * (1 - control) / self.control_units
        gap = self.effect - difference
        if gap == 0:
            return 0.0
        return gap / sqrt(variance) if variance > 0 else copysign(float("inf"), gap)

    def _restricted(self, difference: float) -> tuple[float, float]:
        """The most likely proportions among those that differ by `difference`: the root of a cubic (Farrington and
        Manning 1990)."""
        balance = self.control_units / self.treated_units
        treated, control = self.treated / self.treated_units, self.control / self.control_units
        a = 1 + balance
        b = -(1 + balance + treated + balance * control + difference * (balance + 2))
        c = difference**2 + difference * (2 * treated + balance + 1) + treated + balance * control
        d = -treated * difference * (1 + difference)
        v = b**3 / (27 * a**3) - b * c / (6 * a**2) + d / (2 * a)
        u = copysign(sqrt(max(0.0, b**2 / (9 * a**2) - c / (3 * a))), v)
        angle = (pi + acos(min(1.0, max(-1.0, v / u**3)))) / 3 if u else 0.0
        root = 2 * u * cos(angle) - b / (3 * a)
        treated = min(1.0, 1.0 + difference, max(0.0, difference, root))
        return treated, min(1.0, max(0.0, treated - difference))


def cautious_variance(successes: Any, units: Any) -> Any:
    """Of an arm's share, with a success and a failure more, so that none seen is not taken for none possible."""
    share = (successes + 1) / (units + 2)
    return share * (1 - share) / units


def score_p(treated: Any, treated_units: Any, control: Any, control_units: Any) -> Any:
    """Two-sided; 1 where neither arm or both arms succeed throughout. Takes arrays as well."""
    pooled = (treated + control) / (treated_units + control_units)
    variance = pooled * (1 - pooled) * (1 / treated_units + 1 / control_units)
    gap = treated / treated_units - control / control_units
    return normal_two_sided(np.divide(gap, np.sqrt(variance), out=np.zeros(np.shape(gap)), where=variance > 0))
