"""Honest estimates from a bandit's data, whose shares followed the outcomes. Needs the propensity of each choice.

A bandit gives more units to arms that look good, so the plain mean of an arm is biased: arms that were unlucky early
are not tried again. Here each outcome counts for as many as its propensity stands for, beside the arm's mean as it was
known before; the scores so made are weighted by the square root of the propensity, which evens out their variances
(adaptively weighted AIPW: Hadad, Hirshberg, Zhan, Wager and Athey). An effect is estimated from the differences of two
arms' scores: their weighted sum is a martingale, so a confidence sequence holds for it too, and whatever moves all arms
alike in the course of time drops out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from processors.experiments import sequences
from processors.experiments.distributions import Floats, Ints, normal_two_sided, student_upper_quantile
from processors.experiments.estimates import BadData, Interval
from processors.experiments.sample_ratio import CONCENTRATION


@dataclass(frozen=True)
class Weighted:
    """A mean outcome, or a difference of two."""

    value: float
    variance: float
    df: float
    units: int
    """Choices that it rests on, of whatever arm."""

    def interval(self, alpha: float = sequences.ALPHA) -> Interval:
        radius = float(student_upper_quantile(alpha / 2, self.df)) * self.variance**0.5
        return self.value - radius, self.value + radius


@dataclass(frozen=True)
class Choices:
    """What a bandit chose, in the order of time, and how likely it was to."""

    arms: Ints
    """From 0."""
    propensities: Floats
    """Of the arm that was chosen, above 0 and below 1."""
    count: int
    """Of arms."""

    def of(self, kept: NDArray[np.bool_]) -> "Choices":
        return Choices(self.arms[kept], self.propensities[kept], self.count)

    @cached_property
    def known(self) -> Floats:
        """Row by row, the propensity of every arm as far as it is known before the choice. Of two arms that is all: the
        other has the rest. Of more it is what was logged when the arm was chosen last, scaled to make 1. It serves as a
        weight, so being late costs a little precision, and no validity."""
        if self.count == 2:
            first = np.where(self.arms == 0, self.propensities, 1 - self.propensities)
            return np.column_stack([first, 1 - first])
        columns = []
        for arm in range(self.count):
            last = np.maximum.accumulate(np.where(self.arms == arm, np.arange(len(self.arms)), -1))
            before = np.concatenate([[-1], last[:-1]])
            columns.append(np.where(before >= 0, self.propensities[before], 1 / self.count))
        late = np.column_stack(columns)
        late /= late.sum(axis=1, keepdims=True)
        return late

    def mean(self, arm: int, outcomes: Floats) -> Weighted:
        """The mean outcome had all got `arm`."""
        scores, begun = self._scores(arm, outcomes)
        return self._weighted(scores, np.sqrt(self.known[:, arm]) * begun, (arm,), outcomes)

    def effect(self, arm: int, control: int, outcomes: Floats) -> Weighted:
        """`arm` minus `control`. Not quite the difference of their means, whose weights are their own."""
        (treated, begun), (base, base_begun) = (self._scores(a, outcomes) for a in (arm, control))
        of_arm, of_control = self.known[:, arm], self.known[:, control]
        weights = np.sqrt(of_arm * of_control / (of_arm + of_control)) * (begun & base_begun)
        return self._weighted(treated - base, weights, (arm, control), outcomes)

    def _scores(self, arm: int, outcomes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """What each choice tells of the arm's mean; and whether the arm had been seen before, for until then nothing
        is known of it to set a surprise against."""
        mine = self.arms == arm
        times = np.concatenate([[0], np.cumsum(mine)[:-1]])
        sums = np.concatenate([[0.0], np.cumsum(np.where(mine, outcomes, 0.0))[:-1]])
        expected = sums / np.maximum(times, 1)
        return expected + mine / self.propensities * (outcomes - expected), times > 0

    def _weighted(self, scores: Floats, weights: Floats, arms: tuple[int, ...], outcomes: Floats) -> Weighted:
        if not weights.any():
            raise BadData("An arm was chosen only at the very end: there is nothing yet to estimate it from.")
        weights = weights / np.sum(weights)
        value = float(np.sum(weights * scores))
        pulls = (weights * (scores - value)) ** 2
        of_arms = np.isin(self.arms, arms)
        variance = float(np.sum(pulls))
        # The greater of the variances without and with pooling, as for sequences: a small arm of a skewed metric looks
        # surer than it is while it lacks large values, and a bandit keeps an arm small because it lacks them.
        levers = np.where(of_arms, weights / self.propensities, 0.0) ** 2
        pooled = self._common_variance(outcomes) * float(np.sum(levers))
        # Satterthwaite: nearly all of the variance comes from the rows of the arms themselves, which may be few.
        spent = sum(float(np.sum(pulls[self.arms == arm])) ** 2 / max(1, self.times[arm] - 1) for arm in arms)
        df = min(variance**2 / spent, float(len(scores))) if spent else float(len(scores))
        return Weighted(value, max(variance, pooled), df, int(np.count_nonzero(weights)))

    @cached_property
    def times(self) -> list[int]:
        """How often each arm was chosen."""
        return np.bincount(self.arms, minlength=self.count).tolist()  # type: ignore[no-any-return]

    def _common_variance(self, outcomes: Floats) -> float:
        """Of an outcome within its arm, as if all arms varied alike."""
        times = np.asarray(self.times)
        means = np.bincount(self.arms, weights=outcomes, minlength=self.count) / np.maximum(times, 1)
        return float(np.sum((outcomes - means[self.arms]) ** 2)) / max(1, len(outcomes) - self.count)


def expected_counts(choices: Choices) -> Floats:
    """Units that each arm should have got. Of more than two arms approximate, see `Choices.known`."""
    return np.sum(choices.known, axis=0)  # type: ignore[no-any-return]


def fairness_p(choices: Choices) -> float:
    """Whether the arms got the units that their propensities promised, at a single look: the arm that is furthest off,
    times the number of arms."""
    p = []
    for arm, expected in enumerate(expected_counts(choices)):
        mine = choices.arms == arm
        ratio = choices.known[mine, arm] / choices.propensities[mine]
        # The greater of the variances as seen and as expected: one that is only seen is small when an arm came seldom.
        seen = float(np.sum(ratio**2 * (1 - choices.propensities[mine])))
        variance = max(seen, float(np.sum(choices.known[:, arm] * (1 - choices.known[:, arm]))))
        p.append(float(normal_two_sided((np.sum(ratio) - expected) / variance**0.5)) if variance else 1.0)
    return min(1.0, len(p) * min(p))


def sequential_fairness_p(choices: Choices) -> float:
    """The same for any number of looks."""
    return float(np.exp(-max(0.0, float(stakes(choices).max()))))


def stakes(choices: Choices) -> Floats:
    """Logarithm of the evidence against the propensities after each choice. Before each it bets that arms seen too
    often so far will be seen too often again; if the propensities are true, the stake is a martingale from 1. With a
    constant even split it is the martingale of `sample_ratio`."""
    known, prior = choices.known, CONCENTRATION / choices.count
    seen = np.zeros_like(known)
    seen[np.arange(len(known)), choices.arms] = 1.0
    surplus = (prior + _before(seen)) / (prior + _before(known))
    bet = known * surplus
    bet /= bet.sum(axis=1, keepdims=True)
    return np.cumsum(np.log(bet[np.arange(len(bet)), choices.arms] / choices.propensities))


def _before(values: Floats) -> Floats:
    """Sums of the rows above each."""
    return np.cumsum(values, axis=0) - values
