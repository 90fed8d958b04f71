"""A worker's word in Redis, without a line: what it holds follows what Kafka gave it, whatever becomes of Redis."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra import metrics
from infra.orchestrators import Beat, Locks, Orchestrator, Orchestrators, Store, of_partition
from infra.settings import Settings
from infra.stack import redis_server
from streams.orchestrating import InHand, Orchestrating, in_hand
from tests.support.running import running_part, settings_in
from tests.support.waiting import until

Start = Callable[..., Orchestrating]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path, orchestrator_heartbeat_s=0.1, orchestrator_failover_s=0.6)
    with running_part(redis_server.prepare(settings), settings.state / "log"):
        yield settings


@pytest.fixture
def start() -> Iterator[Start]:
    """Workers with partitions and their generation, stopped at the end."""
    with ExitStack() as stack:

        def started(settings: Settings, name: str, partitions: list[int], generation: int = 1) -> Orchestrating:
            worker = Orchestrating(settings, name, "router", lambda: InHand(3, 2000, frozenset({"s"})))
            worker.owns(partitions, generation)
            worker.start()
            stack.callback(worker.stop)
            return worker

        yield started


def there(settings: Settings) -> dict[str, Orchestrator]:
    store = Store(settings)
    found = {one.orchestrator_id: one for one in Orchestrators(store, settings).list()}
    store.close()
    return found


def holds(settings: Settings, name: str, *places: str) -> bool:
    one = there(settings).get(name)
    return one is not None and one.partitions == list(places)


def token_of(settings: Settings, partition: int) -> int:
    store = Store(settings)
    lock = Locks(store).held(of_partition("router", partition))
    store.close()
    return lock.token if lock else 0


def test_it_tells_its_load_and_holds_its_partitions_and_gives_them_back_when_it_stops(
    server: Settings, start: Start
) -> None:
    worker = start(server, "router-0", [0, 2])
    until(lambda: holds(server, "router-0", "router/0", "router/2"), 5, "it holds them")
    until(lambda: there(server)["router-0"].health_status == "healthy", 5, "it is heard")
    told = there(server)["router-0"]
    assert (told.status, told.current_load, told.max_capacity) == ("active", 3, 2000)
    assert told.session_ids == ["s"] and told.instance_info["service"] == "router"
    healthy = metrics.ORCHESTRATORS.labels("healthy")
    until(lambda: healthy._value.get() == 1, 5, "it counts who works")
    worker.gives_up([0, 2])
    until(lambda: there(server)["router-0"].status == "sleeping", 5, "nothing is left to it")
    assert holds(server, "router-0")
    worker.stop()
    assert (there(server)["router-0"].status, there(server)["router-0"].ended) == ("terminated", "stopped")


def test_a_partition_goes_to_whom_kafka_gave_it_last_without_waiting_for_the_one_before(
    server: Settings, start: Start
) -> None:
    start(server, "router-0", [0, 1], 1)
    until(lambda: holds(server, "router-0", "router/0", "router/1"), 5, "one has both")
    before = token_of(server, 1)
    start(server, "router-1", [1], 2)
    until(lambda: holds(server, "router-1", "router/1"), 5, "the other has one of them")
    until(lambda: holds(server, "router-0", "router/0"), 5, "and the first has lost it, though it has not noticed yet")
    assert token_of(server, 1) > before


def test_what_a_dead_worker_had_is_taken_over_and_measured(server: Settings, start: Start) -> None:
    store = Store(server)
    dead = Orchestrators(store, server)
    epoch = dead.register("router-0", Beat())
    dead.heartbeat("router-0", epoch, Beat(), {of_partition("router", 0): 1})
    counted = failovers()
    start(server, "router-1", [])
    until(lambda: there(server)["router-0"].ended == "died", 5, "held dead")
    start(server, "router-2", [0], 1)
    until(lambda: holds(server, "router-2", "router/0"), 5, "taken over")
    until(lambda: failovers() == counted + 1, 5, "measured")
    store.close()


def test_a_worker_whose_name_is_borne_by_a_newer_one_falls_silent(server: Settings, start: Start) -> None:
    elder = start(server, "router-0", [0])
    until(lambda: holds(server, "router-0", "router/0"), 5, "it holds it")
    first = there(server)["router-0"].epoch
    start(server, "router-0", [0, 1])
    until(lambda: holds(server, "router-0", "router/0", "router/1"), 5, "the newer one holds both")
    until(lambda: not elder._thread.is_alive(), 5, "the elder one has ended")
    assert there(server)["router-0"].epoch > first


def test_redis_may_be_away_from_the_start_and_go_and_lose_everything(tmp_path: Path, start: Start) -> None:
    settings = settings_in(tmp_path, orchestrator_heartbeat_s=0.1, orchestrator_failover_s=0.6)
    log = settings.state / "log"
    worker = start(settings, "router-0", [0])
    until(lambda: worker._told_down, 5, "it has noticed")
    began = time.monotonic()
    worker.owns([0, 1], 2)
    assert time.monotonic() - began < 1.0, "who tells it of partitions never waits for Redis"
    with running_part(redis_server.prepare(settings), log):
        until(lambda: holds(settings, "router-0", "router/0", "router/1"), 5, "it is there")
        before = token_of(settings, 0)
        store = Store(settings)
        store._redis.flushall()
        store.close()
        until(lambda: holds(settings, "router-0", "router/0", "router/1"), 5, "it is there again")
        assert token_of(settings, 0) > before
    until(lambda: worker._told_down, 5, "it has noticed again")
    assert metrics.ORCHESTRATING._value.get() == 0
    with running_part(redis_server.prepare(settings), log):
        until(lambda: holds(settings, "router-0", "router/0", "router/1"), 5, "and again")


def test_load_is_what_waits_in_the_shards_and_sessions_are_told_where_they_are_the_key() -> None:
    async def recovered(done: bool, *events: Any) -> Any:
        shard = SimpleNamespace(inbox=deque(events), recovered=asyncio.Event())
        if done:
            shard.recovered.set()
        return shard

    def event(topic: str, key: bytes | None) -> Any:
        return SimpleNamespace(topic=topic, key=key)

    ready = asyncio.run(
        recovered(True, *[event("tasks.submitted", key) for key in (b"a", b"a", None)], event("task.commands", b"pool"))
    )
    assert in_hand([ready]) == InHand(4, 1000, frozenset({"a"}), slow=False)
    assert in_hand([ready, asyncio.run(recovered(False))]) == InHand(4, 2000, frozenset({"a"}), slow=True)
    assert in_hand([]) == InHand()


def failovers() -> float:
    [found] = metrics.FAILOVER.collect()
    return next(sample.value for sample in found.samples if sample.name.endswith("_count"))
