"""Exploration: bounded, exact in what it says of itself, and off where it could do harm."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.admission import Limits
from processors.chance import draw
from processors.learning import exploring
from processors.learning.hybrid import Asked, Hybrid, Terms
from processors.reading import turn
from processors.routing import Index
from tests.support.agents import agent, pool, registry, task
from tests.support.opinions import Says

FOUR = [agent(name, "code_review") for name in "abcd"]
TASKS = 1200


def counted(scorer, terms, pools=None, agents=FOUR, **over):
    """How often each agent got one of many tasks, and the propensity that was told."""
    hybrid = Hybrid(Index(registry(*agents), Limits()), scorer)
    got: Counter[str] = Counter()
    told: dict[str, float] = {}
    for number in range(TASKS):
        choice = hybrid.decide(Asked(task("Review this", task_id=f"t-{number}", **over), terms), pools or {}).choice
        got[choice.agent_id] += 1
        told[choice.agent_id] = choice.propensity
    return got, told


@pytest.mark.parametrize(
    ("scorer", "pools"),
    [
        (None, {}),
        (None, {"a": pool("a", completed=90, failed=0), "b": pool("b", completed=50, failed=3)}),
        (Says(0.9, 0.8, 0.7, 0.1), {}),
        (Says(0.9, 0.9, 0.9, 0.8), {"d": pool("d", completed=1000)}),
    ],
    ids=["equal rules", "rules", "model", "equal model"],
)
@pytest.mark.parametrize("explore", [0.05, 1.0])
def test_the_propensity_told_is_the_share_of_tasks_that_the_agent_gets(scorer, pools, explore):
    got, told = counted(scorer, Terms(explore=explore), pools)
    assert sum(told.values()) == pytest.approx(1) or min(told.values()) < 10 / TASKS
    for name, propensity in told.items():
        error = 4 * np.sqrt(propensity * (1 - propensity) / TASKS) + 1 / TASKS
        assert got[name] / TASKS == pytest.approx(propensity, abs=error)


def test_no_more_tasks_than_the_setting_says_try_an_agent():
    got, _ = counted(Says(0.9, 0.8, 0.8, 0.8), Terms(explore=0.05))
    assert 0 < TASKS - got["a"] < 0.05 * TASKS * 1.5


def test_before_there_is_a_model_every_able_agent_is_tried_so_that_there_is_something_to_learn_from():
    pools = {"a": pool("a", completed=100)}
    got, told = counted(None, Terms(explore=0.05), pools)
    assert set(got) == set("abcd")
    assert all(told[name] >= 0.05 * exploring.EVEN / 4 for name in "bcd")


@pytest.mark.parametrize(
    ("over", "terms", "pools", "why"),
    [
        ({}, Terms(explore=0.0), {}, "explore is 0"),
        ({"priority": 1}, Terms(explore=1.0), {}, "priority 1"),
        ({"priority": 2}, Terms(explore=1.0), {}, "priority 2"),
        ({}, Terms(explore=1.0), {n: pool(n, completed=40, failed=60, error_rate=0.6) for n in "abcd"}, "failed"),
        ({}, Terms(explore=1.0, learned=False), {}, "rules"),
    ],
    ids=["setting", "priority 1", "priority 2", "errors of the class", "rules alone"],
)
def test_guardrails_switch_it_off_and_say_so(over, terms, pools, why):
    hybrid = Hybrid(Index(registry(*FOUR), Limits()), Says(0.9, 0.2, 0.1, 0.1) if terms.learned else None)
    for number in range(50):
        choice = hybrid.decide(Asked(task("Review this", task_id=str(number), **over), terms), pools).choice
        step = next(step for step in choice.steps if step["step"] == "exploration")
        assert step["result"] == "no" and step["reason"].startswith("off: ") and why in step["reason"]
        assert choice.agent_id == "a" or not terms.learned


def test_a_task_with_which_an_experiment_compares_routers_tries_nobody():
    hybrid = Hybrid(Index(registry(*FOUR), Limits()), Says(0.9, 0.7, 0.7, 0.7))
    tried = {
        measured: {
            hybrid.decide(
                Asked(task("Review this", task_id=str(i)), Terms(explore=1.0), (), measured), {}
            ).choice.agent_id
            for i in range(60)
        }
        for measured in (False, True)
    }
    assert tried == {False: set("abcd"), True: {"a"}}


def test_an_agent_that_fails_is_not_tried():
    pools = {name: pool(name, completed=100) for name in "acd"} | {
        "b": pool("b", completed=60, failed=40, error_rate=0.4)
    }
    got, _ = counted(Says(0.9, 0.8, 0.8, 0.1), Terms(explore=1.0), pools)
    assert "b" not in got and "c" in got


def test_an_agent_without_room_or_far_below_the_best_is_not_tried():
    pools = {"b": pool("b", load_score=100.0)}
    got, _ = counted(Says(0.9, 0.9, 0.8, 0.1), Terms(explore=1.0), pools)
    assert set(got) == {"a", "c"}


def test_an_agent_of_which_little_is_known_is_tried_more():
    runs = np.array([1000.0, 1000.0, 0.0])
    chances = exploring.chances(np.array([0.5, 0.5, 0.5]), exploring.unknown(runs), np.ones(3, np.bool_))
    assert chances[2] > 1.5 * chances[0]


def test_an_agent_that_failed_in_its_first_runs_is_tried_on():
    values, runs = np.array([0.5, 0.5]), np.array([500.0, 4.0])
    assert exploring.plausible(values, np.ones(2, np.bool_), np.array([0.1, 0.75]), runs).all()
    assert not exploring.plausible(values, np.ones(2, np.bool_), np.array([0.1, 0.75]), np.array([500.0, 40.0]))[1]


def test_more_is_tried_while_one_is_new_and_the_best_is_known_and_as_much_as_ever_later():
    rates = []
    for runs in (0, 20, 100, 1000):
        standing = exploring.unknown(np.array([1000.0, runs, 1000.0]))
        lead = exploring.lead(np.full(3, 0.5), standing, np.ones(3, np.bool_), best=0)
        rates.append(exploring.rate(0.05, 5, False, 0.0, lead).value)
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < 0.05 * (1 + exploring.NEW_MORE) and rates[0] > 0.2 and rates[-1] == pytest.approx(0.05)
    even, every, new = np.full(3, 0.5), np.ones(3, np.bool_), exploring.unknown(np.array([1000.0, 10.0, 10.0]))
    assert exploring.lead(even, np.ones(3), every, best=0) == 0, "where all are new they take turns"
    better = exploring.lead(np.array([0.7, 0.5, 0.5]), new, every, best=0)
    assert 0 < better < exploring.lead(even, new, every, best=0), "a try costs more where the best is better"
    assert "for one is new" in exploring.rate(0.05, 5, False, 0.0, 0.5).reason
    assert exploring.rate(0.05, 2, False, 0.0, 1.0).value == 0


def test_a_newcomer_is_tried_most_at_what_its_description_is_about():
    runs, even, every = np.array([1000.0, 1000.0, 30.0]), np.full(3, 0.5), np.ones(3, np.bool_)
    at_its_own, at_others = (exploring.unknown(runs, np.array([0.5, 0.5, like])) for like in (2.0, 0.5))
    assert exploring.chances(even, at_its_own, every)[2] > 1.3 * exploring.chances(even, at_others, every)[2]
    assert exploring.lead(even, at_its_own, every, best=0) > 2 * exploring.lead(even, at_others, every, best=0)


def test_the_one_alone_is_not_said_to_be_left_to_chance():
    hybrid = Hybrid(Index(registry(FOUR[0]), Limits()))
    choices = [
        hybrid.decide(Asked(task("Review this", task_id=str(i)), Terms(explore=1.0)), {}).choice for i in range(9)
    ]
    assert {choice.propensity for choice in choices} == {1}


_values = st.lists(st.floats(-1, 1), min_size=1, max_size=9)


@given(_values, st.data())
@settings(max_examples=100, deadline=None)
def test_the_probabilities_of_all_agents_add_up_to_one(values, data):
    count = len(values)
    flags = st.lists(st.booleans(), min_size=count, max_size=count).map(lambda each: np.array(each, np.bool_))
    runs = np.array(data.draw(st.lists(st.floats(0, 1e6), min_size=count, max_size=count)))
    errors = np.array(data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)))
    may = exploring.plausible(np.array(values), data.draw(flags), errors, runs)
    tries = exploring.chances(np.array(values), exploring.unknown(runs), may)
    equals = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True))
    weights = np.array(data.draw(st.lists(st.floats(0.5, 2), min_size=len(equals), max_size=len(equals))))
    shares = turn(weights, 0.0)[1].tolist()
    probability = data.draw(st.floats(0, 1)) if tries.any() else 0.0
    told = [*map(exploring.Drawn(equals[0], False, equals, shares, tries, probability).propensity, range(count))]
    assert sum(told) == pytest.approx(1)
    assert all(0 <= each <= 1 + 1e-9 for each in told)
    assert not tries.any() or tries.sum() == pytest.approx(1)
    tried = tries[tries > 0]
    assert not len(tried) or tried.min() >= exploring.EVEN / len(tried) - 1e-12  # bounds what a sample can weigh


def test_draws_are_even_and_those_for_different_purposes_independent():
    one = np.array([draw(f"t-{i}", "explore") for i in range(5_000)])
    other = np.array([draw(f"t-{i}", "turn") for i in range(5_000)])
    assert one.min() >= 0 and one.max() < 1
    assert np.abs(np.histogram(one, 10, (0, 1))[0] / 500 - 1).max() < 0.2
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06
    assert draw("t-1", "explore") == draw("t-1", "explore")
