"""Handing tasks to a running line and seeing their outcomes, as an outside program would."""

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import TopicPartition

from infra import kafka
from infra.settings import Settings
from schemas.codec import decode_as, encode
from schemas.topics import TOPICS

AGENTS = ("noop-a", "noop-b", "noop-d", "noop-f")
"""Their pools lie in four different partitions."""
TEXT = "write a function that parses csv " * 3


class Load:
    """One producer and one reader. `topic` is what is heard: outcomes, or what else tells of a task."""

    def __init__(self, settings: Settings, topic: str = "tasks.outcomes", event: str = "TaskOutcome") -> None:
        self.event = event
        self.run = uuid.uuid4().hex[:8]
        self._mark = self.run.encode()
        self._producer = kafka.producer(settings, queue_buffering_max_messages=1_000_000)
        self._consumer = kafka.consumer(settings, f"bench-{self.run}", fetch_wait_max_ms=100)
        places = [TopicPartition(topic, p) for p in range(TOPICS[topic].partitions or settings.partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)

    def close(self) -> None:
        self._producer.flush(10)
        self._consumer.close()

    def submit(self, name: str, submitted_at_us: int | None = None, **over: Any) -> str:
        task_id = f"{self.run}-{name}"
        task = {
            "task_id": task_id,
            "session_id": f"s{hash(name) % 50}",
            "tenant_id": "bench",
            "text": TEXT,
            "submitted_at": submitted_at_us or time.time_ns() // 1000,
        } | over
        while True:
            try:
                self._producer.produce("tasks.submitted", encode("TaskSubmitted", task), task["session_id"])
                break
            except BufferError:
                self._producer.poll(0.05)
        self._producer.poll(0)
        return task_id

    def flush(self) -> None:
        self._producer.flush(30)

    def hear(self, wait_s: float = 0.0005) -> list[dict[str, Any]]:
        """What has come of our tasks; a batch waits its whole time to fill, so that time is short."""
        heard = self._consumer.consume(500, wait_s)
        return [decode_as(self.event, m.value()) for m in heard if m.error() is None and self._mark in m.value()]

    def hear_until(self, enough: Callable[[Sequence[dict[str, Any]]], bool], limit_s: float) -> list[dict[str, Any]]:
        """All that was heard until it is enough, or the time is over."""
        heard: list[dict[str, Any]] = []
        end = time.monotonic() + limit_s
        while not enough(heard) and time.monotonic() < end:
            heard += self.hear(0.005)
        return heard


def throughput(load: Load, count: int) -> float:
    """Tasks a second, from the first one handed in to the last outcome seen."""
    started = time.monotonic()
    mark = f"b{time.monotonic_ns()}"
    for i in range(count):
        load.submit(f"{mark}-{i}", agent_id=AGENTS[i % len(AGENTS)])
    load.flush()
    heard = load.hear_until(lambda seen: len(seen) >= count, 120)
    completed = sum(o["status"] == "completed" for o in heard)
    if completed != count:
        raise RuntimeError(f"{completed} of {count} tasks completed within 120 s")
    return count / (time.monotonic() - started)


def latencies_ms(load: Load, rate: float, seconds: float, warm_up_s: float = 3.0) -> list[float]:
    """From the intended time of each submission to its outcome seen, whether the line kept up or not."""
    seen: dict[str, float] = {}
    start = time.time() + 0.1
    count, sent = int(rate * (seconds + warm_up_s)), 0
    mark = f"l{time.monotonic_ns()}"
    while len(seen) < count and time.time() < start + seconds + warm_up_s + 20:
        while sent < count and start + sent / rate <= time.time():
            due_us = int((start + sent / rate) * 1e6)
            load.submit(f"{mark}-{sent}", due_us, agent_id=AGENTS[sent % len(AGENTS)])
            sent += 1
        for outcome in load.hear():
            seen[outcome["task_id"]] = time.time() * 1000 - outcome["submitted_at"] / 1000
    return [ms for task_id, ms in seen.items() if int(task_id.rsplit("-", 1)[1]) >= rate * warm_up_s]
