"""Who is in which arm: the same everywhere and always, in the planned shares, in one experiment of a layer at most."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.experiments.assignment import BUCKETS, Assignment, arm_of, bucket, takes_part
from processors.experiments.distributions import chi_square_above
from tests.support.experiments import experiment, running
from tests.support.world import submission

UNITS = [f"session-{n}" for n in range(20_000)]

VECTORS = [
    ("layer", "balancer", "session-1", 826),
    ("layer", "balancer", "session-2", 4309),
    ("arm", "quick-balancing", "session-1", 6331),
    ("arm", "quick-balancing", "session-2", 7176),
    ("arm", "quick-balancing", "", 2271),
    ("arm", "quick-balancing", "席/1", 3085),
]
"""The same as in docs/experiments.md; a program in another language has to find them too."""


@pytest.mark.parametrize(("kind", "name", "unit", "place"), VECTORS)
def test_buckets_are_those_of_the_test_vectors(kind, name, unit, place):
    assert bucket(kind, name, unit) == place


def chi_square(counts: list[int], shares: list[float]) -> float:
    total = sum(counts)
    statistic = sum((n - total * s) ** 2 / (total * s) for n, s in zip(counts, shares, strict=True))
    return float(chi_square_above(statistic, len(counts) - 1))


@pytest.mark.parametrize("shares", [(5000, 5000), (9000, 1000), (3334, 3333, 3333), (9999, 1)])
def test_arms_get_their_shares(shares):
    arms: Any = [{"name": f"a{i}", "value": "", "share": s, "stopped": False} for i, s in enumerate(shares)]
    one = running(arms=arms)
    counts = Counter(arm_of(one, unit)["name"] for unit in UNITS)
    assert chi_square([counts[arm["name"]] for arm in arms], [s / BUCKETS for s in shares]) > 0.001


def test_layers_are_independent_of_each_other_and_of_the_arms():
    one, other = running("one", layer="x"), running("two", layer="y", parameter="redos_max")
    half = running("half", layer="x", buckets=5_000)
    pairs = Counter((arm_of(one, u)["name"], arm_of(other, u)["name"], takes_part(half, u)) for u in UNITS)
    assert (
        chi_square([pairs[a, b, c] for a in ("control", "b") for b in ("control", "b") for c in (0, 1)], [1 / 8] * 8)
        > 0.001
    )


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6), st.text(max_size=20))
def test_a_unit_is_in_one_experiment_of_a_layer_at_most(sizes, unit):
    start, ones = 0, []
    for n, size in enumerate(sizes):
        if start + size <= BUCKETS:
            ones.append(running(f"e{n}", first_bucket=start, buckets=size))
            start += size
    assert sum(takes_part(one, unit) for one in ones) == (bucket("layer", "balancer", unit) < start)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_the_arm_follows_from_the_unit_alone(session, task_id):
    assignment = Assignment([running()])
    one = assignment.of(submission(task_id, session_id=session))
    assert one == Assignment([running()]).of(submission(task_id + "x", session_id=session, priority=1))
    assert one[0][0]["unit"] == session


def test_items_go_with_their_task():
    assignment = Assignment([running(unit="task")])
    own = assignment.of(submission("parent"))
    assert all(assignment.of(submission(f"parent.{n}", parent_id="parent")) == own for n in range(20))


@pytest.mark.parametrize("status", ["draft", "paused", "completed"])
def test_only_a_running_experiment_exposes_anybody(status):
    assert Assignment([running(status=status)]).of(submission("t")) == ([], [])


def test_a_unit_outside_its_buckets_takes_no_part():
    one = running(buckets=1_000)
    exposed = [u for u in UNITS[:2_000] if Assignment([one]).of(submission("t", session_id=u))[0]]
    assert exposed == [u for u in UNITS[:2_000] if takes_part(one, u)]
    assert 0 < len(exposed) < 400


def test_units_of_a_stopped_arm_get_what_control_has_and_are_counted_no_more():
    arms = running()["arms"]
    stopped: Any = [arms[0], {**arms[1], "stopped": True}]
    assignment = Assignment([running(arms=stopped)])
    told = [assignment.of(submission("t", session_id=u)) for u in UNITS[:200]]
    assert {settings[0]["value"] for _, settings in told} == {"weighted_round_robin"}
    assert {len(exposures) for exposures, _ in told} == {0, 1}
    assert {e["arm"] for exposures, _ in told for e in exposures} == {"control"}


def test_what_was_adopted_last_holds_for_every_task_until_an_experiment_says_otherwise():
    first = experiment("first", status="completed", adopted="b", at=5)
    then = experiment("then", status="completed", adopted="control", at=6)
    assert Assignment([then, first]).of(submission("t")) == (
        [],
        [{"name": "balancer", "value": "weighted_round_robin"}],
    )
    assert Assignment([first]).of(submission("t"))[1] == [{"name": "balancer", "value": "adaptive"}]
    values = {Assignment([first, running("now")]).of(submission("t", session_id=u))[1][0]["value"] for u in UNITS[:50]}
    assert values == {"adaptive", "weighted_round_robin"}


def test_the_propensity_is_the_share():
    arms: Any = [{**arm, "share": share} for arm, share in zip(running()["arms"], (9_000, 1_000), strict=True)]
    told = [Assignment([running(arms=arms)]).of(submission("t", session_id=u))[0][0] for u in UNITS[:300]]
    assert {(e["arm"], e["propensity"]) for e in told} == {("control", 0.9), ("b", 0.1)}
