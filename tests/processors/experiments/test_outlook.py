"""Before the start: of effect, units and power two give the third, in numbers and in sentences."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.experiments.design import Question
from processors.experiments.estimates import BadData
from processors.experiments.outlook import plan_of

TASKS = Question("binary", 0.9, effect=0.03, units_a_day=400, counted="tasks")


def test_it_is_told_in_sentences() -> None:
    found = plan_of(TASKS)
    assert (found.found, found.units, found.days) == ("units", 5200, 13)
    assert found.sentences[0] == (
        "With 400 tasks a day it takes 13 days, 5,200 tasks, to find 3 points more (90 % to 93 %)."
    )
    assert "the mean is 3,233 tasks, 8.1 days" in found.sentences[2]
    json.dumps(asdict(found), allow_nan=False)


def test_a_fixed_test_takes_what_the_textbook_says() -> None:
    found = plan_of(Question("binary", 0.10, effect=0.02, mode="fixed"))
    assert found.units == found.fixed_units == 2 * 3841
    assert found.arms == {"control": 3841, "b": 3841}
    means = plan_of(Question("mean", deviation=2.0, effect=1.0, mode="fixed", power=0.9, split={"a": 1, "b": 1}))
    assert means.arms == {"a": 100, "b": 100}  # 86 would do, and a verdict takes 100


@pytest.mark.parametrize("mode", ["sequential", "fixed"])
@pytest.mark.parametrize("metric", [{"kind": "binary", "baseline": 0.7}, {"kind": "mean", "deviation": 0.5}])
def test_each_answer_is_that_to_the_other_questions(mode, metric) -> None:
    by_units = plan_of(Question(**metric, effect=0.05, mode=mode, units_a_day=100))
    by_power = plan_of(Question(**metric, effect=0.05, mode=mode, units_a_day=100, units=by_units.units))
    assert by_power.power == pytest.approx(by_units.power, abs=1e-6)
    by_effect = plan_of(Question(**metric, power=by_units.power, mode=mode, units_a_day=100, units=by_units.units))
    assert by_effect.effect == pytest.approx(0.05, rel=1e-4)
    assert (by_units.found, by_power.found, by_effect.found) == ("units", "power", "effect")


def test_less_is_looked_for_where_less_is_better() -> None:
    found = plan_of(Question("binary", 0.1, units=4000, higher_is_better=False))
    assert -0.1 < found.effect < 0
    assert "less (10 % to" in found.sentences[0]


def test_a_sequence_without_effect_hardly_ever_ends() -> None:
    found = plan_of(Question("mean", deviation=1.0, effect=1e-9, units=2800, units_a_day=100))
    assert found.power < 0.02
    assert found.expected_units == pytest.approx(2800, rel=0.02)


def test_it_costs_more_units_to_look_at_any_time_but_fewer_are_needed_on_average_of_large_effects() -> None:
    found = plan_of(replace(TASKS, power=0.8))
    assert found.fixed_units is not None and found.expected_units is not None
    assert found.fixed_units < found.units < 2 * found.fixed_units
    assert found.expected_units < found.units


def test_comparisons_are_shared_out_as_holms_first_step() -> None:
    three = Question("mean", deviation=1.0, effect=0.1, split={"control": 0.4, "b": 0.4, "c": 0.2}, mode="fixed")
    found = plan_of(three)
    assert (found.comparisons, found.alpha_each) == (2, 0.025)
    alone = plan_of(replace(three, split={"control": 2 / 3, "c": 1 / 3}, alpha=0.025))
    assert found.arms["c"] == pytest.approx(alone.arms["c"], abs=1)  # planned for the smallest arm
    assert plan_of(replace(three, comparisons=8)).units > found.units


def test_covariates_and_clusters_change_the_units_by_their_factors() -> None:
    plain = plan_of(Question("mean", deviation=1.0, effect=0.05, mode="fixed")).units
    adjusted = plan_of(Question("mean", deviation=1.0, effect=0.05, mode="fixed", correlation=0.6)).units
    clustered = plan_of(
        Question("mean", deviation=1.0, effect=0.05, mode="fixed", cluster_size=21, intraclass_correlation=0.05)
    ).units
    assert adjusted == pytest.approx(0.64 * plain, rel=0.002)
    assert clustered == pytest.approx(2 * plain, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 0.4), st.floats(0.05, 0.3), st.floats(0.2, 0.8))
def test_a_greater_effect_takes_fewer_units(effect: float, more: float, share: float) -> None:
    split = {"control": share, "b": 1 - share}
    small = plan_of(Question("mean", deviation=1.0, effect=effect, split=split))
    large = plan_of(Question("mean", deviation=1.0, effect=effect + more, split=split))
    assert large.units <= small.units
    assert 0.8 <= small.power <= 1
    assert sum(small.arms.values()) >= small.units


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question("binary", effect=0.1), "needs its --baseline"),
        (Question("binary", 1.5, effect=0.1), "needs its --baseline"),
        (Question("binary", 0.95, effect=0.1), "A share of 1.05 is impossible"),
        (Question("mean", effect=0.1), "--deviation"),
        (Question("ratio", effect=0.1), "--from a table"),
        (Question("mean", deviation=1.0), "Give the effect"),
        (Question("mean", deviation=1.0, effect=0.0), "An effect of zero"),
        (Question("mean", deviation=1.0, effect=1.0, units=500, power=0.8), "leave out the one to be told"),
        (Question("mean", deviation=1.0, units=99), "99 units are too few for any verdict"),
        (Question("mean", deviation=1.0, units=199, mode="fixed"), "it takes 200"),
        (Question("mean", deviation=1.0, effect=1.0, split={"a": 1.0}), "at least two arms"),
        (Question("mean", deviation=1.0, effect=1.0, control="z"), 'no arm "z"'),
        (Question("mean", deviation=1.0, effect=1.0, power=1.0), "Power lies"),
        (Question("mean", deviation=1.0, effect=1.0, alpha=0.0), "Alpha lies"),
        (Question("mean", deviation=1.0, effect=1.0, correlation=1.0), "correlation lies"),
        (Question("mean", deviation=1.0, effect=1.0, cluster_size=0.5), "at least one unit"),
        (Question("mean", deviation=1.0, effect=1.0, units_a_day=0), "Units a day"),
        (Question("mean", deviation=1.0, effect=1e-9), "No number of units"),
        (Question("binary", 0.999, units=100), "greatest possible"),
    ],
)
def test_what_cannot_be_planned_is_said(question: Question, said: str) -> None:
    with pytest.raises(BadData, match=said):
        plan_of(question)


def test_the_planned_power_is_what_daily_looks_see() -> None:
    """The whole of it, by simulated shares; `make stats` does it for more."""
    from lab.stats.planned import power_of_sequences

    found = dict(power_of_sequences(np.random.default_rng(3), 2000))
    for name in ("means, 0.15 deviations", "shares, 90 % and 93 %"):
        planned, seen = found[name]
        assert seen == pytest.approx(planned, abs=0.03)
