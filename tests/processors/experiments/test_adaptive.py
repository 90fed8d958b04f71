"""Estimates from choices that followed the outcomes: what they are where nothing was adaptive, and what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.experiments.adaptive import Choices, expected_counts, fairness_p, sequential_fairness_p
from processors.experiments.estimates import BadData
from processors.experiments.sample_ratio import SEQUENTIAL_ALARM, sequential_p

MANY = 20_000


def evenly(count: int, seed: int = 2, size: int = MANY) -> Choices:
    return Choices(np.random.default_rng(seed).integers(0, count, size), np.full(size, 1 / count), count)


def test_with_even_shares_they_are_mean_and_welch() -> None:
    choices, random = evenly(2), np.random.default_rng(3)
    outcomes = random.normal(3, 1, MANY) + 0.5 * choices.arms
    mean, effect = choices.mean(1, outcomes), choices.effect(1, 0, outcomes)
    assert mean.value == pytest.approx(outcomes[choices.arms == 1].mean(), abs=0.002)
    assert mean.variance**0.5 == pytest.approx(10_000**-0.5, rel=0.05)
    assert effect.value == pytest.approx(0.5, abs=4 * 0.0142)
    assert effect.variance**0.5 == pytest.approx((2 / 10_000) ** 0.5, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1e4, 1e4), st.floats(0.01, 100))
def test_shift_and_scale_carry_through(seed: int, shift: float, scale: float) -> None:
    choices, random = evenly(3, seed, 300), np.random.default_rng(seed)
    outcomes = random.normal(size=300)
    one, other = choices.mean(2, outcomes), choices.mean(2, shift + scale * outcomes)
    assert other.value == pytest.approx(shift + scale * one.value, abs=1e-7 * (abs(shift) + scale))
    assert other.variance**0.5 == pytest.approx(scale * one.variance**0.5, rel=1e-4)
    moved = choices.effect(2, 0, shift + scale * outcomes)
    assert moved.value == pytest.approx(scale * choices.effect(2, 0, outcomes).value, abs=1e-7 * (abs(shift) + scale))


def test_what_moves_all_arms_alike_drops_out_of_an_effect() -> None:
    """The first arm got most units while outcomes were low: its plain mean is far too low."""
    random = np.random.default_rng(4)
    share = np.linspace(0.9, 0.1, MANY)
    first = random.random(MANY) < share
    choices = Choices(np.where(first, 0, 1), np.where(first, share, 1 - share), 2)
    outcomes = np.linspace(0, 10, MANY) + random.normal(size=MANY)
    plain = outcomes[~first].mean() - outcomes[first].mean()
    effect = choices.effect(1, 0, outcomes)
    assert plain > 2
    low, high = effect.interval(0.01)
    assert low < 0 < high
    assert high - low < 0.5


def test_propensities_of_other_arms_are_those_last_logged() -> None:
    choices = Choices(np.array([0, 1, 2, 0]), np.array([0.5, 0.3, 0.2, 0.6]), 3)
    assert choices.known[0] == pytest.approx([1 / 3] * 3)
    assert choices.known[3] == pytest.approx([0.5, 0.3, 0.2])
    two = Choices(np.array([0, 1]), np.array([0.7, 0.2]), 2)
    assert two.known.tolist() == [pytest.approx([0.7, 0.3]), pytest.approx([0.8, 0.2])]
    assert expected_counts(two) == pytest.approx([1.5, 0.5])


def test_with_a_constant_even_split_the_bet_is_that_of_the_sample_ratio() -> None:
    arms = np.array([0] * 40 + [1] * 10)
    bet = sequential_fairness_p(Choices(arms[::-1], np.full(50, 0.5), 2))
    known = [sequential_p([seen.count(0), seen.count(1)], (0.5, 0.5)) for seen in prefixes(arms[::-1].tolist())]
    assert bet == pytest.approx(min(known))


def prefixes(values: list[int]) -> list[list[int]]:
    return [values[:end] for end in range(1, len(values) + 1)]


@pytest.mark.parametrize("count", [2, 4])
def test_a_sound_log_is_believed_and_one_that_loses_units_is_not(count: int) -> None:
    choices = evenly(count)
    assert sequential_fairness_p(choices) > SEQUENTIAL_ALARM
    assert fairness_p(choices) > 0.001
    lost = choices.of((choices.arms != 1) | (np.random.default_rng(5).random(MANY) < 0.88))
    assert sequential_fairness_p(lost) < SEQUENTIAL_ALARM
    assert fairness_p(lost) < 0.0005


def test_the_bet_is_fair() -> None:
    """Over all sequences of six choices with shares that follow them, the expected evidence at the end is 1."""
    from itertools import product

    from processors.experiments import adaptive

    expected = 0.0
    for arms in product((0, 1), repeat=6):
        shares, chance = [], 1.0
        for place, arm in enumerate(arms):
            first = 0.2 + 0.6 * (sum(arms[:place]) + 1) / (place + 2)
            shares.append(first if arm == 0 else 1 - first)
            chance *= shares[-1]
        expected += chance * float(np.exp(adaptive.stakes(Choices(np.array(arms), np.array(shares), 2))[-1]))
    assert expected == pytest.approx(1.0)


def test_an_arm_that_came_last_tells_nothing_yet() -> None:
    with pytest.raises(BadData, match="only at the very end"):
        Choices(np.array([0, 0, 1]), np.full(3, 0.5), 2).mean(1, np.array([1.0, 2.0, 3.0]))
