"""Weights in the router: who gets how much, told and exact, and days of a world in which one agent becomes bad."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.admission import Limits
from processors.chance import draw
from processors.learning.hybrid import Asked, Hybrid, Terms
from processors.routing import Index
from processors.weighing.day import Day, Shown
from processors.weighing.weights import counted, weigh
from tests.support.agents import agent, pool, registry, task
from tests.support.opinions import Says
from tests.support.samples import sample
from tests.support.weighing import weight

GREEDY = Terms(explore=0.0)
TASKS = 1500


def router(weights, *agents, scorer=None):
    return Hybrid(Index(registry(*agents), Limits(), weights={n: weight(n, w) for n, w in weights.items()}), scorer)


def shares(hybrid, terms=GREEDY, pools=None):
    """How often each got one of many tasks, and the propensities that were told of it."""
    got: Counter[str] = Counter()
    told: dict[str, set[float]] = {}
    for number in range(TASKS):
        choice = hybrid.decide(Asked(task("Review this", task_id=f"t-{number}"), terms), pools or {}).choice
        got[choice.agent_id] += 1
        told.setdefault(choice.agent_id, set()).add(round(choice.propensity, 9))
    return {name: count / TASKS for name, count in got.items()}, told


TWO = [agent("a", "code_review"), agent("b", "code_review")]


@pytest.mark.parametrize("scorer", [None, Says(0.8, 0.8)], ids=["rules", "model"])
@pytest.mark.parametrize(("weights", "share"), [({}, 0.5), ({"a": 1 / 1.1}, 1 / 2.1), ({"a": 0.5, "b": 2.0}, 0.2)])
def test_equals_share_the_work_by_their_weights(scorer, weights, share):
    got, told = shares(router(weights, *TWO, scorer=scorer))
    assert {name: [*each] for name, each in told.items()} == {
        "a": [pytest.approx(share)],
        "b": [pytest.approx(1 - share)],
    }
    assert got["a"] == pytest.approx(share, abs=0.05)


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
def test_the_propensity_told_is_the_share_that_the_agent_gets_whatever_the_weights(scorer, pools):
    four = [agent(name, "code_review") for name in "abcd"]
    hybrid = router({"a": 0.83, "b": 1.1, "c": 1.21}, *four, scorer=scorer)
    got, told = shares(hybrid, Terms(explore=0.3), pools)
    assert all(len(each) == 1 for each in told.values())
    for name, (propensity,) in told.items():
        error = 4 * np.sqrt(propensity * (1 - propensity) / TASKS) + 1 / TASKS
        assert got[name] == pytest.approx(propensity, abs=error)
    assert sum(propensity for (propensity,) in told.values()) == pytest.approx(1)


def test_a_weight_decides_between_those_that_differ_when_it_is_more_than_they_differ_by():
    agents = [agent("a", "code_review", keywords=["review"]), agent("b", "code_review")]
    chosen = {w: shares(router({"a": w}, *agents))[0] for w in (1.0, 0.9, 0.7)}
    assert chosen[1.0] == chosen[0.9] == {"a": 1.0} and chosen[0.7] == {"b": 1.0}


def test_a_learned_model_counts_with_the_weight_as_well():
    terms = Terms(explore=0.0)
    for value, who in ((1.0, "a"), (0.95, "a"), (0.8, "b")):
        choice = router({"a": value}, *TWO, scorer=Says(0.8, 0.7)).decide(Asked(task("Review this"), terms), {}).choice
        assert choice.agent_id == who
        assert {one["agent_id"]: one["learned"] for one in choice.candidates} == {"a": 0.8, "b": 0.7}


def test_a_weight_is_no_eligibility():
    alone = router({"a": 0.5}, agent("a", "code_review"), agent("b", "translation"))
    assert shares(alone)[0] == {"a": 1.0}
    named = router({"a": 0.5}, *TWO).decide(Asked(task("Review this", agent_id="a"), GREEDY), {}).choice
    assert named.agent_id == "a"


def test_the_decision_tells_the_weight_and_what_it_rests_on():
    choice = router({"a": 0.9436}, *TWO).decide(Asked(task("Review this"), GREEDY), {}).choice
    of = {one["agent_id"]: one for one in choice.candidates}
    told = "weight 0.94 (of 2026-09-21: people called 0 good, 9 bad; 19 of 20 runs completed)"
    assert told in of["a"]["reason"] and "weight" not in of["b"]["reason"]
    assert of["a"]["score"] == pytest.approx(0.9436 * of["b"]["score"], abs=1e-4)
    by_hand = Index(registry(*TWO), Limits(), weights={"a": weight("a", 0.5, by="ana")}).route(task("Review this"), {})
    assert "weight 0.50 (set by ana)" in str(by_hand.candidates)
    said = router({"b": 0.9}, *TWO, scorer=Says(0.2, 0.9)).decide(Asked(task("Review this"), GREEDY), {}).choice
    assert "0.90 (its weight) × quality" in str(said.steps)


_weights = st.dictionaries(st.sampled_from("abcd"), st.floats(0.5, 2))


@given(
    _weights, st.lists(st.sampled_from([0.2, 0.8, 0.803, 0.9]), min_size=4, max_size=4), st.booleans(), st.floats(0, 1)
)
@settings(max_examples=100, deadline=None)
def test_for_any_weights_and_opinions_a_choice_is_told_with_one_propensity(weights, said, learned, explore):
    agents = [agent(name, "code_review", keywords=["review"] * (name < "c")) for name in "abcd"]
    hybrid = router(weights, *agents, scorer=Says(*said) if learned else None)
    told: dict[str, set[float]] = {}
    for number in range(25):
        decision = hybrid.decide(Asked(task("Review this", task_id=f"t-{number}"), Terms(explore=explore)), {})
        choice = decision.choice
        told.setdefault(choice.agent_id, set()).add(round(choice.propensity, 9))
        assert sum(decision.propensity(name) for name in "abcd") == pytest.approx(1)
        assert decision.propensity(choice.agent_id) == choice.propensity
        assert 0 <= choice.confidence <= 1 and all(0 <= one["score"] <= 1 for one in choice.candidates)
    assert all(len(each) == 1 for each in told.values())


# -- days of a world ---------------------------------------------------------------------------------------------------


def days_of(quality: Any, count: int, tasks: int = 120, said: float = 0.25) -> list[float]:
    """The share of `a` on each day, of two equals of whose answers people judge every fourth. `quality`: of an agent
    on a day, how likely a person calls its answer good."""
    known: Any = {}
    course = []
    for number in range(count):
        day = Day(date(2026, 9, 1) + timedelta(days=number))
        hybrid = Hybrid(Index(registry(*TWO), Limits(), weights=counted(known, "on")))
        got = 0
        for each in range(tasks):
            task_id = f"{number}/{each}"
            choice = hybrid.decide(Asked(task("Review this", task_id=task_id), Terms(explore=0.05)), {}).choice
            got += choice.agent_id == "a"
            over: Any = {"agent_id": choice.agent_id, "skill": choice.skill, "at": day.span[0] + each}
            if draw(task_id, "speaks") < said:
                good = draw(task_id, "says") < quality(choice.agent_id, number)
                over["feedback"] = "positive" if good else "negative"
            day.sample(sample(task_id, **over))
        course.append(got / tasks)
        made = weigh(day.day, known, day.shows(), step=1.1, applied=True, now=day.span[1])
        known |= {one["agent_id"]: one for one in made}
    return course


def mean(course, start, end):
    return sum(course[start:end]) / (end - start)


def test_the_share_of_one_that_becomes_bad_falls_in_days_and_comes_back_when_it_is_good_again():
    course = days_of(lambda name, day: 0.2 if name == "a" and 10 <= day < 40 else 0.8, 80)
    assert mean(course, 0, 10) == pytest.approx(0.5, abs=0.1)
    assert mean(course, 13, 15) < mean(course, 0, 10)
    assert mean(course, 25, 40) < 0.35, "it gets less, and not nothing"
    assert min(course) > 0.08
    assert mean(course, 65, 80) == pytest.approx(0.5, abs=0.1)


def test_a_day_moves_the_share_of_an_equal_by_five_points_at_most():
    """However bad it is: the worst day there can be is one step down for it and one up for the other."""
    known: Any = {}
    before, worst = 0.5, Shown(500, 500, 0, 0, 500, 0.0)
    for number in range(20):
        shows = {("a", "law"): worst, ("b", "law"): Shown(500, 500, 500, 0, 0, 500.0)}
        made = weigh(date(2026, 9, 1) + timedelta(days=number), known, shows, step=1.1, applied=True, now=0)
        known |= {one["agent_id"]: one for one in made}
        share = known["a"]["weight"] / (known["a"]["weight"] + known["b"]["weight"])
        assert 0 < before - share < 0.05
        before = share
    assert before == pytest.approx(0.2, abs=0.03)


def test_where_both_are_as_good_nothing_moves_for_long():
    course = days_of(lambda name, day: 0.7, 40)
    assert mean(course, 0, 40) == pytest.approx(0.5, abs=0.06)
    assert all(0.3 < share < 0.7 for share in course)
