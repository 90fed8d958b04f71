"""Schedules on a real broker: each due time is one record, however many schedulers look at once and die on the way."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from infra import definitions, kafka, registry
from infra.definitions import SCHEDULE
from infra.registry import RUNS, SCHEDULES, Registry
from infra.settings import Settings
from processors.scheduling.machine import session_of
from schemas.codec import decode_as, encode
from schemas.examples import examples
from streams.scheduler import OUTCOMES, Scheduler
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

TEN_S = 10_000_000
START = 1_790_000_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class One:
    """A scheduler of its own, as a process of its own would be; `look` is one look of it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.known = Registry(settings, (SCHEDULES, RUNS))
        self.known.wait_ready()
        self._scheduler = Scheduler(settings, clock)

    def look(self) -> list[str]:
        return [task["task_id"] for task in self._scheduler.look(self.known).tasks]


def published(settings: Settings, **over: Any) -> str:
    """The name of a schedule of every ten seconds."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    plain = {"cron": None, "every": "10s", "overlap": "allow", "escalate": None, "updated_at": START}
    made = examples("schedule", 1)[0] | {"schedule": name} | plain | over
    definitions.write(SCHEDULE, settings, [made])
    return name


def handed_in(settings: Settings, name: str) -> list[int]:
    """Seconds from the start to the due time of each TaskSubmitted on the topic."""
    records = registry.newest(settings, RUNS)
    due = {run["task_id"]: (run["due_at"] - START) // 1_000_000 for run in records[name]["runs"]}
    return [
        due[task["task_id"]]
        for message in kafka.read_all(settings, "tasks.submitted")
        if message.key() == session_of(name).encode()
        for task in [decode_as("TaskSubmitted", message.value())]
    ]


def record(settings: Settings, name: str) -> Any:
    return registry.newest(settings, RUNS).get(name)


@pytest.fixture
def clock(settings: Settings) -> Iterator[Clock]:
    """What was scheduled is taken out in the end: the broker is everybody's."""
    yield Clock()
    left = [one for one in registry.newest(settings, SCHEDULES).values() if one["schedule"].startswith("test-")]
    definitions.write(SCHEDULE, settings, [one | {"removed": True} for one in left])


def test_two_schedulers_at_once_that_die_and_begin_anew_hand_each_run_in_once(settings, clock):
    names = {missed: published(settings, missed=missed) for missed in ("last", "all", "skip")}
    pair = [One(settings, clock), One(settings, clock)]
    together = Barrier(2)

    def look(one: One) -> list[str]:
        together.wait()
        return one.look()

    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            list(pool.map(look, pair))
            clock.now += TEN_S
    for name in names.values():
        assert handed_in(settings, name) == [10, 20]

    # One dies with its transaction open: what it wrote is on the topic, and counts for nothing.
    dead = kafka.producer(settings, transactional_id="headway-schedules", transaction_timeout_ms=60_000)
    dead.init_transactions(kafka.ANSWER_S)
    dead.begin_transaction()
    task = examples("task_submitted", 2)[0] | {"task_id": f"{names['all']}@dead"}
    dead.produce("tasks.submitted", encode("TaskSubmitted", task), session_of(names["all"]).encode())
    assert dead.flush(10) == 0

    clock.now += 127_000_000  # 157 s after the start
    anew = One(settings, clock)
    anew.look()
    pair[0].look()
    assert handed_in(settings, names["last"]) == [10, 20, 150]
    assert handed_in(settings, names["all"]) == [*range(10, 151, 10)]
    assert handed_in(settings, names["skip"]) == [10, 20, 150], "150 is 7 s ago, which is in time"
    assert [record(settings, name)["passed_over"] for name in names.values()] == [12, 0, 12]
    for one in (*pair, anew):
        one.known.close()


def test_a_scheduler_that_was_overtaken_writes_nothing(settings, clock):
    name = published(settings)
    slow, quick = One(settings, clock), One(settings, clock)
    slow.look()
    clock.now += TEN_S
    make, asked = slow._scheduler._make, []

    def overtaken(defined: Any, kept: Any) -> Any:
        made = make(defined, kept)
        if not asked and made.tasks and defined is not slow.known.schedules:  # it has read, and not written yet
            asked.append(made.tasks[0]["task_id"])
            assert quick.look() == asked
        return made

    slow._scheduler._make = overtaken
    assert slow.look() == []
    assert asked and handed_in(settings, name) == [10]
    slow.known.close()
    quick.known.close()


def test_how_runs_end_is_kept_and_failures_escalate(settings, clock):
    escalate = {"after_failures": 1, "priority": 1, "agent": None}
    name = published(settings, escalate=escalate, priority=7, overlap="skip")
    scheduler = Scheduler(settings, clock)
    thread = scheduler.start()
    try:
        until(lambda: record(settings, name), 20, "the schedule is followed")
        clock.now += TEN_S
        run = until(lambda: record(settings, name)["runs"], 20, "the first run is handed in")[0]
        ended = examples("task_outcome", 2)[0]
        ended |= {"task_id": run["task_id"], "session_id": session_of(name), "status": "failed", "error": "no luck"}
        producer = kafka.producer(settings)
        producer.produce(OUTCOMES, encode("TaskOutcome", ended), session_of(name).encode())
        assert producer.flush(10) == 0
        until(lambda: record(settings, name)["runs"][0]["status"] == "failed", 20, "its end is kept")
        clock.now += TEN_S
        second = until(lambda: record(settings, name)["runs"][1:], 20, "the second run is handed in")[0]
        assert (second["escalated"], record(settings, name)["passed_over"]) == (True, 0)
    finally:
        scheduler.stopping.set()
        thread.join(20)
