"""An experiment seen at earlier times: the tests of `comparing`, as they were when fewer rows had come.

Where units stand alone, a look needs only sums by arm, and from one look to the next only units with new rows change
them. Quantiles, clusters, covariates and bandits have no such sums: they are measured anew, at fewer looks if long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from processors.experiments import sequences
from processors.experiments.bandit_analysis import BanditMeasurements, Log
from processors.experiments.comparing import Measurements, Test, nothing_varies, tuned_for
from processors.experiments.covariates import covariates_of
from processors.experiments.distributions import Ints
from processors.experiments.estimates import BadData, Effect, pooled_variance
from processors.experiments.metrics import Metric
from processors.experiments.proportions import Proportions
from processors.experiments.report import Plan
from processors.experiments.rows import Population, Rows, population

ROWS_MEASURED_MAX = 3_000_000
"""Rows that all the looks at a metric may measure anew together: about a second."""

Tests = dict[str, Test]
"""By arm, without control and without arms that nothing can be said of yet."""


@dataclass(frozen=True)
class Past:
    """The rows of a population in the order of time."""

    people: Population
    order: Ints
    """Rows, oldest first."""
    ends: Sequence[int]
    """How many rows had come at each look, without the last one, that of all rows."""

    def counts(self) -> list[list[int]]:
        """Units of each arm at each look."""
        owners = self.people.unit_of_row[self.order]
        first = np.empty(self.people.units(), dtype=np.int64)
        first[owners[::-1]] = np.arange(len(owners))[::-1]  # of several rows of a unit the oldest is written last
        by_arm = [np.sort(first[units]) for units in self.people.units_of_arm]
        return np.array([np.searchsorted(places, self.ends) for places in by_arm]).T.tolist()  # type: ignore[no-any-return]

    def tests(self, found: Measurements, plan: Plan) -> Iterator[Tests]:
        """What was known of a metric at each look. With covariates if they are used in the end."""
        cuped = any(test.cut for test in found.tests.values())
        if self.people.clustered or found.metric.kind == "quantile" or cuped or plan.propensity:
            return self._measured_anew(found, plan, cuped)
        return self._summed(found)

    def _summed(self, found: Measurements) -> Iterator[Tests]:
        running, begin = _Sums(found.metric, self.people), 0
        for end in self.ends:
            running.add(self.order[begin:end])
            begin = end
            yield {
                name: test
                for arm, name in enumerate(self.people.arms)
                if arm != found.control and (test := running.test(arm, found.control))
            }

    def _measured_anew(self, found: Measurements, plan: Plan, cuped: bool) -> Iterator[Tests]:
        every = int(np.ceil(sum(self.ends) / ROWS_MEASURED_MAX))
        for i, end in enumerate(self.ends):
            if (len(self.ends) - i) % every:
                yield {}
                continue
            people = self._as_of(end)
            try:
                covariates = covariates_of(people, plan.covariates) if cuped else None
                if plan.propensity:
                    log = Log(people, plan, [])
                    yield BanditMeasurements(found.name, found.metric, log, found.control, plan, []).tests
                else:
                    yield Measurements(found.name, found.metric, people, found.control, covariates, plan, []).tests
            except BadData:  # too little yet
                yield {}

    def _as_of(self, end: int) -> Population:
        """The population when `end` rows had come."""
        rows = self.order[:end]
        units = self.people.unit_of_row[rows]
        clusters = self.people.cluster_of_unit[units] if self.people.clustered else None
        columns = {name: values[rows] for name, values in self.people.columns.items()}
        return population(Rows(self.people.arms, units, self.people.arm_of_unit[units], columns, clusters))


class _Sums:
    """Units of each arm, with sums and products of their values: two values a unit for a ratio, else one."""

    def __init__(self, metric: Metric, people: Population) -> None:
        self._metric, self._people = metric, people
        self._columns = [people.columns[name] for name in metric.columns]
        # Far from zero, squares lose their digits. Sums of binary values are exact as they are.
        self._centre = float(np.nanmean(self._columns[0])) if metric.kind == "mean" else 0.0
        size, arms = len(self._columns), len(people.arms)
        self._rows, self._totals = np.zeros(people.units(), dtype=np.int64), np.zeros((size, people.units()))
        self._units, self._sums, self._products = np.zeros(arms), np.zeros((arms, size)), np.zeros((arms, size, size))
        self._place = np.zeros(people.units(), dtype=np.int64)

    def add(self, rows: Ints) -> None:
        values = np.array([column[rows] for column in self._columns])
        whole = np.isfinite(values).all(axis=0)
        owners, values = self._people.unit_of_row[rows[whole]], values[:, whole] - self._centre
        touched = np.zeros(self._people.units(), dtype=bool)
        touched[owners] = True
        units = np.flatnonzero(touched)
        self._place[units] = np.arange(len(units))
        place = self._place[owners]
        self._count(units[self._rows[units] > 0], -1)
        self._rows[units] += np.bincount(place, minlength=len(units))
        for total, column in zip(self._totals, values, strict=True):
            total[units] += np.bincount(place, weights=column, minlength=len(units))
        self._count(units, 1)

    def _count(self, units: Ints, sign: int) -> None:
        arms, size = self._people.arm_of_unit[units], len(self._units)
        values = self._totals[:, units] / (1 if self._metric.kind == "ratio" else self._rows[units])
        self._units += sign * np.bincount(arms, minlength=size)
        for i, one in enumerate(values):
            self._sums[:, i] += sign * np.bincount(arms, weights=one, minlength=size)
            for j, other in enumerate(values):
                self._products[:, i, j] += sign * np.bincount(arms, weights=one * other, minlength=size)

    def test(self, arm: int, control: int) -> Test | None:
        """As `Measurements` makes it of one value a unit; None when nothing can be said yet."""
        counts = int(self._units[arm]), int(self._units[control])
        if min(counts) < 2 or (self._metric.kind == "ratio" and min(self._sums[[arm, control], 1]) <= 0):
            return None
        (value, variance), (base, base_variance) = self._mean_of(arm), self._mean_of(control)
        both = variance + base_variance
        df = both**2 / (variance**2 / (counts[0] - 1) + base_variance**2 / (counts[1] - 1)) if both else sum(counts) - 2
        pooled = float(pooled_variance(variance, counts[0], base_variance, counts[1]))
        effect = Effect(value - base, both, pooled, df, counts)
        exact = self._proportions(arm, control)
        if nothing_varies(effect, exact, value, base):
            return None
        return Test(effect, exact, sequences.mixing(*counts, tuned_for(self._people)), None, None, "")

    def _mean_of(self, arm: int) -> tuple[float, float]:
        """The metric in an arm, and the variance of that."""
        count, means = self._units[arm], self._sums[arm] / self._units[arm]
        covariance = self._products[arm] / count - np.outer(means, means)
        if self._metric.kind == "ratio":
            value = float(means[0] / means[1])
            pull = np.array([1, -value]) / means[1]
        else:
            value, pull = float(means[0]) + self._centre, np.ones(1)
        return value, max(0.0, float(pull @ covariance @ pull)) / (count - 1)

    def _proportions(self, arm: int, control: int) -> Proportions | None:
        """Of a binary metric whose units have no shares between 0 and 1: then squares are the values themselves."""
        sums, squares = self._sums[[arm, control], 0], self._products[[arm, control], 0, 0]
        if self._metric.kind != "binary" or (sums != squares).any():
            return None
        return Proportions(int(sums[0]), int(self._units[arm]), int(sums[1]), int(self._units[control]))
