"""The bars of the statistics, a few hundred experiments each; `make stats` runs ten thousand."""

import numpy as np
import pytest

from lab.stats import simulations as simulated
from lab.stats.__main__ import section
from lab.stats.bars import Bar, exact

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


def test_estimates_from_a_bandit_cover_the_truth() -> None:
    covered, bias, plain = simulated.bandit(random(), RUNS)
    assert exact(1 - covered, RUNS, 0.06)
    assert abs(bias) < abs(plain)


def test_the_engine_names_no_winner_where_there_is_none() -> None:
    winners, invalid = simulated.verdicts(random(), 40)
    assert winners <= 0.05
    assert invalid == 0


def test_a_failed_bar_stands_out_in_the_section() -> None:
    said = section([Bar("good", "≤ 5 %", "4 %", True), Bar("bad", "≤ 5 %", "9 %", False)], 10_000)
    assert "| good | ≤ 5 % | 4 % | passed |" in said
    assert "| bad | ≤ 5 % | 9 % | **failed** |" in said
