"""The shared budget on a real Redis: no race passes the cap, pauses hold everybody, nothing spent is forgotten."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis.asyncio as redis

from infra.budget import Budget, Busy, CapReached, Reservation, StoreDown
from infra.overloaded import AVOIDED_S, Overloaded
from infra.settings import Settings
from infra.stack import redis_server
from tests.support.running import running_part, settings_in

CENT = 10_000
GENEROUS: dict[str, Any] = {"requests_per_min": 100_000, "tokens_per_min": 100_000_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("redis"), cost_cap_usd=1.0, **GENEROUS)
    with running_part(redis_server.prepare(settings), settings.state / "log"):
        yield settings


@pytest.fixture
async def store(server: Settings) -> AsyncIterator["redis.Redis[bytes]"]:
    client = redis.from_url(server.redis)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def hosts(server: Settings, store: Any) -> AsyncIterator["Hosts"]:
    made = Hosts(server)
    yield made
    for budget in made.budgets:
        await budget.close()


class Hosts:
    """Budgets as several hosts have them, and what the topics would say was spent today."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.budgets: list[Budget] = []
        self.reported = 0
        self.sums = 0

    def host(self, **over: Any) -> Budget:
        self.budgets.append(Budget(dataclasses.replace(self.settings, **over), self._summed))
        return self.budgets[-1]

    def _summed(self, settings: Settings, day: str) -> int:
        self.sums += 1
        return self.reported


async def test_a_call_is_booked_at_its_worst_and_settled_at_its_cost(hosts: Hosts) -> None:
    budget = hosts.host()
    reservation = await budget.reserve("m", 30 * CENT, 100, 1)
    assert await budget.spent_usd_micros() == 30 * CENT
    await budget.settle(reservation, 7 * CENT, 20)
    assert await budget.spent_usd_micros() == 7 * CENT


async def test_many_hosts_at_once_never_pass_the_cap(hosts: Hosts) -> None:
    budgets = [hosts.host() for _ in range(5)]
    calls = [budget.reserve("m", 9 * CENT, 1, 1) for budget in budgets for _ in range(10)]
    booked = await asyncio.gather(*calls, return_exceptions=True)
    assert len([b for b in booked if isinstance(b, Reservation)]) == 11
    refusals = [str(b) for b in booked if isinstance(b, CapReached)]
    assert len(refusals) == 39
    assert refusals[0] == "cost cap of $1 a day reached: raise HEADWAY_COST_CAP_USD or wait until 00:00 UTC"
    assert hosts.sums == 1


async def test_a_day_is_summed_once_also_when_a_host_asked_before_the_sum_was_there(hosts: Hosts) -> None:
    await hosts.host().reserve("m", CENT, 1, 1)
    await hosts.host()._rebuild(f"{datetime.now(UTC):%Y-%m-%d}")
    assert hosts.sums == 1


async def test_a_dead_hosts_booking_stays_spent(hosts: Hosts) -> None:
    await hosts.host().reserve("m", 60 * CENT, 1, 1)
    with pytest.raises(CapReached):
        await hosts.host().reserve("m", 60 * CENT, 1, 1)


async def test_what_redis_lost_is_summed_again_and_calls_under_way_count(hosts: Hosts, store: Any) -> None:
    budget = hosts.host()
    under_way = await budget.reserve("m", 50 * CENT, 1, 1)
    hosts.reported = 20 * CENT
    await store.flushall()
    await budget.reserve("m", 10 * CENT, 1, 1)
    assert await budget.spent_usd_micros() == (20 + 50 + 10) * CENT
    await budget.settle(under_way, 5 * CENT, 1)
    assert await budget.spent_usd_micros() == (20 + 5 + 10) * CENT


async def test_settling_after_a_loss_of_redis_counts_the_call_once(hosts: Hosts, store: Any) -> None:
    budget = hosts.host()
    under_way = await budget.reserve("m", 50 * CENT, 1, 1)
    hosts.reported = 20 * CENT
    await store.flushall()
    await budget.settle(under_way, 5 * CENT, 1)
    assert await budget.spent_usd_micros() == 25 * CENT


async def test_requests_a_minute(hosts: Hosts) -> None:
    budget = hosts.host(requests_per_min=2)
    for _ in range(2):
        await budget.reserve("m", 1, 1, 1)
    with pytest.raises(Busy) as busy:
        await hosts.host(requests_per_min=2).reserve("m", 1, 1, 1)
    assert 25_000 < busy.value.retry_after_ms <= 30_000
    assert await budget.spent_usd_micros() == 2


async def test_tokens_a_minute_and_those_not_used_come_back(hosts: Hosts) -> None:
    budget = hosts.host(tokens_per_min=1000)
    first = await budget.reserve("m", 1, 900, 1)
    with pytest.raises(Busy):
        await budget.reserve("m", 1, 900, 1)
    await budget.settle(first, 1, 50)
    await budget.reserve("m", 1, 900, 1)


async def test_a_call_larger_than_the_minute_runs_alone(hosts: Hosts) -> None:
    await hosts.host(tokens_per_min=1000).reserve("m", 1, 5000, 1)


async def test_a_pause_holds_one_model_on_every_host(hosts: Hosts) -> None:
    one, other = hosts.host(), hosts.host()
    await one.reserve("m", 1, 1, 1)
    await one.pause("m", 0.4)
    await other.reserve("another", 1, 1, 0.1)
    started = time.monotonic()
    await other.reserve("m", 1, 1, 1)
    assert 0.3 < time.monotonic() - started < 0.9


async def test_pauses_grow_until_the_model_answers(hosts: Hosts, store: Any) -> None:
    budget = hosts.host()
    waits = []
    for _ in range(4):
        await budget.pause("m", None)
        waits.append(await store.pttl("{headway:budget}:pause:m"))
        await store.delete("{headway:budget}:pause:m")  # as if its time were over
    assert all(later > earlier * 0.99 for earlier, later in zip(waits, waits[2:], strict=False))
    assert waits[3] > 2 * waits[0] - 1000
    await budget.answered("m")
    await budget.pause("m", None)
    assert await store.pttl("{headway:budget}:pause:m") <= 2000


async def test_trouble_of_several_calls_at_once_is_one_trouble(hosts: Hosts, store: Any) -> None:
    await asyncio.gather(*[hosts.host().pause("m", None) for _ in range(10)])
    assert await store.get("{headway:budget}:streak:m") == b"1"


async def test_a_cancelled_wait_books_nothing(hosts: Hosts) -> None:
    budget = hosts.host(requests_per_min=1)
    await budget.reserve("m", 1, 1, 1)
    waiting = asyncio.create_task(budget.reserve("m", 5, 1, 100))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await budget.spent_usd_micros() == 1


async def test_without_redis_nothing_is_booked(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.budget._STORE_WAIT_S", 0.3)
    budget = hosts.host(redis_url="redis://secret:password@127.0.0.1:1/0")
    with pytest.raises(StoreDown) as down:
        await budget.reserve("m", 1, 1, 1)
    assert "password" not in str(down.value)


async def test_a_model_that_was_paused_is_avoided_for_a_while_by_those_who_choose_one(hosts: Hosts) -> None:
    overloaded = Overloaded(hosts.settings, lambda: ["claude-x", "claude-y"])
    overloaded.look(0.0)
    assert overloaded.names == set()
    await hosts.host().pause("claude-x", 0.001)
    overloaded.look(1.0)
    assert overloaded.names == {"claude-x"}
    await asyncio.sleep(1.1)  # the pause is over, and gone from Redis
    overloaded.look(AVOIDED_S)
    assert overloaded.names == {"claude-x"}
    overloaded.look(AVOIDED_S + 2.0)
    assert overloaded.names == set()


def test_without_redis_no_model_is_avoided() -> None:
    overloaded = Overloaded(Settings(redis_url="redis://127.0.0.1:1/0"), lambda: ["claude-x"])
    overloaded.look(0.0)
    assert overloaded.names == set()
