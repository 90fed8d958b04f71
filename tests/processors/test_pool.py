"""A large pool gives out work as evenly as a small one, and each instance has its turn."""

import random

import pytest

from processors.balancing import BALANCERS
from processors.pool import Pool
from tests.support.world import heartbeat

LEASE_US = 10_000_000
ROUNDS = 100


def pool_of(count: int, slots: int = 5) -> Pool:
    pool = Pool("writer", "writer", slots=slots, aging_us=1, weights={})
    pool.hear(heartbeat(1, instances=count))  # type: ignore[arg-type]
    return pool


def taken(pool: Pool, balancer: str, avoid: str | None = None) -> str:
    assert pool.has_free(2, LEASE_US)
    return pool.take_slot("t", 0.5, avoid, balancer, 2, LEASE_US).instance_id


@pytest.mark.parametrize("balancer", BALANCERS)
@pytest.mark.parametrize("count", [3, 40, 120])
def test_equal_instances_get_equally_much_work(balancer: str, count: int) -> None:
    chance, pool = random.Random(1), pool_of(count)
    got = dict.fromkeys(pool.instances, 0)
    running: list[str] = []
    for n in range(count * ROUNDS):
        name = pool.take_slot(f"t{n}", 0.5, None, balancer, 2, LEASE_US).instance_id
        got[name] += 1
        running.append(name)
        if len(running) > count:  # a load of a fifth; those that began first end soon
            ended = pool.instance(running.pop(chance.randrange(len(running) // 4 + 1)))
            ended.running.pop()
            ended.record(succeeded=True, response_ms=chance.uniform(900, 1100))
            pool.offer(ended)
    assert max(got.values()) <= 1.2 * ROUNDS and min(got.values()) >= 0.8 * ROUNDS, sorted(got.values())


def test_every_slot_is_given_out_once_and_then_there_is_none() -> None:
    pool = pool_of(100, slots=2)
    for n in range(200):
        assert pool.has_free(2, LEASE_US)
        pool.take_slot(f"t{n}", 0.5, None, "least_connections", 2, LEASE_US)
    assert not pool.has_free(2, LEASE_US)
    assert all(len(one.running) == 2 for one in pool.instances.values())
    freed = pool.instance("writer-7")
    freed.running.clear()
    pool.offer(freed)
    assert taken(pool, "round_robin") == "writer-7"


def test_another_instance_is_taken_than_the_one_to_avoid_while_there_is_one() -> None:
    pool = pool_of(2, slots=1)
    assert taken(pool, "round_robin", avoid="writer-0") == "writer-1"
    assert taken(pool, "round_robin", avoid="writer-0") == "writer-0"


def test_who_was_passed_over_is_back_with_its_next_heartbeat() -> None:
    pool = pool_of(3)
    assert not pool.has_free(2 + 2 * LEASE_US, LEASE_US)
    pool.hear(heartbeat(2 + 2 * LEASE_US, instances=3))  # type: ignore[arg-type]
    assert pool.has_free(3 + 2 * LEASE_US, LEASE_US)


def test_slots_that_come_and_go_with_a_cordon_are_news() -> None:
    pool = pool_of(2)
    assert pool.has_news(2, LEASE_US) and not pool.has_news(2, LEASE_US)
    for draining, slots in ((True, 0), (False, 10)):
        pool.hear(heartbeat(3, instances=2, draining=draining))  # type: ignore[arg-type]
        pool.changed = False
        assert pool.has_news(3, LEASE_US) and pool.status(3, LEASE_US, 10)["slots"] == slots
        assert not pool.has_news(3, LEASE_US)
