"""Bandit mode: Thompson sampling that says how likely each choice was, and honest estimates from such data.

A bandit gives more units to arms that look good, so the plain mean of an arm is biased: arms that were unlucky early
are not tried again. With the propensities kept, the estimates below are right all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.experiments.distributions import Floats, Ints, normal_quantile
from processors.experiments.estimates import BadData, Interval

FLOOR = 0.05
"""Least propensity of an arm, or its even share where that is less: keeps estimates possible, costs few units."""
DRAWS = 4000
"""Of the posterior, to find how likely each arm is the best; the error of a propensity is below 0.01."""


@dataclass(frozen=True)
class BanditEstimate:
    value: float
    standard_error: float

    def interval(self, alpha: float = 0.05) -> Interval:
        radius = float(normal_quantile(1 - alpha / 2)) * self.standard_error
        return self.value - radius, self.value + radius


def thompson_propensities(
    successes: Sequence[int],
    failures: Sequence[int],
    random: np.random.Generator,
    floor: float = FLOOR,
    draws: int = DRAWS,
) -> Floats:
    """For each arm the chance that it is the best given a uniform prior, kept above the floor. To be used, and logged
    with each choice made by it."""
    shape = (draws, len(successes))
    return _chances(random.beta(np.asarray(successes) + 1, np.asarray(failures) + 1, size=shape), floor)


def thompson_propensities_of_means(
    means: Sequence[float],
    standard_errors: Sequence[float],
    random: np.random.Generator,
    floor: float = FLOOR,
    draws: int = DRAWS,
) -> Floats:
    """The same for a metric of any kind, by the normal distribution of each arm's mean."""
    return _chances(random.normal(means, standard_errors, size=(draws, len(means))), floor)


def _chances(drawn: Floats, floor: float) -> Floats:
    """How often each column is the greatest."""
    return with_floor(np.bincount(drawn.argmax(axis=1), minlength=drawn.shape[1]) / len(drawn), floor)


def with_floor(propensities: Floats, floor: float) -> Floats:
    """A mixture with even shares that leaves no arm below the floor."""
    least = min(floor, 1 / len(propensities))
    return least + (1 - least * len(propensities)) * propensities


def inverse_propensity(arm: int, choices: Ints, outcomes: Floats, propensities: Floats) -> BanditEstimate:
    """Mean outcome had all got `arm`: each outcome counts for as many as its propensity stands for. Unbiased, but its
    interval is only good while propensities do not come near zero."""
    scores = _scores(arm, choices, outcomes, propensities, np.zeros(len(choices)))
    return BanditEstimate(float(scores.mean()), float(scores.std(ddof=1)) / len(scores) ** 0.5)


def adaptively_weighted(arm: int, choices: Ints, outcomes: Floats, propensities: Floats) -> BanditEstimate:
    """Mean outcome had all got `arm`, with an interval that holds although the shares followed the outcomes (Hadad,
    Hirshberg, Zhan, Wager and Athey). In the order of time; `propensities` are those of `arm`, at each choice.

    Each score is the running mean of the arm plus the reweighted surprise; scores are weighted by the square root of
    their propensity, which evens out their variances.
    """
    scores = _scores(arm, choices, outcomes, propensities, _means_before(choices == arm, outcomes))
    weights = np.sqrt(propensities)
    value = float(np.sum(weights * scores) / np.sum(weights))
    return BanditEstimate(value, float(np.sqrt(np.sum(weights**2 * (scores - value) ** 2)) / np.sum(weights)))


def _scores(arm: int, choices: Ints, outcomes: Floats, propensities: Floats, expected: Floats) -> Floats:
    if not len(choices) == len(outcomes) == len(propensities) or len(choices) < 2:
        raise BadData("Choices, outcomes and propensities belong together, and at least two are needed.")
    if not (propensities > 0).all() or (propensities > 1).any():
        raise BadData("A propensity must be above 0 and at most 1: log the one by which each choice was made.")
    scores: Floats = expected + (choices == arm) / propensities * (outcomes - expected)
    return scores


def _means_before(mine: NDArray[np.bool_], outcomes: Floats) -> Floats:
    """The arm's mean as it was known before each choice; zero before its first."""
    known = np.concatenate([[0.0], np.cumsum(mine)[:-1]])
    sums = np.concatenate([[0.0], np.cumsum(np.where(mine, outcomes, 0.0))[:-1]])
    return np.where(known > 0, sums / np.maximum(known, 1), 0.0)
