"""Worlds in which a confidence sequence is looked at every day for four weeks, through the estimates of the engine.

A world draws one experiment whole, and tells what is known at the end of a day: an estimate in each arm, from what has
arrived by then. Where the arms differ in nothing, whatever is found is a false alarm; where they differ, it is power.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from processors.experiments import sequences
from processors.experiments.comparing import Test
from processors.experiments.covariates import adjusted
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import Estimate, difference, mean_of, quantile_of, ratio_of
from processors.experiments.metrics import Metric
from processors.experiments.proportions import Proportions
from processors.experiments.verdict import units_min

LOOKS = 28
ALPHA = sequences.ALPHA
BOUNDARY_MIN = 3.0
"""Standard errors, no sequence at `ALPHA` is narrower. Nearer looks need no exact test."""

Estimator = Callable[[Ints], Estimate]
"""From the numbers of observations to an estimate."""
Arms = tuple[Estimate, Estimate]
"""The treated arm and control."""
Seen = Callable[[int], Arms | None]
"""What is known at the end of a day, the first is 1; None while an arm has fewer than two observations."""


@dataclass(frozen=True)
class World:
    draw: Callable[[np.random.Generator], Seen]
    metric: Metric = field(default_factory=lambda: Metric("", "mean", ""))
    tuned_for: int = sequences.UNITS_TUNED_FOR
    crossed: bool = False
    """Clusters have units in both arms."""

    def verdicts(self, random: np.random.Generator, runs: int) -> float:
        """How often a metric is ever found to differ."""
        least = units_min(self.metric, sequences.UNITS_MIN)
        return self._ever(random, runs, least, lambda test: test.p_always_valid <= ALPHA)

    def stops(self, random: np.random.Generator, runs: int) -> float:
        """How often an arm is ever stopped by a guardrail that should be low."""
        return self._ever(random, runs, units_min(self.metric, 2), lambda test: test.sequence(ALPHA)[0] > 0)

    def _ever(self, random: np.random.Generator, runs: int, least: int, so: Callable[[Test], bool]) -> float:
        found = 0
        for _ in range(runs):
            seen = self.draw(random)
            looks = (seen(day) for day in range(1, LOOKS + 1))
            found += any(arms is not None and self._is_far(*arms, least) and so(self._test(*arms)) for arms in looks)
        return found / runs

    def _is_far(self, treated: Estimate, control: Estimate, least: int) -> bool:
        """Whether the effect may be beyond the boundary, and there are enough units: all but a few looks end here."""
        effect = abs(treated.value - control.value)
        if not self.crossed and effect < BOUNDARY_MIN * (_variance(treated) + _variance(control)) ** 0.5:
            return False
        return min(len(np.unique(arm.units)) for arm in (treated, control)) >= least

    def _test(self, treated: Estimate, control: Estimate) -> Test:
        effect = difference(treated, control)
        exact = None
        if self.metric.kind == "binary":
            counts = [(round(arm.value * len(arm.units)), len(arm.units)) for arm in (treated, control)]
            exact = Proportions(*counts[0], *counts[1])
        return Test(effect, exact, sequences.mixing(*effect.clusters, self.tuned_for), None, None, "")


def _variance(arm: Estimate) -> float:
    """At most that of the engine, which corrects for few clusters."""
    return float(np.sum(np.bincount(arm.clusters, weights=arm.influences) ** 2)) / len(arm.influences) ** 2


@dataclass(frozen=True)
class Units:
    """In the order in which they came: what each day brings, and who is treated."""

    day: Ints
    treated: NDArray[np.bool_]

    @classmethod
    def daily(cls, treated: int, control: int) -> "Units":
        day = np.repeat(np.arange(1, LOOKS + 1), treated + control)
        return cls(day, np.tile(np.arange(treated + control) < treated, LOOKS))

    def __len__(self) -> int:
        return len(self.day)

    def seen(self, estimate: Estimator) -> Seen:
        def at(day: int) -> Arms | None:
            arms = [np.flatnonzero((self.day <= day) & (self.treated == arm)) for arm in (True, False)]
            return None if min(map(len, arms)) < 2 else (estimate(arms[0]), estimate(arms[1]))

        return at


def means(treated: int, control: int) -> World:
    """A skewed metric."""

    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        values = random.lognormal(0, 1, len(units))
        return units.seen(lambda mine: mean_of(values[mine], mine, mine))

    return World(draw)


def failures(treated: int, control: int, rate: float) -> World:
    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        values = (random.random(len(units)) < rate).astype(np.float64)
        return units.seen(lambda mine: mean_of(values[mine], mine, mine))

    return World(draw, Metric("", "binary", ""))


def ratios(treated: int, control: int) -> World:
    """Clicks of views; some users view a lot, and click on less of it."""

    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        views = random.poisson(random.gamma(1, 5, len(units))) + 1
        clicks = random.binomial(views, random.beta(1, 3, len(units)) / np.sqrt(views)).astype(np.float64)
        return units.seen(lambda mine: ratio_of(clicks[mine], views[mine].astype(np.float64), mine, mine))

    return World(draw)


def quantiles(treated: int, control: int, share: float) -> World:
    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        values = random.lognormal(0, 1, len(units))
        return units.seen(lambda mine: quantile_of(values[mine], share, mine, mine))

    return World(draw, Metric("", "quantile", "", share=share))


def cuped(treated: int, control: int, effect: float = 0.0) -> World:
    """A skewed metric, of whose variance a skewed covariate explains 36 %. The deviation is 1."""

    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        before, news = random.lognormal(0, 1, (2, len(units))) / LOGNORMAL_DEVIATION
        values = 0.6 * before + 0.8 * news + effect * units.treated
        plain = units.seen(lambda mine: mean_of(values[mine], mine, mine))

        def at(day: int) -> Arms | None:
            arms = plain(day)
            if arms is None:
                return None
            treated_arm, control_arm = adjusted(arms, before[:, np.newaxis])
            return treated_arm, control_arm

        return at

    return World(draw)


LOGNORMAL_DEVIATION = float(np.sqrt((np.e - 1) * np.e))


def lasting_clusters(count: int, *, crossed: bool) -> World:
    """The same clusters all the time, of unequal size, send 20 units a day to each arm; a fifth of the variance is the
    clusters' own. `crossed`: they have units in both arms, and react to each in their own way."""

    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(20, 20)
        owner = random.choice(count, len(units), p=random.dirichlet(np.full(count, 2.0)))
        treated = units.treated if crossed else (random.permutation(count) % 2 == 0)[owner]
        shared = random.normal(0, 0.5, (count, 2))[owner, treated.astype(np.int64) if crossed else 0]
        values = random.normal(size=len(units)) + shared
        return _with_two_clusters(
            owner, Units(units.day, treated).seen(lambda mine: mean_of(values[mine], mine, owner[mine]))
        )

    return World(draw, tuned_for=sequences.CLUSTERS_TUNED_FOR, crossed=crossed)


def _with_two_clusters(owner: Ints, seen: Seen) -> Seen:
    """None, too, while an arm has a single cluster."""

    def at(day: int) -> Arms | None:
        arms = seen(day)
        return None if arms is None or min(len(np.unique(arm.clusters)) for arm in arms) < 2 else arms

    return at


def new_clusters(daily: int, effect: float = 0.0, size: int | None = None) -> World:
    """Every day brings new clusters to each arm: of `size` units with an intraclass correlation of 0.2, else of 1 to 20
    and more. The deviation is 1."""

    def draw(random: np.random.Generator) -> Seen:
        count = LOOKS * 2 * daily
        owner = np.repeat(np.arange(count), random.geometric(0.15, count) if size is None else size)
        units = Units(1 + owner // (2 * daily), owner % 2 == 0)
        values = random.normal(0, 0.8**0.5, len(units)) + random.normal(0, 0.2**0.5, count)[owner]
        values += effect * units.treated
        return units.seen(lambda mine: mean_of(values[mine], mine, owner[mine]))

    return World(draw, tuned_for=sequences.CLUSTERS_TUNED_FOR)


def sessions(kind: str, own: float, *, count: int = 200) -> World:
    """`count` sessions, all there on the first day, each with a task a day: rows grow, units do not. `own` is the
    share of the variance that is the session's."""

    def draw(random: np.random.Generator) -> Seen:
        tasks = random.poisson(1.0, (LOOKS, count))
        day, owner = (np.repeat(places.ravel(), tasks.ravel()) for places in np.indices(tasks.shape))
        level = random.normal(0, own**0.5, count)[owner]
        values = np.exp(level + random.normal(0, (1 - own) ** 0.5, len(owner)))
        return Units(day + 1, owner % 2 == 0).seen(lambda mine: _of_sessions(kind, owner[mine], values[mine], count))

    return World(draw, Metric("", "quantile", "", share=0.9) if kind == "quantile" else Metric("", "mean", ""))


def _of_sessions(kind: str, owner: Ints, values: Floats, count: int) -> Estimate:
    if kind == "quantile":
        return quantile_of(values, 0.9, owner, owner)
    rows = np.bincount(owner, minlength=count).astype(np.float64)
    sums = np.bincount(owner, weights=values, minlength=count).astype(np.float64)
    mine = np.flatnonzero(rows)
    if kind == "ratio":
        return ratio_of(sums[mine], rows[mine], mine, mine)
    return mean_of(sums[mine] / rows[mine], mine, mine)


def late(treated: int, control: int, *, by_value: bool) -> World:
    """Values arrive days after the assignment, five on average. `by_value`: the great ones later, as durations do."""

    def draw(random: np.random.Generator) -> Seen:
        units = Units.daily(treated, control)
        values = random.lognormal(0, 1, len(units))
        delay = np.floor(3 * values if by_value else random.exponential(5, len(units))).astype(np.int64)
        arrived = Units(units.day + delay, units.treated)
        return arrived.seen(lambda mine: mean_of(values[mine], mine, mine))

    return World(draw)


NULLS: dict[str, World] = {
    "ratio": ratios(50, 50),
    "ratio, arms 10 : 90": ratios(10, 90),
    "quantile 0.9": quantiles(50, 50, 0.9),
    "quantile 0.9, arms 10 : 90": quantiles(10, 90, 0.9),
    "quantile 0.99": quantiles(50, 50, 0.99),
    "CUPED": cuped(50, 50),
    "CUPED, arms 10 : 90": cuped(10, 90),
    "8 lasting clusters, assigned whole": lasting_clusters(8, crossed=False),
    "8 lasting clusters in both arms": lasting_clusters(8, crossed=True),
    "10 new clusters a day": new_clusters(5),
    "mean of 200 sessions whose tasks grow": sessions("mean", 0.25),
    "ratio over 200 sessions, tasks independent": sessions("ratio", 0.0),
    "quantile 0.9 of the tasks of 200 sessions": sessions("quantile", 0.25),
    "outcomes 5 days late": late(50, 50, by_value=False),
    "outcomes later the greater, arms 10 : 90": late(10, 90, by_value=True),
}

GUARDRAILS: dict[str, World] = {
    "mean, 5 units a day": means(5, 5),
    "mean, 1 and 9 units a day": means(1, 9),
    "2 % failures, 5 units a day": failures(5, 5, 0.02),
    "quantile 0.9, 5 units a day": quantiles(5, 5, 0.9),
}
