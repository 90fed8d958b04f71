"""The gate: whether a candidate has shown on held-out decisions that it may choose agents.

Five questions, and each must be answered with yes:

1. Is there enough to judge by?
2. Does it know something? Its predictions must be better than each agent's success rate alone, certainly (95 %).
3. Does it mean what it says? Of what it calls 80 % sure about 80 % must succeed.
4. Would it choose better than was chosen? Where choices were left to chance now and then, their propensities tell what
   its choices would have earned (doubly robust). Where nothing was, one can only compare: tasks whose agent it would
   have chosen too should have gone better than those it would have given to another. Here stands the threshold of 0.7:
   the certainty with which it must be better. Less than the usual 0.95, for a new model answers for no more than the
   tasks in which it is surer than the rules, and is rolled back by one command; but one that looks worse than the
   rules on held-out data never passes, whatever the threshold.
5. Does it hold of late? Agents change, and what they did before outvotes what they do now: of the newest decisions by
   themselves, about as many must succeed as it expects.

Where a model is in use already, the choices that were made are mostly its own: then the candidate must not be certainly
worse than those, and must predict at least as well as that model, on the same decisions.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

HELD_MIN = 100
"""Held-out decisions below which nothing is judged: an interval would be wider than any difference that matters."""
COMPARED_MIN = 30
"""Tasks on either side of a comparison."""
EXPLORED_MIN = 100
"""Decisions with propensities below 1 that an off-policy value is made of."""
ECE_MAX = 0.05
"""Beyond what chance makes of as many decisions."""
BINS = 10
LATE_SHARE = 0.2
"""Share of the held-out decisions that count as newest, and how many do at least."""
LATE_MIN = 50
LATE_ERROR_MAX = 0.1
"""As ECE_MAX, of so few."""
BIN_MIN = 25
"""Decisions of a bin: of fewer, what chance makes cannot be told from the few there are."""
NOTHING = 1e-6
"""Of a difference: below it the two say the same of every decision."""
STAKE_MAX = 20.0
"""What one decision may stand for in an off-policy value: a propensity below 5 % counts as 5 %. With more a handful of
tries would decide; with this the value leans on the model's own predictions where it was tried seldom, which is why
these have to hold first."""
Z95 = 1.959964

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """h held-out decisions, among n options."""

    option: NDArray[np.int64]
    label: NDArray[np.float32]
    propensity: NDArray[np.float32]
    by_rules: NDArray[np.bool_]
    ended: Floats
    """When each task did."""
    working: NDArray[np.bool_]
    """(n,) options that can be chosen."""
    rate: Floats
    """(n,) each option's mean label in training, drawn towards that of all."""


@dataclass(frozen=True)
class Scores:
    """What a model says of them."""

    quality: Floats
    """(h, n)"""
    abstains: NDArray[np.bool_]
    """(h,)"""


@dataclass
class Finding:
    passed: bool = True
    changed: bool = False
    """Whether agents do otherwise of late than most of the samples say."""
    said: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def expect(self, holds: bool, good: str, bad: str) -> None:
        self.passed = self.passed and holds
        if holds and good:
            self.said.append(good)
        if not holds:
            self.failures.append(bad)

    @property
    def reason(self) -> str:
        return " ".join(self.said if self.passed else self.failures)


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval, and how certain it is to be above zero."""

    mean: float
    low: float
    high: float
    certainty: float

    def __str__(self) -> str:
        """With as many digits as it takes to see that it is not nothing."""
        reach = max(abs(self.mean), abs(self.low), abs(self.high))
        if reach < NOTHING:
            return "no difference"
        places = max(3, 1 - math.floor(math.log10(reach))) if math.isfinite(reach) else 3
        mean, low, high = (f"{part:+.{places}f}" for part in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]"


def judge(held: Held, candidate: Scores, used: Scores | None, certainty_min: float) -> Finding:
    """`used`: what the model in use says of the same decisions; None where the rules are alone."""
    found = Finding()
    label = held.label.astype(np.float64)
    good = label >= 0.5
    found.metrics |= {"held_out": float(len(label)), "success_held_out": _mean(label)}
    if not _sound(candidate, len(label), len(held.working)):
        found.expect(False, "", "Its predictions are no probabilities.")
        return found
    sure = ~candidate.abstains
    found.metrics["abstains"] = _mean(candidate.abstains.astype(np.float64))
    enough = sure.sum() >= HELD_MIN and 0 < good[sure].sum() < sure.sum()
    found.expect(
        bool(enough),
        f"Held to {len(label):,} decisions it had not seen.",
        f"Of {len(label):,} held-out decisions it would answer for {sure.sum():,}, {good[sure].sum():,} of them "
        f"successes: it takes {HELD_MIN}, of both kinds.",
    )
    if not enough:
        return found
    chosen = candidate.quality[np.arange(len(label)), held.option]
    found.metrics |= figures(chosen[sure], label[sure])
    _knows(found, held.rate[held.option][sure], chosen[sure], label[sure])
    _means(found, chosen[sure], label[sure])
    _holds_of_late(found, held.ended[sure], chosen[sure], label[sure])
    _chooses(found, held, candidate, label, certainty_min if used is None else None)
    if used is not None and _sound(used, len(label), len(held.working)):
        _succeeds(found, used.quality[np.arange(len(label)), held.option][sure], chosen[sure], label[sure])
    return found


def figures(chosen: Floats, label: Floats) -> dict[str, float]:
    """How well the probabilities fit what happened."""
    return {"auc": auc(chosen, label >= 0.5), "log_loss": _mean(losses(chosen, label)), "ece": ece(chosen, label)[0]}


def _sound(scores: Scores, rows: int, options: int) -> bool:
    quality = scores.quality
    return quality.shape == (rows, options) and bool(np.all((quality >= 0) & (quality <= 1)))


def _knows(found: Finding, rate: Floats, chosen: Floats, label: Floats) -> None:
    base = losses(rate, label)
    gain = difference(base - losses(chosen, label))
    found.metrics |= {"log_loss_rates": _mean(base), "skill": gain.mean, "skill_low": gain.low, "skill_high": gain.high}
    found.expect(
        gain.low > 0,
        f"It predicts success better than the agents' success rates do, by {gain} log loss.",
        f"It does not predict success better than the agents' success rates alone do (log loss: {gain}).",
    )


def _means(found: Finding, chosen: Floats, label: Floats) -> None:
    error, chance = ece(chosen, label)
    found.expect(
        error - chance <= ECE_MAX,
        f"What it says holds within {error:.3f}.",
        f"What it says does not hold: it is off by {error:.3f} on average, of which chance explains {chance:.3f}.",
    )


def _holds_of_late(found: Finding, ended: Floats, chosen: Floats, label: Floats) -> None:
    if len(ended) < 2 * LATE_MIN:
        return
    newest = np.argsort(ended, kind="stable")[-max(LATE_MIN, int(LATE_SHARE * len(ended))) :]
    error, chance = ece(chosen[newest], label[newest])
    found.metrics["ece_late"] = error
    found.changed = error - chance > LATE_ERROR_MAX
    found.expect(
        not found.changed,
        "",
        f"It does not hold of late: of the newest {len(newest):,} decisions it expected {_mean(chosen[newest]):.0%} to "
        f"succeed, and {_mean(label[newest]):.0%} did. Agents have changed: train on what came since then alone, "
        "`headway train --from TIME`.",
    )


def _chooses(found: Finding, held: Held, candidate: Scores, label: Floats, certainty_min: float | None) -> None:
    """`certainty_min` None: it is enough not to be certainly worse."""
    gain, how = off_policy(held, candidate, label)
    if gain is None:
        found.said.append(f"Whether it chooses better cannot be told yet: {how}.")
        return
    found.metrics |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high, "gain_certainty": gain.certainty}
    if certainty_min is None:
        worse = f"It chooses worse: {gain} success, {how}."
        found.expect(gain.high >= 0, f"It does not choose worse: {gain} success, {how}.", worse)
        return
    found.expect(
        gain.certainty >= certainty_min and gain.mean > 0,
        f"It chooses better: {gain} success, {how}; {gain.certainty:.0%} certain.",
        f"It is not certain enough to choose better: {gain} success, {how}; {gain.certainty:.0%} certain, "
        f"and {certainty_min:.0%} is asked.",
    )


def _succeeds(found: Finding, used: Floats, chosen: Floats, label: Floats) -> None:
    gain = difference(losses(used, label) - losses(chosen, label))
    found.metrics |= {"champion_log_loss": _mean(losses(used, label)), "champion_auc": auc(used, label >= 0.5)}
    found.metrics |= {"over_champion": gain.mean, "over_champion_low": gain.low, "over_champion_high": gain.high}
    found.expect(
        gain.mean >= 0,
        f"It predicts as well as the model in use, or better (log loss: {gain}).",
        f"The model in use predicts better (log loss: {gain}).",
    )


# --- what choices would have earned


def off_policy(held: Held, candidate: Scores, label: Floats) -> tuple[Difference | None, str]:
    """What the candidate's choices would have earned beyond those that were made, and how one knows."""
    some = held.propensity < 0.9999
    rules = some & held.by_rules
    some, whose = (rules, "the rules' choices") if rules.sum() >= EXPLORED_MIN else (some, "the choices that were made")
    choice = choices(held, candidate)
    if some.sum() >= EXPLORED_MIN:
        told = f"over {whose}, told from {some.sum():,} that were partly left to chance"
        return difference(_earned(held, candidate, choice, label)[some]), told
    alike = choice == held.option
    apart = ~alike
    if min(alike.sum(), apart.sum()) < COMPARED_MIN:
        return None, f"it would have chosen otherwise in {apart.sum():,} of {len(label):,} tasks"
    told = f"where it agrees with what was chosen ({alike.sum():,} tasks) against where it does not ({apart.sum():,})"
    return _apart(label[alike], label[apart]), told


def choices(held: Held, scores: Scores) -> NDArray[np.int64]:
    """The option it would choose; what was chosen, where it abstains or nobody works."""
    if not held.working.any():
        return held.option
    best = np.where(held.working, scores.quality, -1.0).argmax(1)
    return np.where(scores.abstains, held.option, best)


def _earned(held: Held, scores: Scores, choice: NDArray[np.int64], label: Floats) -> Floats:
    """By decision: what the candidate's choice is worth, less what came of the one that was made. Doubly robust: the
    model's own prediction, corrected by what happened wherever that very option was chosen."""
    rows = np.arange(len(label))
    stake = np.minimum(1 / held.propensity.astype(np.float64), STAKE_MAX)
    expected = scores.quality[rows, choice]
    earned = expected + (choice == held.option) * stake * (label - scores.quality[rows, held.option])
    return np.asarray(np.where(scores.abstains, 0.0, earned - label))


def _apart(one: Floats, other: Floats) -> Difference:
    spread = math.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return _around(_mean(one) - _mean(other), spread)


# --- figures


def difference(values: Floats) -> Difference:
    """Of paired differences."""
    if len(values) < 2:
        return Difference(0.0, -math.inf, math.inf, 0.5)
    return _around(_mean(values), float(values.std(ddof=1)) / math.sqrt(len(values)))


def _around(mean: float, spread: float) -> Difference:
    certainty = 0.5 * (1 + math.erf(mean / spread / math.sqrt(2))) if spread > 0 else 0.5 + 0.5 * float(np.sign(mean))
    return Difference(mean, mean - Z95 * spread, mean + Z95 * spread, certainty)


def losses(chosen: Floats, label: Floats) -> Floats:
    """Log loss of each; what was as good as impossible and happened costs 7, not all there is."""
    sure = np.clip(chosen, 1e-3, 1 - 1e-3)
    return np.asarray(-(label * np.log(sure) + (1 - label) * np.log(1 - sure)))


def auc(chosen: Floats, good: NDArray[np.bool_]) -> float:
    """How often a success was given more than a failure; 0.5: no better than chance."""
    many, few = int(good.sum()), int((~good).sum())
    if not many or not few:
        return 0.5
    _, place, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[good].sum() - many * (many + 1) / 2) / (many * few))


def ece(chosen: Floats, label: Floats) -> tuple[float, float]:
    """Mean distance of what was said from what happened, over bins of as many decisions each, and how much of that
    chance alone makes."""
    error = chance = 0.0
    bins = int(np.clip(len(chosen) // BIN_MIN, 1, BINS))
    for rows in np.array_split(np.argsort(chosen, kind="stable"), bins):
        if len(rows):
            share = len(rows) / len(chosen)
            error += share * abs(_mean(label[rows]) - _mean(chosen[rows]))
            chance += share * math.sqrt(2 / math.pi) * float(label[rows].std()) / math.sqrt(len(rows))
    return error, chance


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if len(values) else 0.0
