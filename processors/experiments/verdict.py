"""The verdict on an experiment: winner, no difference shown, mixed, or invalid, each with its reasons in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from processors.experiments import sequences
from processors.experiments.estimates import Interval
from processors.experiments.metrics import Metric

Mode = Literal["sequential", "fixed"]
Word = Literal["winner", "no difference shown", "mixed", "invalid"]
"""`mixed`: better on one metric and worse on another, which no rule of ours can weigh."""

FIXED_UNITS_MIN = 100
"""A variant; below, a fixed-horizon test gives no verdict."""
LEAST: dict[Mode, int] = {"fixed": FIXED_UNITS_MIN, "sequential": sequences.UNITS_MIN}
TAIL_MIN = 5
"""Units of an arm beyond a quantile, on its shorter side: with fewer its interval follows the chance of single values,
and of 50 units a sequence for quantile@0.99 is wrong in a tenth of experiments."""
FIXED_DAYS = 14
"""A fixed-horizon experiment runs this long by default: two of each weekday."""


@dataclass(frozen=True)
class Comparison:
    """One metric of one arm beside control, as the verdict sees it."""

    metric: Metric
    name: str
    arm: str
    effect: float
    interval: Interval
    """At the alpha that belongs to its place among the comparisons."""
    p: float
    """Adjusted for the other comparisons; the always-valid one in a sequential analysis."""
    significant: bool
    few: bool = False
    """Too few units have a value for a verdict on this metric."""

    @property
    def better(self) -> bool:
        return self.significant and (self.effect > 0) == self.metric.higher_is_better

    @property
    def worse(self) -> bool:
        return self.significant and not self.better


@dataclass(frozen=True)
class Verdict:
    word: Word
    winner: str | None
    reasons: list[str]


def units_min(metric: Metric, least: int = 0) -> int:
    """Units with a value that a verdict on this metric takes in each arm; `least` is what it takes on any."""
    if metric.kind != "quantile":
        return least
    return max(least, ceil(TAIL_MIN / min(metric.share, 1 - metric.share) - 1e-9))


def decide(
    mode: Mode, control: str, comparisons: Sequence[Comparison], stopped: Sequence[str], too_early: str | None
) -> Verdict:
    """The verdict on an experiment whose samples are sound. `stopped` arms have hit a guardrail and cannot win."""
    if too_early:
        return Verdict("no difference shown", None, [too_early])
    arms = list(dict.fromkeys(comparison.arm for comparison in comparisons))
    of_arm = {arm: [c for c in comparisons if c.arm == arm] for arm in arms}
    better = [arm for arm in arms if any(c.better for c in of_arm[arm])]
    worse = [arm for arm in arms if any(c.worse for c in of_arm[arm])]
    winners = [arm for arm in better if arm not in worse and arm not in stopped]
    told = [_told(c, control) for c in comparisons if c.significant]
    if winners:
        first = next(c for c in comparisons if c.better and c.arm in winners)
        ranked = [c for c in comparisons if c.better and c.arm in winners and c.name == first.name]
        best = max(ranked, key=lambda c: c.effect if c.metric.higher_is_better else -c.effect).arm
        if len(winners) > 1:
            told.append(
                f'"{best}" has the greatest effect on {first.name} of those that beat control; they were not compared.'
            )
        return Verdict("winner", best, told)
    if all(arm in stopped or (arm in worse and arm not in better) for arm in arms):
        return Verdict("winner", control, [*told, f'Every other arm is worse than "{control}": keep "{control}".'])
    if mixed := [arm for arm in better if arm in worse or arm in stopped]:
        names = ", ".join(f'"{arm}"' for arm in mixed)
        return Verdict(
            "mixed", None, [*told, f"{names}: better in one respect and worse in another. Weigh it yourself."]
        )
    return Verdict("no difference shown", None, [*told, *_what_next(mode, control, comparisons)])


def _told(comparison: Comparison, control: str) -> str:
    low, high = comparison.interval
    word = "better" if comparison.better else "worse"
    return (
        f'"{comparison.arm}" is {word} than "{control}" on {comparison.name}: {comparison.effect:+.4g}, between '
        f"{low:+.4g} and {high:+.4g} (p = {comparison.p:.2g})."
    )


def _what_next(mode: Mode, control: str, comparisons: Sequence[Comparison]) -> list[str]:
    said = [
        f'"{c.arm}" beside "{control}" on {c.name}: somewhere between {c.interval[0]:+.4g} and {c.interval[1]:+.4g}, '
        "zero included."
        for c in comparisons
        if not c.significant and not c.few
    ]
    said += [
        f'"{c.arm}" beside "{control}" on {c.name}: too few units have a value, it takes '
        f"{units_min(c.metric, LEAST[mode])} in each arm."
        for c in comparisons
        if c.few
    ]
    if mode == "sequential":
        return [*said, "Extend it if differences of that size matter to you; otherwise end it."]
    return [*said, "End it, or start a new one with more units: a fixed-horizon test may not be extended after a look."]
