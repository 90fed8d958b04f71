"""The figures by which routers are judged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.learning import metrics

scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60)


def test_ece_is_the_mean_distance_of_what_was_said_from_what_came() -> None:
    said = np.array([0.15, 0.15, 0.85, 0.85])
    assert metrics.ece(said, np.array([0, 0.3, 1, 0.7])) == pytest.approx(0.0)
    assert metrics.ece(said, np.array([0, 0, 1, 1])) == pytest.approx(0.15)
    assert metrics.ece(np.zeros(0), np.zeros(0)) == 0


def test_the_interval_covers_the_mean_and_repeats_with_its_seed() -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 500)
    low, high = metrics.interval(values, np.random.default_rng(3))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(500), rel=0.15)
    assert (low, high) == metrics.interval(values, np.random.default_rng(3))


@given(pairs=scores)
def test_the_abstention_curve_goes_from_the_single_to_the_router(pairs: list[tuple[float, float]]) -> None:
    chosen, single = np.array(pairs).T
    found = metrics.abstention(chosen - single, chosen, single)
    assert found[0].score == pytest.approx(single.mean())
    assert found[-1].score == pytest.approx(chosen.mean())
    assert max(point.score for point in found) <= np.maximum(chosen, single).mean() + 1e-9


def test_who_is_surest_where_it_wins_gains_most_with_the_first_answers() -> None:
    chosen, single = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    found = metrics.abstention(np.array([0.9, 0.8, 0.2, 0.1]), chosen, single, 4)
    assert [point.score for point in found] == [0.5, 0.75, 1.0, 0.75, 0.5]


def test_cost_can_be_weighed_against_quality() -> None:
    quality, expected = np.array([[0.9, 0.8], [0.9, 0.1]]), np.array([[10.0, 1], [10, 1]])
    allowed, paid = np.ones((2, 2), bool), np.array([[10.0, 1], [10, 1]])
    curve = metrics.trade(quality, expected, allowed, np.array([[1.0, 1], [1, 0]]), paid)
    assert (curve[0].score, curve[0].cost) == (1.0, 10.0)
    assert (curve[-1].score, curve[-1].cost) == (0.5, 1.0)
    point = metrics.cheapest(curve, 1.0)
    assert point is not None
    assert (point.score, point.cost) == (1.0, 5.5)
    assert metrics.cheapest(curve, 1.1) is None


def test_what_is_not_allowed_is_not_chosen() -> None:
    allowed = np.array([[True, False], [True, True]])
    assert metrics.best_of(np.array([[0.1, 0.9], [0.1, 0.9]]), allowed).tolist() == [0, 1]


def test_the_recovered_gap_is_half_by_chance_and_more_for_who_knows() -> None:
    chance = np.random.default_rng(1)
    strong, weak = (chance.random(5000) < 0.8).astype(float), (chance.random(5000) < 0.6).astype(float)
    assert metrics.recovered_gap(chance.random(5000), strong, weak) == pytest.approx(0.5, abs=0.06)
    assert metrics.recovered_gap(strong - weak, strong, weak) > 1
    assert metrics.recovered_gap(strong, strong, strong) == 0.5
