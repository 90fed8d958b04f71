"""Handing tasks to a running line and seeing their outcomes, as an outside program would."""

import time
import uuid
from typing import Any

from confluent_kafka import TopicPartition

from infra import kafka
from infra.settings import Settings
from lab.bench.figures import quantile
from schemas.codec import decode_as, encode

AGENTS = ("noop-a", "noop-b", "noop-d", "noop-f")
"""Their pools lie in four different partitions."""
TEXT = "write a function that parses csv " * 3
_SESSIONS = 50
_LIMIT_S = 120.0
_PATIENCE_S = 20.0
"""How long after the last submission an outcome is waited for."""


class Load:
    """One producer and one reader of the outcomes."""

    def __init__(self, settings: Settings) -> None:
        self._run = uuid.uuid4().hex[:8]
        self._sent = 0
        self._producer = kafka.producer(settings, queue_buffering_max_messages=1_000_000, log_level=2)
        self._consumer = kafka.consumer(settings, f"bench-{self._run}", fetch_wait_max_ms=100)
        places = [TopicPartition("tasks.outcomes", p) for p in range(settings.partitions)]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign(places)

    def close(self) -> None:
        self._producer.flush(10)
        self._consumer.close()

    def submit(self, submitted_at_us: int | None = None, **over: Any) -> str:
        """Hands in a task with the fields of `over`; its id."""
        task_id = f"{self._run}-{self._sent}"
        session = f"s{self._sent % _SESSIONS}"
        self._sent += 1
        task = {
            "task_id": task_id,
            "session_id": session,
            "tenant_id": "bench",
            "text": TEXT,
            "submitted_at": submitted_at_us or time.time_ns() // 1000,
        }
        while True:
            try:
                self._producer.produce("tasks.submitted", encode("TaskSubmitted", task | over), session)
                break
            except BufferError:
                self._producer.poll(0.05)
        self._producer.poll(0)
        return task_id

    def flush(self) -> None:
        self._producer.flush(30)

    def outcomes(self, wait_s: float) -> list[dict[str, Any]]:
        """Outcomes of our tasks; asking for many waits its whole time to fill, so that time is kept short."""
        mark = self._run.encode()
        heard = self._consumer.consume(500, wait_s)
        return [decode_as("TaskOutcome", m.value()) for m in heard if m.error() is None and mark in m.value()]


def throughput(load: Load, count: int) -> float:
    """Tasks a second, from the first one handed in to the last outcome seen."""
    started = time.monotonic()
    wanted = {load.submit(agent_id=AGENTS[i % len(AGENTS)]) for i in range(count)}
    load.flush()
    while wanted and time.monotonic() < started + _LIMIT_S:
        wanted -= {o["task_id"] for o in load.outcomes(0.005) if o["status"] == "completed"}
    if wanted:
        raise RuntimeError(f"{len(wanted)} of {count} tasks were not completed within {_LIMIT_S:.0f} s")
    return count / (time.monotonic() - started)


def latencies_ms(load: Load, rate: float, seconds: float, warm_up_s: float) -> list[float]:
    """From the intended time of each submission to its outcome seen, whether the line kept up or not."""
    taken: dict[str, float] = {}
    warm_up: set[str] = set()
    count, sent = int(rate * (seconds + warm_up_s)), 0
    start = time.time() + 0.1
    while len(taken) < count and time.time() < start + warm_up_s + seconds + _PATIENCE_S:
        while sent < count and start + sent / rate <= time.time():
            due_at = start + sent / rate
            task_id = load.submit(int(due_at * 1e6), agent_id=AGENTS[sent % len(AGENTS)])
            if due_at < start + warm_up_s:
                warm_up.add(task_id)
            sent += 1
        for outcome in load.outcomes(0.0005):
            taken[outcome["task_id"]] = time.time() * 1000 - outcome["submitted_at"] / 1000
    if len(taken) < count:
        raise RuntimeError(f"{count - len(taken)} of {count} tasks had no outcome")
    return [ms for task_id, ms in taken.items() if task_id not in warm_up]


def p50_p99(milliseconds: list[float]) -> tuple[float, float]:
    return quantile(milliseconds, 0.5), quantile(milliseconds, 0.99)
