"""Simulated bandits: whether what is told of them holds, although their shares follow their outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.experiments import sequences
from processors.experiments.adaptive import Choices, fairness_p, sequential_fairness_p
from processors.experiments.assignment import BUCKETS
from processors.experiments.bandit import Outcomes, next_shares
from processors.experiments.bandit_analysis import test_of
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import Interval
from processors.experiments.sample_ratio import CHI_SQUARE_ALARM, SEQUENTIAL_ALARM

ALPHA = 0.05


@dataclass(frozen=True)
class Bandit:
    """Arms with their true means, at first; batches of units, whose shares follow what was seen in those before."""

    means: Sequence[float]
    batches: int = 20
    size: int = 50
    skewed: bool = False
    """Outcomes are lognormal with a sigma of 1; else successes and failures."""
    drift: float = 0.0
    """How much all means move from the first batch to the last."""
    lost: float = 0.0
    """Share of the second arm's units that never come to the table: the assignment is broken."""

    def draw(self, random: np.random.Generator) -> tuple[Choices, Floats]:
        known = [Outcomes()] * len(self.means)
        kept: list[tuple[Ints, Floats, Floats]] = []
        for batch in range(self.batches):
            shares = np.array(next_shares(known)) / BUCKETS
            arms = np.searchsorted(shares.cumsum(), random.random(self.size), side="right")
            means = np.asarray(self.means)[arms] + self.drift * batch / (self.batches - 1)
            if self.skewed:
                outcomes = means * random.lognormal(-0.5, 1, self.size)
            else:
                outcomes = (random.random(self.size) < means).astype(np.float64)
            there = (arms != 1) | (random.random(self.size) >= self.lost)
            known = [
                before + Outcomes(int(mine.sum()), float(outcomes[mine].sum()), float((outcomes[mine] ** 2).sum()))
                for before, mine in ((known[arm], (arms == arm) & there) for arm in range(len(known)))
            ]
            kept.append((arms[there], shares[arms][there], outcomes[there]))
        arms, propensities, outcomes = (np.concatenate(column) for column in zip(*kept, strict=True))
        return Choices(arms, propensities, len(self.means)), outcomes


@dataclass(frozen=True)
class Seen:
    """Shares of the simulated bandits; the worst arm counts."""

    means_cover: float
    effects_cover: float
    sequences_miss: float
    """How often a confidence sequence of an effect, looked at after every batch, ever left out the truth."""
    bias: float
    """Of the mean of the worst arm, and what its plain mean has."""
    plain_bias: float
    plain_effect_bias: float
    """Of the difference of plain means, for the last arm."""


def seen(random: np.random.Generator, runs: int, bandit: Bandit) -> Seen:
    arms = range(len(bandit.means))
    truth = np.asarray(bandit.means) + bandit.drift / 2
    covered, biases, plain = (np.zeros((runs, len(truth))) for _ in range(3))
    effects = np.ones((runs, len(truth)))
    missed = 0
    for run in range(runs):
        choices, outcomes = bandit.draw(random)
        for arm in arms:
            found = choices.mean(arm, outcomes)
            covered[run, arm] = _covers(found.interval(ALPHA), truth[arm])
            biases[run, arm] = found.value - truth[arm]
            plain[run, arm] = outcomes[choices.arms == arm].mean() - truth[arm]
            if arm:
                interval = choices.effect(arm, 0, outcomes).interval(ALPHA)
                effects[run, arm] = _covers(interval, truth[arm] - truth[0])
        missed += _sequence_misses(choices, outcomes, bandit.size, float(truth[1] - truth[0]))
    return Seen(
        float(covered.mean(axis=0).min()),
        float(effects.mean(axis=0).min()),
        missed / runs,
        float(np.abs(biases.mean(axis=0)).max()),
        float(np.abs(plain.mean(axis=0)).max()),
        float(abs(plain[:, -1].mean() - plain[:, 0].mean())),
    )


def _sequence_misses(choices: Choices, outcomes: Floats, batch: int, truth: float) -> bool:
    """At any look after a batch at which both arms have the units that a verdict takes."""
    for end in range(batch, len(outcomes) + 1, batch):
        until = np.arange(len(outcomes)) < end
        so_far = choices.of(until)
        if min(so_far.times[:2]) >= sequences.UNITS_MIN:
            test = test_of(so_far, outcomes[until], 1, 0)
            if not _covers(test.sequence(ALPHA), truth):
                return True
    return False


def _covers(interval: Interval, truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def false_mismatches(random: np.random.Generator, runs: int, bandit: Bandit) -> tuple[float, float]:
    """How often the logged propensities are doubted: at any look, and at a single one."""
    sequential = once = 0
    for _ in range(runs):
        choices, _ = bandit.draw(random)
        sequential += sequential_fairness_p(choices) < SEQUENTIAL_ALARM
        once += fairness_p(choices) < CHI_SQUARE_ALARM
    return sequential / runs, once / runs


BANDITS: dict[str, Bandit] = {
    "2 arms alike": Bandit((0.3, 0.3)),
    "2 arms, 30 % and 40 %": Bandit((0.3, 0.4)),
    "4 arms alike": Bandit((0.3,) * 4, size=100),
    "4 arms, 30 to 50 %": Bandit((0.3, 0.3, 0.4, 0.5), size=100),
    "2 arms alike, skewed": Bandit((1.0, 1.0), skewed=True),
    "2 arms, all means rise by 30 points": Bandit((0.3, 0.4), drift=0.3),
}
