"""Confidence sequences: intervals that hold at every look at once, so that one may look, stop or go on at will.

Asymptotic confidence sequences with a Gaussian mixture (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas; the same
boundary as the mixture SPRT). With z = effect / standard error and `mixing` = r, the evidence
exp(z² r / (2 (1 + r))) / sqrt(1 + r) is a martingale from 1 when there is no effect, so by Ville's inequality it ever
reaches 1/alpha with probability alpha at most. The interval is where it has not.

Tuning: r grows with the units and is `TIGHTEST` at `UNITS_TUNED_FOR` a variant, where the interval is 1.55 times as
wide as that of the fixed test. It is 1.7 times as wide at 100 units and at 10,000, 1.9 times at 100,000: the choice
costs little, and must not depend on the data. Validity is asymptotic, so a verdict waits for `UNITS_MIN`; for the same
reason the normal quantile is replaced by Student's of the same tail, which matters with few units or clusters.
"""

from math import log
from typing import Any

import numpy as np

from processors.experiments.distributions import (
    normal_below,
    normal_quantile,
    student_two_sided,
    student_upper_quantile,
)

ALPHA = 0.05
TIGHTEST = -2 * log(ALPHA) + log(1 - 2 * log(ALPHA))
"""The r at which the interval at ALPHA is narrowest beside that of a fixed test, to a good approximation: 7.9."""
UNITS_TUNED_FOR = 500
CLUSTERS_TUNED_FOR = 50
"""A variant. Where units are clustered, clusters are what is counted, and there are fewer of them."""
STANDARD_ERRORS_MAX = 30.0
"""Further out the tails of the distributions leave the floats; an interval so wide says nothing anyway."""
UNITS_MIN = 50
"""A variant. Below, the central limit theorem that the sequence rests on is not to be relied on."""


def mixing(treated: Any, control: Any, tuned_for: Any = UNITS_TUNED_FOR) -> Any:
    """The r of the mixture, from the units (or clusters) of both arms."""
    return TIGHTEST * (treated * control / (treated + control)) / (tuned_for / 2)


def boundary(r: Any, alpha: float) -> Any:
    """How many standard errors from zero an estimate must lie at this look, by the normal distribution."""
    return np.minimum(np.sqrt((1 + 1 / r) * np.log((1 + r) / alpha**2)), STANDARD_ERRORS_MAX)


def radius(standard_error: Any, df: Any, r: Any, alpha: float) -> Any:
    """Half the width of the confidence sequence at this look."""
    return standard_error * student_upper_quantile(normal_below(-boundary(r, alpha)), df)


def always_valid_p(effect: Any, standard_error: Any, df: Any, r: Any) -> Any:
    """The least alpha at which the sequence excludes zero: below 0.05 at any look with probability 0.05 at most."""
    z = -normal_quantile(student_two_sided(effect / standard_error, df) / 2)
    with np.errstate(under="ignore"):
        return np.minimum(1.0, np.sqrt(1 + r) * np.exp(-(z**2) * r / (2 * (1 + r))))
