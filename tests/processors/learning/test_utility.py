"""Utility: quality less cost and wait, each by its weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.admission import Limits
from processors.learning.hybrid import Asked, Hybrid, Terms
from processors.learning.utility import Costs, Units, utilities, weights_of
from processors.pricing import PRICES
from processors.routing import Index
from processors.standing import wait_ms
from tests.support.agents import agent, pool, registry, skill, task
from tests.support.opinions import Says

UNITS = Units(cost_unit_usd=0.1, wait_unit_s=60.0)
NONE = np.zeros(2)


def test_without_a_definition_quality_weighs_070_and_cost_030():
    weights = weights_of(None, 5)
    assert (weights.quality, weights.cost) == (0.7, 0.3)


def test_the_skill_says_what_quality_and_cost_weigh_and_the_priority_what_waiting_does():
    weights = weights_of(skill("x", cost_weight=0.9, performance_weight=0.2), 1)
    assert (weights.quality, weights.cost, weights.wait) == (0.2, 0.9, 0.5)
    assert [weights_of(None, priority).wait for priority in (5, 10)] == pytest.approx([0.3, 0.05])


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -3.0])
def test_a_weight_that_makes_no_sense_counts_for_nothing_and_quality_never_for_none(odd):
    weights = weights_of(skill("x", cost_weight=odd, performance_weight=odd), 5)
    assert weights.cost == 0
    assert 0 < weights.quality < 0.1


def test_a_unit_of_cost_or_wait_weighs_as_much_as_all_of_quality_at_the_same_weight():
    weights = weights_of(skill("x", cost_weight=0.3, performance_weight=0.3), 5)
    quality, cost, wait = np.array([1.0, 0.0]), np.array([100_000.0, 0.0]), np.array([60_000.0, 0.0])
    assert np.ptp(utilities(quality, cost, NONE, weights, UNITS)) == pytest.approx(0)
    assert np.ptp(utilities(quality, NONE, wait, weights, UNITS)) == pytest.approx(0)


def test_a_cost_that_is_not_known_neither_helps_nor_harms():
    cost = np.array([10_000.0, 30_000.0, np.nan])
    found = utilities(np.full(3, 0.5), cost, np.zeros(3), weights_of(None, 5), UNITS)
    assert found[2] == pytest.approx(found[:2].mean())
    assert np.isfinite(utilities(np.full(2, 0.5), np.full(2, np.nan), NONE, weights_of(None, 5), UNITS)).all()


@given(st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 10), st.floats(0.01, 1))
def test_more_quality_is_never_worth_less_and_more_cost_or_wait_never_more(quality, cost, wait, priority, more):
    weights = weights_of(None, priority)
    better = np.array([quality, quality + more])
    same = np.full(2, quality)
    both = np.array([0.0, 1.0])
    assert np.diff(utilities(better, np.full(2, cost), np.full(2, wait), weights, UNITS)) > 0
    assert np.diff(utilities(same, cost + 1000 * both, np.full(2, wait), weights, UNITS)) < 0
    assert np.diff(utilities(same, np.full(2, cost), wait + 1000 * both, weights, UNITS)) < 0


# -- what is expected ------------------------------------------------------------------------------------------------


def costs(*agents, with_key=True):
    return Costs(agents, PRICES, "claude-haiku-4-5", with_key)


def test_an_agent_costs_its_prompt_the_text_and_a_usual_answer_at_the_price_of_its_model():
    plain = agent("a", runner="anthropic", prompt="p" * 4000, max_tokens=4000)
    [found] = costs(plain).of(4000, None, None)
    assert found == pytest.approx((1000 + 1000) * 1.0 + 1000 * 5.0)  # $1 and $5 a million, in micro-dollars


def test_the_model_of_the_task_goes_before_the_agents_and_the_skills_only_where_the_agent_has_none():
    known = costs(agent("a", runner="anthropic"), agent("b", runner="anthropic", model="claude-opus-4-1"))
    plain, dear = known.of(100, None, None)
    assert dear > 10 * plain
    of_skill, still_dear = known.of(100, None, "claude-haiku-5-5")
    assert of_skill == pytest.approx(plain / 10) and still_dear == dear
    assert len(set(known.of(100, "claude-opus-5", None).tolist())) == 1


def test_an_agent_that_asks_no_model_has_no_known_cost():
    found = costs(agent("a"), agent("b", runner="simulated"), agent("c", runner="external"), with_key=False).of(
        9, None, None
    )
    assert np.isnan(found).all()
    assert np.isfinite(costs(agent("a")).of(9, None, None)).all()


def test_the_wait_is_the_queue_times_a_run_over_the_slots():
    assert wait_ms(None) == 0
    assert wait_ms(pool("a", running=3, slots=10, mean_response_ms=5000.0)) == 0
    assert wait_ms(pool("a", waiting=19, running=10, slots=10, mean_response_ms=5000.0)) == 10_000
    assert wait_ms(pool("a", waiting=1, running=0, slots=0, mean_response_ms=5000.0)) == 10_000


def test_a_burst_between_two_reports_is_shared_once_the_best_would_keep_it_waiting():
    index = Index(registry(agent("a", "code_review"), agent("b", "code_review")), Limits())
    hybrid = Hybrid(index, Says(0.9, 0.8))
    pools = {name: pool(name, slots=5, mean_response_ms=30_000.0) for name in "ab"}
    order = []
    for number in range(30):
        (choice,) = hybrid.route([Asked(task("Review this", task_id=str(number)), Terms(explore=0.0))], pools)
        order.append(choice.agent_id)
    assert order[:5] == ["a"] * 5 and order.count("b") > 10
    again = {name: pool(name, slots=5, mean_response_ms=30_000.0) for name in "ab"}  # a new report: all is done
    assert hybrid.decide(Asked(task("Review this"), Terms(explore=0.0)), again).choice.agent_id == "a"
