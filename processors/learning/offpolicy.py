"""What another way of choosing would have brought, told from the log of the one in use (off-policy evaluation).

The log says of each decision with which probability its agent was chosen (`propensity`) and what came of it. A policy
is judged by the probability with which it would have made the same choice. The weight of a decision, w = target /
propensity, says for how many of the other policy's decisions it stands; it is cut at CLIP, which keeps one lucky
explored task from deciding everything, and errs towards zero (`clipped` says how much of the log that concerns).

    IPS    mean of w · reward                      unbiased where nothing is clipped; noisy
    SNIPS  sum of w · reward / sum of w            nearly unbiased, far calmer, invariant to shifts of the reward
    DR     mean of m_target + w · (reward − m)     unbiased when propensities or the model m of the reward are right

A policy that would choose what the log never could (propensity 0) cannot be judged there: decisions without any
exploration tell nothing of the agents that were not chosen. `support` says which share of the target is covered.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from processors.standing import Floats

CLIP = 100.0
"""Exploration of 5 % among ten agents gives weights of 400 at most and mostly below 100."""
Z = 1.959964
"""Of a 95 % interval."""


class TooFew(ValueError):
    """Nothing can be told of so few decisions, or of none that the policy would make."""


@dataclass(frozen=True, slots=True)
class Log:
    """n decisions."""

    propensity: Floats
    """Above 0, at most 1."""
    reward: Floats
    target: Floats
    """Probability with which the policy that is judged would make the logged choice."""

    def __post_init__(self) -> None:
        if not len(self.propensity) == len(self.reward) == len(self.target):
            raise ValueError("propensity, reward and target tell of different numbers of decisions")
        if len(self.propensity) < 2:
            raise TooFew(f"{len(self.propensity)} decisions: it takes two for an interval")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise ValueError("a propensity lies above 0 and is 1 at most")
        if not ((self.target >= 0) & (self.target <= 1)).all():
            raise ValueError("a target probability lies between 0 and 1")

    def weights(self, clip: float = CLIP) -> Floats:
        return np.minimum(self.target / self.propensity, clip)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean reward that the policy would have had, with its 95 % interval."""

    value: float
    low: float
    high: float
    effective: float
    """How many decisions of its own the log is worth to it."""
    clipped: float
    """Share of the decisions whose weight was cut."""
    support: float
    """Mean weight: near 1 where the log covers what the policy would choose, below where it does not."""


def ips(log: Log, clip: float = CLIP) -> Estimate:
    weights = log.weights(clip)
    return _mean_of(weights * log.reward, log, weights, clip)


def snips(log: Log, clip: float = CLIP) -> Estimate:
    weights = log.weights(clip)
    total = float(weights.sum())
    if total <= 0:
        raise TooFew("the policy would have made none of these choices")
    value = float((weights * log.reward).sum() / total)
    # The delta method: a ratio's error is that of its numerator less the ratio times its denominator.
    spread = sqrt(float((weights**2 * (log.reward - value) ** 2).sum())) / total
    return _estimate(value, spread, log, weights, clip)


def doubly_robust(log: Log, expected: Floats, expected_target: Floats, clip: float = CLIP) -> Estimate:
    """`expected`: what a model expects of the logged choice; `expected_target`: of the policy's own, in the mean over
    what it would choose."""
    weights = log.weights(clip)
    return _mean_of(expected_target + weights * (log.reward - expected), log, weights, clip)


def _mean_of(terms: Floats, log: Log, weights: Floats, clip: float) -> Estimate:
    return _estimate(float(terms.mean()), float(terms.std(ddof=1)) / sqrt(len(terms)), log, weights, clip)


def _estimate(value: float, spread: float, log: Log, weights: Floats, clip: float) -> Estimate:
    squares = float((weights**2).sum())
    return Estimate(
        value=value,
        low=value - Z * spread,
        high=value + Z * spread,
        effective=float(weights.sum()) ** 2 / squares if squares else 0.0,
        clipped=float(np.mean(log.target / log.propensity > clip)),
        support=float(weights.mean()),
    )
