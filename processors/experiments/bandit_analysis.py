"""A bandit's table: its choices with their propensities, whether these are true, and its metrics told honestly.

No plain mean and no t-test of it is reported: with shares that follow the outcomes both are wrong.
"""

from dataclasses import replace

import numpy as np

from processors.experiments import sequences
from processors.experiments.adaptive import (
    Choices,
    expected_counts,
    fairness_p,
    sequential_fairness_p,
)
from processors.experiments.comparing import Measurements, Test
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import BadData, Effect
from processors.experiments.metrics import Metric, measure
from processors.experiments.report import Plan, SampleRatio
from processors.experiments.rows import Population
from processors.experiments.sample_ratio import CHI_SQUARE_ALARM, SEQUENTIAL_ALARM

METHOD = "adaptively weighted AIPW"
SMALL = 0.01
"""A propensity below it lets single outcomes count for hundreds."""


class Log:
    """The units of a bandit in the order in which they were assigned."""

    def __init__(self, people: Population, plan: Plan, notes: list[str]) -> None:
        _check_plan(plan, people)
        self.people = people
        by_unit = _of_unit(people, plan.propensity or "")
        _check_propensities(by_unit, plan.propensity or "", people)
        self.order = _order(people, plan.time)
        self.choices = Choices(people.arm_of_unit[self.order], by_unit[self.order], len(people.arms))
        notes.append(
            f"Bandit: means and effects are {METHOD} estimates; an arm's plain mean would be biased, for its share "
            "followed its outcomes."
        )
        if (least := float(by_unit.min())) < SMALL:
            notes.append(f"The least propensity is {least:.2g}: single outcomes count for {1 / least:,.0f} units.")

    def sample_ratio(self, plan: Plan) -> SampleRatio:
        p, sequential_p = fairness_p(self.choices), sequential_fairness_p(self.choices)
        alarm = p < CHI_SQUARE_ALARM if plan.mode == "fixed" else sequential_p < SEQUENTIAL_ALARM
        expected = dict(zip(self.people.arms, expected_counts(self.choices).tolist(), strict=True))
        counts = dict(zip(self.people.arms, self.people.counts(), strict=True))
        return SampleRatio(counts, expected, "units", p, sequential_p, alarm)


class BanditMeasurements(Measurements):
    """A metric in all arms of a bandit. What it holds is that of any experiment, and got in another way."""

    def __init__(self, name: str, metric: Metric, log: Log, control: int, plan: Plan, notes: list[str]) -> None:
        if metric.kind not in ("mean", "binary"):
            raise BadData(
                f'Metric "{metric.spec}" cannot be told of a bandit: --propensity takes means and binary ones.'
            )
        self.name, self.metric, self.people, self.control = name, metric, log.people, control
        self.arms = measure(metric, log.people)
        self._note_missing(notes)
        outcomes = np.full(log.people.units(), np.nan)
        for arm in self.arms:
            outcomes[arm.estimate.units] = arm.values
        outcomes = outcomes[log.order]
        known = np.isfinite(outcomes)
        choices, outcomes = log.choices.of(known), outcomes[known]
        if np.ptp(outcomes) == 0:
            raise BadData(self._why_no_variance())
        means = [choices.mean(arm, outcomes) for arm in range(choices.count)]
        self.arms = [
            replace(arm, estimate=replace(arm.estimate, value=mean.value), interval=mean.interval(plan.alpha))
            for arm, mean in zip(self.arms, means, strict=True)
        ]
        self.tests = {
            label: test_of(choices, outcomes, arm, control)
            for arm, label in enumerate(log.people.arms)
            if arm != control
        }


def test_of(choices: Choices, outcomes: Floats, arm: int, control: int) -> Test:
    found = choices.effect(arm, control, outcomes)
    times = choices.times[arm], choices.times[control]
    effect = Effect(found.value, found.variance, found.variance, found.df, times)
    # The weights make every choice tell about as much, whichever arm it was of: the sequence counts them all, as it
    # would count those of an even split.
    even = found.units / choices.count
    return Test(effect, None, sequences.mixing(even, even), None, None, METHOD)


def _check_plan(plan: Plan, people: Population) -> None:
    for option, given in (("--split", plan.split), ("--covariate", plan.covariates), ("--cluster", people.clustered)):
        if given:
            raise BadData(f"{option} does not go with --propensity: a bandit's units are weighted one by one.")


def _of_unit(people: Population, column: str) -> Floats:
    """The column's value by unit, which all of its rows must share."""
    values = people.columns[column]
    if missing := int(np.count_nonzero(np.isnan(values))):
        raise BadData(
            f'{missing:,} rows have no value in "{column}" (--propensity): log the probability by which each choice '
            "was made, or leave out rows that the bandit did not choose."
        )
    by_unit = np.empty(people.units())
    by_unit[people.unit_of_row] = values
    if (by_unit[people.unit_of_row] != values).any():
        raise BadData(
            f'Some units have rows with different values in "{column}" (--propensity): a unit is assigned once. Name '
            "what was chosen anew each time in --unit."
        )
    return by_unit


def _check_propensities(by_unit: Floats, column: str, people: Population) -> None:
    if (by_unit <= 0).any():
        raise BadData(f'"{column}" (--propensity) holds {by_unit.min():g}: what was chosen had a chance above zero.')
    if (by_unit > 1).any():
        raise BadData(f'"{column}" (--propensity) holds {by_unit.max():g}: a probability is at most 1, not per cent.')
    if certain := int(np.count_nonzero(by_unit == 1)):
        raise BadData(
            f'{certain:,} units have a propensity of 1 in "{column}": no other arm could have got them, so they '
            "compare nothing. Leave them out."
        )


def _order(people: Population, time: str | None) -> Ints:
    """Units by time, or by their first row."""
    first = np.full(people.units(), len(people.unit_of_row), dtype=np.float64)
    rows = np.arange(len(people.unit_of_row), dtype=np.float64)
    if time is not None:
        rows = people.columns[time]
        if np.isnan(rows).any():
            raise BadData(f'Column "{time}" (--time) has rows without a value: a bandit\'s choices need their order.')
        first[:] = np.inf
    np.minimum.at(first, people.unit_of_row, rows)
    return np.argsort(first, kind="stable")
