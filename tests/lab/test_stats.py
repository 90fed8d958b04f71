"""The bars of the statistics, a few hundred experiments each; `make stats` runs ten thousand."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lab.stats import bandits, planned, worlds
from lab.stats import simulations as simulated
from lab.stats.__main__ import section
from lab.stats.bars import Bar, exact, measured
from processors.experiments.metrics import Metric

RUNS = 300


def random() -> np.random.Generator:
    return np.random.default_rng(2024)


@pytest.mark.parametrize("outcome", simulated.OUTCOMES)
def test_a_sequence_holds_at_every_look_and_a_t_test_does_not(outcome: str) -> None:
    sequence, naive = simulated.daily_looks(random(), RUNS, simulated.OUTCOMES[outcome])
    assert sequence <= 0.05
    assert naive > 0.15


@pytest.mark.parametrize("outcome", simulated.OUTCOMES)
def test_a_sequence_holds_for_a_small_arm_beside_a_large_one(outcome: str) -> None:
    """A small arm of a skewed metric looks surer than it is, while it happens to lack large values."""
    assert simulated.daily_looks(random(), RUNS, simulated.OUTCOMES[outcome], daily=(10, 90))[0] <= 0.05


def test_sound_samples_are_not_blamed_and_broken_ones_are() -> None:
    sequential, once, _ = simulated.sample_ratio_alarms(random(), 2000)
    assert max(sequential, once) <= 0.001
    assert simulated.sample_ratio_finds(random(), RUNS) > 0.8


def test_tests_that_are_looked_at_once_keep_their_alpha() -> None:
    assert all(exact(rate, RUNS) for rate in simulated.fixed_tests(random(), RUNS).values())


def test_power_is_that_of_the_textbook() -> None:
    for known, seen in simulated.power_gaps(random(), 4000).values():
        assert seen == pytest.approx(known, abs=0.025)  # three standard errors of 4,000


def test_cuped_cuts_the_squared_correlation_and_keeps_alpha() -> None:
    cut, errors = simulated.cuped(random(), RUNS, 0.6)
    assert cut == pytest.approx(0.36, abs=0.01)
    assert exact(errors, RUNS)


@pytest.mark.parametrize("crossed", [False, True])
def test_clusters_keep_alpha_where_the_naive_test_does_not(crossed: bool) -> None:
    robust, naive = simulated.clusters(random(), RUNS, crossed=crossed)
    assert exact(robust, RUNS)
    assert naive > 0.1


def test_holm_keeps_alpha_for_the_family() -> None:
    assert exact(simulated.family_errors(random(), 1000), 1000)


@pytest.mark.parametrize("name", worlds.NULLS)
def test_a_sequence_holds_in_every_world(name: str) -> None:
    assert worlds.NULLS[name].verdicts(random(), 60) <= 0.05


@pytest.mark.parametrize("name", worlds.GUARDRAILS)
def test_a_guardrail_stops_no_sound_arm(name: str) -> None:
    assert worlds.GUARDRAILS[name].stops(random(), 60) <= 0.05


def test_a_look_that_is_not_tested_exactly_would_not_have_been_found() -> None:
    """Most looks end at a rough test; none of them may be one that the exact test finds."""
    world = worlds.quantiles(5, 5, 0.9)
    all_exact = replace(world, crossed=True)
    assert all_exact.stops(random(), 200) == world.stops(random(), 200)


def test_a_far_quantile_is_why_it_takes_more_units() -> None:
    far = worlds.quantiles(50, 50, 0.99)
    hasty = replace(far, metric=Metric("", "mean", ""))
    assert hasty.verdicts(random(), 150) > 0.05
    assert far.verdicts(random(), 150) <= 0.05


def test_an_effect_is_found_as_often_as_planned() -> None:
    for planned_power, seen in dict(planned.power_of_sequences(random(), 1500)).values():
        assert seen == pytest.approx(planned_power, abs=0.09)  # 300 of the slower ones


def test_units_until_the_verdict_are_as_planned() -> None:
    expected, seen = planned.units_until_verdict(random(), 1500)
    assert seen == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("name", bandits.BANDITS)
def test_a_bandit_is_told_honestly(name: str) -> None:
    found = bandits.seen(random(), 200, bandits.BANDITS[name])
    assert exact(1 - found.effects_cover, 200, 0.06)
    assert found.sequences_miss <= 0.05
    assert found.bias < found.plain_bias


def test_true_propensities_are_believed() -> None:
    assert bandits.false_mismatches(random(), 100, bandits.BANDITS["4 arms, 30 to 50 %"])[0] == 0
    lossy = bandits.Bandit((0.3, 0.3), size=1000, lost=0.15)
    assert bandits.false_mismatches(random(), 20, lossy)[0] > 0.7


def test_a_subject_gives_the_same_bars_in_any_process() -> None:
    there = ProcessPoolExecutor(1).submit(measured, "several", 1, 200).result()
    assert there == measured("several", 1, 200)


def test_the_engine_names_no_winner_where_there_is_none() -> None:
    winners, invalid = simulated.verdicts(random(), 40)
    assert winners <= 0.05
    assert invalid == 0


def test_a_failed_bar_stands_out_in_the_section() -> None:
    said = section([Bar("good", "≤ 5 %", "4 %", True), Bar("bad", "≤ 5 %", "9 %", False)], 10_000)
    assert "| good | ≤ 5 % | 4 % | passed |" in said
    assert "| bad | ≤ 5 % | 9 % | **failed** |" in said
