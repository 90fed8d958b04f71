"""Bandit mode: shares of the next batch that follow from the outcomes alone, the same in any process."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.experiments.assignment import BUCKETS
from processors.experiments.bandit import FLOOR, Outcomes, next_shares, propensities, with_floor


def rate(successes: int, count: int) -> Outcomes:
    return Outcomes(count, successes, successes)


TENTHS = [Outcomes(300, 300 * 0.1, 300 * 0.01), Outcomes(70, 7.000000000000001, 0.7)]
"""All of them 0.1, but for the rounding of sums."""
counts = st.tuples(st.integers(10, 2000), st.floats(0, 1)).map(lambda pair: rate(round(pair[0] * pair[1]), pair[0]))
arms = st.lists(counts, min_size=2, max_size=6)


@given(arms)
def test_shares_make_the_whole_and_leave_no_arm_out(known: list[Outcomes]) -> None:
    shares = next_shares(known)
    assert sum(shares) == BUCKETS
    assert min(shares) >= FLOOR * BUCKETS - 1


@given(arms, st.randoms())
def test_the_order_of_arms_and_of_events_does_not_matter(known: list[Outcomes], shuffle) -> None:
    order = list(range(len(known)))
    shuffle.shuffle(order)
    moved = propensities([known[i] for i in order])
    assert moved == pytest.approx(propensities(known)[order], abs=1e-9)
    halves = [Outcomes(1, 1.0, 1.0) + known[0], *known[1:]]
    other_way = [known[0] + Outcomes(1, 1.0, 1.0), *known[1:]]
    assert next_shares(halves) == next_shares(other_way)


def test_the_better_arm_gets_more_and_the_worse_one_where_less_is_better() -> None:
    known = [rate(50, 100), rate(80, 100), rate(50, 100)]
    assert propensities(known).argmax() == 1
    assert propensities(known)[1] > 0.85
    assert propensities(known, higher_is_better=False)[1] == pytest.approx(FLOOR, abs=1e-4)


def test_the_share_is_the_chance_to_be_the_best() -> None:
    """Of two normal means, 30 and 32 % of 400: by hand, the normal chance of their difference."""
    from math import erf, sqrt

    p = propensities([rate(120, 400), rate(128, 400)], floor=0.0)
    error = sqrt(0.3 * 0.7 / 400 + 0.32 * 0.68 / 400)
    assert p[1] == pytest.approx(0.5 * (1 + erf(0.02 / error / sqrt(2))), abs=0.003)
    random = np.random.default_rng(1)
    drawn = random.normal(
        [0.3, 0.32, 0.35], np.sqrt([0.3 * 0.7 / 400, 0.32 * 0.68 / 400, 0.35 * 0.65 / 400]), (200_000, 3)
    )
    seen = np.bincount(drawn.argmax(axis=1)) / 200_000
    assert propensities([rate(120, 400), rate(128, 400), rate(140, 400)], floor=0.0) == pytest.approx(seen, abs=0.005)


@pytest.mark.parametrize(
    "known", [[rate(9, 9), rate(900, 1000)], [Outcomes(), Outcomes()], [rate(50, 50), rate(20, 20)], TENTHS]
)
def test_shares_are_even_until_there_is_something_to_go_by(known: list[Outcomes]) -> None:
    assert next_shares(known) == [5000, 5000]


def test_few_alike_outcomes_are_not_taken_for_certainty() -> None:
    assert next_shares([rate(12, 12), rate(180, 200)])[0] < 9000


def test_the_floor_is_the_even_share_at_most() -> None:
    assert with_floor(np.array([1.0, 0.0]), 0.9) == pytest.approx([0.5, 0.5])


def test_another_process_finds_the_same_shares() -> None:
    code = (
        "from processors.experiments.bandit import Outcomes, next_shares\n"
        "print(next_shares([Outcomes(213, 71.5, 40.25), Outcomes(187, 70.125, 45.5), Outcomes(40, 12.0, 8.0)]))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    known = [Outcomes(213, 71.5, 40.25), Outcomes(187, 70.125, 45.5), Outcomes(40, 12.0, 8.0)]
    assert other.stdout.strip() == str(next_shares(known))
