"""The order of waiting tasks: priority with aging, fairness between tenants, bounded work."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors import queueing
from processors.queueing import FairQueue

AGING = 60_000_000


def jain(shares: list[float]) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(s * s for s in shares))


def test_one_tenant_and_priority_is_first_in_first_out():
    queue = FairQueue(AGING, {})
    for i in range(100):
        queue.push(f"t{i}", "a", 5, i, i)
    assert [queue.pop(200) for _ in range(101)] == [f"t{i}" for i in range(100)] + [None]


def test_a_newcomer_starts_within_one_turn_of_a_backlog():
    queue = FairQueue(AGING, {})
    for i in range(10_000):
        queue.push(f"big{i}", "big", 5, 0, 0)
    for _ in range(3000):
        queue.pop(1)
    queue.push("small", "small", 5, 1, 1)
    assert "small" in (queue.pop(1), queue.pop(1))


def test_backlogged_tenants_share_evenly():
    queue = FairQueue(AGING, {})
    for tenant, count in (("a", 5000), ("b", 800), ("c", 600), ("d", 500)):
        for i in range(count):
            queue.push(f"{tenant}{i}", tenant, 5, 0, 0)
    served = Counter((queue.pop(1) or "")[0] for _ in range(1600))
    assert jain(list(served.values())) > 0.999


def test_weights_are_shares():
    queue = FairQueue(AGING, {"a": 3.0})
    for i in range(1000):
        queue.push(f"a{i}", "a", 5, 0, 0)
        queue.push(f"b{i}", "b", 5, 0, 0)
    served = Counter((queue.pop(1) or "")[0] for _ in range(800))
    assert 590 <= served["a"] <= 610


def test_idle_time_is_not_saved_up():
    queue = FairQueue(AGING, {})
    for i in range(1000):
        queue.push(f"a{i}", "a", 5, 0, 0)
    for _ in range(500):
        queue.pop(1)
    for i in range(100):
        queue.push(f"b{i}", "b", 5, 1, 1)
    served = Counter((queue.pop(1) or "")[0] for _ in range(100))
    assert 49 <= served["b"] <= 51


class Model:
    """The same order, the slow and obvious way."""

    def __init__(self) -> None:
        self.waiting: dict[str, tuple[str, int, int]] = {}

    def level(self, task_id: str, now: int) -> int:
        _, priority, queued_at = self.waiting[task_id]
        return max(1, priority - max(0, now - queued_at) // AGING)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.sampled_from("abc"), st.integers(1, 10), st.integers(0, 600)),
            st.tuples(st.just("pop")),
            st.tuples(st.just("discard"), st.integers(0, 60)),
            st.tuples(st.just("wait"), st.integers(0, 300)),
        ),
        max_size=80,
    ),
    st.sampled_from([0, queueing.SPARE]),
)
def test_pops_are_never_out_of_level_and_nothing_is_lost(steps, spare):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queueing, "SPARE", spare)  # so that outdated entries are cleared away within a few steps, too
        follow(steps)


def follow(steps):
    queue, model, now, pushed = FairQueue(AGING, {}), Model(), 600_000_000, 0
    for step in steps:
        if step[0] == "push":
            task_id, queued_at = f"t{pushed}", now - step[3] * 1_000_000
            pushed += 1
            queue.push(task_id, step[1], step[2], queued_at, now)
            model.waiting[task_id] = (step[1], step[2], queued_at)
        elif step[0] == "discard":
            queue.discard(f"t{step[1]}")
            model.waiting.pop(f"t{step[1]}", None)
        elif step[0] == "wait":
            now += step[1] * 1_000_000
        else:
            popped = queue.pop(now)
            assert (popped is None) == (not model.waiting)
            if popped is not None:
                best = min(model.level(t, now) for t in model.waiting)
                tenant, priority, queued_at = model.waiting[popped]
                assert model.level(popped, now) == best
                same = [q for t, p, q in model.waiting.values() if (t, p) == (tenant, priority)]
                assert queued_at == min(same)
                del model.waiting[popped]
        assert len(queue) == len(model.waiting)
    assert {queue.pop(now) for _ in range(len(model.waiting))} == set(model.waiting)
    assert queue.pop(now) is None


def test_a_queue_that_is_never_empty_holds_what_waits_and_nothing_more():
    """More comes than is taken, so that levels of low priority are not reached for hours and nobody meets what is
    outdated there."""
    queue, chance, most, priorities = FairQueue(AGING, {}), random.Random(1), 500, (2, *[5] * 7, 8, 8)
    for turn in range(20_000):
        now = turn * 200_000
        for more in range(chance.choice((0, 1, 2, 2))):
            if len(queue) < most:
                queue.push(f"t{turn}.{more}", chance.choice("abcd"), chance.choice(priorities), now, now)
        queue.pop(now)
    assert len(queue) > most - 5
    assert sum(map(len, queue._levels)) + len(queue._promotions) < 1000  # more than 4,000 without clearing away


def test_discarded_tasks_do_not_pile_up():
    queue = FairQueue(AGING, {})
    queue.push("keep", "a", 5, 0, 0)
    for i in range(50_000):
        queue.push(f"t{i}", "a", 5, 1, 1)
        queue.discard(f"t{i}")
    assert len(queue) == 1 and sum(len(b.waiting) for b in queue._buckets.values()) < 3000
    assert queue.pop(2) == "keep"


def test_without_aging_priorities_never_change():
    queue = FairQueue(0, {})
    queue.push("old and low", "a", 9, 0, 0)
    queue.push("new and high", "a", 8, 10**12, 10**12)
    assert [queue.pop(10**12), queue.pop(10**12)] == ["new and high", "old and low"]
