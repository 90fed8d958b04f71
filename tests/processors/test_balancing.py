"""The balancing algorithms and the load score, against their definitions."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.balancing import BALANCERS, Instance, capacity_of, load_of, load_score
from processors.standing import experience
from tests.support.agents import pool


def instances(*runs: tuple[int, int]) -> list[Instance]:
    made = [Instance(f"i{n}") for n in range(len(runs))]
    for instance, (done, failed) in zip(made, runs, strict=True):
        for n in range(done + failed):
            instance.record(n >= failed, 0.0)
    return made


def chosen(name: str, available: list[Instance]) -> Instance:
    """Whoever is chosen goes to the end, as in a pool."""
    one = BALANCERS[name](available, 0.0)
    available.remove(one)
    available.append(one)
    return one


def test_round_robin_takes_turns_in_order():
    available = instances((0, 0), (0, 0), (0, 0))
    assert [chosen("round_robin", available).instance_id for _ in range(6)] == ["i0", "i1", "i2", "i0", "i1", "i2"]


def test_weighted_round_robin_follows_the_success_rate_without_bursts():
    available = instances((98, 0), (48, 50))
    good, poor = available
    seen = Counter(chosen("weighted_round_robin", available).instance_id for _ in range(149))
    assert seen["i0"] / seen["i1"] == pytest.approx(good.success_rate / poor.success_rate, rel=0.05)


@given(before=st.lists(st.booleans(), max_size=200), succeeded=st.booleans())
def test_a_run_moves_the_weight_of_an_instance_less_the_more_runs_it_has(before, succeeded):
    instance = Instance("i")
    for one in before:
        instance.record(one, 0.0)
    weight = instance.success_rate
    instance.record(succeeded, 0.0)
    assert abs(instance.success_rate - weight) <= 1 / (len(before) + 3)


@given(done=st.integers(0, 5000), failed=st.integers(0, 5000), good=st.integers(0, 5000), bad=st.integers(0, 5000))
def test_a_day_moves_an_agents_experience_by_its_share_of_all_runs_at_most(done, failed, good, bad):
    before = experience(pool("a", completed=done, failed=failed))
    after = experience(pool("a", completed=done + good, failed=failed + bad))
    today = good + bad
    assert abs(after - before) <= today / (done + failed + today + 5) + 1e-12


def test_equal_instances_get_equal_shares_in_every_algorithm():
    for name in BALANCERS:
        available = instances(*[(0, 0)] * 4)
        for n in range(400):
            one = chosen(name, available)
            one.running.add(f"t{n}")
            one.record(True, 100.0)
        assert {len(i.running) for i in available} == {100}, name


def test_least_connections_takes_the_emptiest():
    available = instances((0, 0), (0, 0))
    available[0].running = {"a", "b"}
    assert BALANCERS["least_connections"](available, 0.0).instance_id == "i1"


def test_adaptive_weighs_load_with_response():
    fast, slow = instances((1, 0), (1, 0))
    fast.response_ms, slow.response_ms = 100.0, 1000.0
    fast.running = {"a", "b"}
    assert BALANCERS["adaptive"]([fast, slow], 0.0) is fast
    fast.running = {str(n) for n in range(10)}
    assert BALANCERS["adaptive"]([fast, slow], 0.0) is slow


def test_load_score_is_as_the_requirement_says():
    assert load_score(tasks=2, completion=0.9, response_s=120, error_rate=0.05) == pytest.approx(20 + 5 + 10 + 5)
    assert load_score(0, 1.0, 6000, 0.0) == 50


def test_load_score_takes_who_has_capacity_for_the_task_else_the_least_loaded():
    busy, idle = instances((10, 0), (10, 0))
    busy.running = {"a", "b", "c"}
    assert capacity_of(busy) == 70 and load_of(idle) == 0
    assert BALANCERS["load_score"]([busy, idle], 0.5) is idle
    idle.error_rate = 0.9
    assert BALANCERS["load_score"]([busy, idle], 0.5) is busy
    busy.running = {str(n) for n in range(9)}
    idle.error_rate = 0.95
    assert BALANCERS["load_score"]([busy, idle], 0.95) is busy
