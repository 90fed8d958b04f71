"""Reading the topics: nothing is missed that happens while the reading begins, and a broker that is away is noticed."""

import dataclasses
import time
import uuid
from pathlib import Path

import pytest

from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from tests.support.gateway import running_gateway
from tests.support.running import running_broker, settings_in
from tests.support.waiting import until
from tests.support.world import submission

pytestmark = pytest.mark.e2e


def test_only_the_newest_are_read_at_the_start_and_older_ones_are_said_to_be_missing(
    broker: Settings, tmp_path: Path
) -> None:
    producer, mark = kafka.producer(broker), uuid.uuid4().hex
    for number in range(400):
        task = submission(f"{mark}-{number:03}", session_id=f"{mark}-{number}", submitted_at=time.time_ns() // 1000)
        producer.produce("tasks.submitted", encode("TaskSubmitted", task), task["session_id"])
    producer.flush(10)
    settings = dataclasses.replace(broker, state_dir=str(tmp_path), gateway_tasks_max=40)
    with running_gateway(settings) as gateway:
        recent = gateway.services.recent
        assert 40 <= len(recent.tasks) <= 60
        assert recent.floor > 0
        kept = [task for task in recent.tasks.values() if task.submitted_at > recent.floor]
        assert {f"{mark}-{n:03}" for n in range(399 - len(kept) + 1, 400)} == {task.task_id for task in kept}


def test_what_is_told_says_how_old_it_is_when_the_broker_is_away(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with running_broker(settings) as broker:
        kafka.ensure_topics(settings)
        with running_gateway(settings) as gateway:
            caller = gateway.caller()
            task_id = caller.submit("Still here")
            caller.get(f"/api/tasks/{task_id}")  # read back
            lost = caller.submit("Not read back")
            tasks = gateway.services.recent.tasks
            until(lambda: tasks.pop(lost, None), 10, "it is read, and then is not: as if the broker had gone before")
            broker.signal(9)
            until(lambda: broker.reap() is not None, 10, "the broker is gone")
            gone_at = time.time_ns() // 1000
            until(lambda: time.time_ns() // 1000 - _as_of(caller) > 1_000_000, 20, "the answer is seen to be old")
            assert _as_of(caller) < gone_at + 2_000_000
            assert caller.get(f"/api/tasks/{task_id}")["text"] == "Still here"
            missing = caller.call("GET", f"/api/tasks/{lost}")
            assert (missing.status, missing.headers["retry-after"]) == (503, "1")
            broker.start()
            back_at = time.time_ns() // 1000
            until(lambda: _as_of(caller) > back_at, 60, "the answer is fresh again")
            until(lambda: caller.call("POST", "/api/tasks", {"text": "And on"}).status == 202, 30, "tasks are taken")


def _as_of(caller: object) -> int:
    return int(caller.get("/healthz")["as_of"])  # type: ignore[attr-defined]
