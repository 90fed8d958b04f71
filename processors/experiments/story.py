"""How an experiment went: its report, what a look at earlier times would have shown, and how values are distributed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from processors.experiments import sequences
from processors.experiments.analysis import Analysis, analysis
from processors.experiments.comparing import Measurements
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import Interval
from processors.experiments.looks import Past, Tests
from processors.experiments.metrics import Metric
from processors.experiments.report import Plan, Report
from processors.experiments.rows import Population, Rows

BINS = 32
TAIL = 0.005
"""Share of the values at each end that a distribution puts into its outermost bins, so that a few do not press the
rest together."""
SKEWED = 20.0
"""From this ratio of the upper to the lower end on, positive values are shown by their magnitude."""
_TIMES = "\0times"


@dataclass(frozen=True)
class Seen:
    """An arm beside control at a look, without correction for other comparisons."""

    effect: float
    cs: Interval
    """Confidence sequence: all of them together hold."""
    ci: Interval
    """What a fixed-horizon test at this look alone would say."""


@dataclass(frozen=True)
class Look:
    at: int
    """[µs, UTC]"""
    n: dict[str, int]
    """Units by arm."""
    metrics: dict[str, dict[str, Seen]]
    """Metrics and guardrails, by name, then by arm without control. Without what nothing could be said of yet."""


@dataclass(frozen=True)
class Spread:
    mean: float
    p25: float
    median: float
    p75: float
    p95: float


@dataclass(frozen=True)
class Distribution:
    """Of one value a unit; of a quantile, one a row."""

    edges: list[float]
    """The first and the last bin hold what lies beyond them, too."""
    by_magnitude: bool
    """Whether bins grow by a factor, not by an amount."""
    counts: dict[str, list[int]]
    """By arm."""
    spread: dict[str, Spread]
    """By arm."""


@dataclass(frozen=True)
class Story:
    report: Report
    metrics: dict[str, Metric]
    """What each name in the report stands for, guardrails too."""
    looks: list[Look]
    """Oldest first, evenly in time; the last is the report's."""
    distributions: dict[str, Distribution]
    """By metric, and guardrail. None of a binary one, which its mean tells whole, nor of a ratio: its units' own ratios
    weigh differently."""


def story(rows: Rows, times: Ints, plan: Plan, looks: int = 24) -> Story:
    """`times` are those of the rows [µs, UTC]. Raises BadData where `analyze` does.

    Looks with fewer than `sequences.UNITS_MIN` units in an arm are left out, except the last. A unit that turned out
    to be in several arms is in none of them.
    """
    with_times = replace(rows, columns={**rows.columns, _TIMES: times.astype(np.float64)})  # exact until the year 2255
    found = analysis(with_times, plan)
    at = found.people.columns[_TIMES]
    first, last = int(at.min()), int(at.max())
    wanted = first + (last - first) * np.arange(1, looks) // looks
    past = _past(found.people, at, wanted)
    of_metric = {name: list(past.tests(measured, plan)) for name, measured in found.measured.items()}
    shown = [
        Look(int(when), dict(zip(rows.arms, n, strict=True)), _seen({m: t[i] for m, t in of_metric.items()}, plan))
        for i, (when, n) in enumerate(zip(wanted, past.counts(), strict=True))
        if min(n) >= sequences.UNITS_MIN
    ]
    n = dict(zip(rows.arms, found.people.counts(), strict=True))
    newest = Look(last, n, _seen({name: measured.tests for name, measured in found.measured.items()}, plan))
    metrics = {name: measured.metric for name, measured in found.measured.items()}
    return Story(found.report, metrics, [*shown, newest], _distributions(found))


def _past(people: Population, at: Floats, wanted: Ints) -> Past:
    order = np.arange(len(at))
    if (at[1:] < at[:-1]).any():
        order = np.argsort(at, kind="stable")
        at = at[order]
    return Past(people, order, np.searchsorted(at, wanted, side="right").tolist())


def _seen(tests: Mapping[str, Tests], plan: Plan) -> dict[str, dict[str, Seen]]:
    return {
        name: {
            arm: Seen(test.effect.value, test.sequence(plan.alpha), test.interval(plan.alpha))
            for arm, test in of_arm.items()
        }
        for name, of_arm in tests.items()
        if of_arm
    }


def _distributions(found: Analysis) -> dict[str, Distribution]:
    return {
        name: _distribution(measured, found.people)
        for name, measured in found.measured.items()
        if measured.metric.kind in ("mean", "quantile")
    }


def _distribution(measured: Measurements, people: Population) -> Distribution:
    values = {name: np.sort(arm.values) for name, arm in zip(people.arms, measured.arms, strict=True)}
    low = min(_at(arm, TAIL) for arm in values.values())
    high = max(_at(arm, 1 - TAIL) for arm in values.values())
    if low == high:
        low, high = low - 0.5, high + 0.5
    by_magnitude = low > 0 and high / low >= SKEWED
    edges = np.geomspace(low, high, BINS + 1) if by_magnitude else np.linspace(low, high, BINS + 1)
    counts, spread = {}, {}
    for name, arm in values.items():
        counts[name] = np.diff(np.searchsorted(arm, edges[1:-1]), prepend=0, append=len(arm)).tolist()
        spread[name] = Spread(float(arm.mean()), *(_at(arm, share) for share in (0.25, 0.5, 0.75, 0.95)))
    return Distribution(edges.tolist(), by_magnitude, counts, spread)


def _at(ordered: Floats, share: float) -> float:
    """The quantile of sorted values, between two of them where it falls there."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
