"""A submitter for tests: hands tasks in and hears everything the line writes about them."""

import time
import uuid
from typing import Any

from confluent_kafka import TopicPartition

from infra import kafka
from infra.settings import Settings
from schemas.codec import decode, encode
from schemas.topics import TOPICS
from tests.support.waiting import until
from tests.support.world import submission

HEARD = ("tasks.assigned", "tasks.progress", "tasks.results", "tasks.outcomes", "evaluations", "dead.letters")


class Submitter:
    """Hears from its making on; ids carry a prefix of its own, so that tests do not meet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.prefix = uuid.uuid4().hex[:8]
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.producer = kafka.producer(settings)
        self._consumer = kafka.consumer(settings, f"test-{self.prefix}", fetch_wait_max_ms=50)
        ends = []
        for topic in HEARD:
            for partition in range(TOPICS[topic].partitions or settings.partitions):
                place = TopicPartition(topic, partition)
                place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
                ends.append(place)
        self._consumer.assign(ends)

    def close(self) -> None:
        self.producer.flush(5)
        self._consumer.close()

    def submit(self, name: str, **over: Any) -> str:
        task_id = f"{self.prefix}-{name}"
        fields = {"session_id": self.prefix, "submitted_at": time.time_ns() // 1000} | over
        task = submission(task_id, **fields)
        self.producer.produce("tasks.submitted", encode("TaskSubmitted", task), task["session_id"])
        self.producer.flush(10)
        return task_id

    def cancel(self, task_id: str) -> None:
        command = {
            "event_id": f"{task_id}/cancel",
            "task_id": task_id,
            "kind": "cancel",
            "at": time.time_ns() // 1000,
            "by": "a test",
            "reason": "",
        }
        for partition in range(self.settings.partitions):
            self.producer.produce("task.commands", encode("TaskCommand", command), task_id, partition=partition)
        self.producer.flush(10)

    def of(self, topic: str, task_id: str | None = None) -> list[dict[str, Any]]:
        while message := self._consumer.poll(0.02):
            if message.error() is None:
                self.heard.append((message.topic(), decode(message.value())[1]))
        return [event for where, event in self.heard if where == topic and task_id in (None, event.get("task_id"))]

    def outcome(self, task_id: str, timeout_s: float = 30.0) -> dict[str, Any]:
        return until(lambda: self.of("tasks.outcomes", task_id), timeout_s, f"outcome of {task_id}")[0]

    def started(self, task_id: str, timeout_s: float = 20.0) -> dict[str, Any]:
        def starts() -> list[dict[str, Any]]:
            return [e for e in self.of("tasks.progress", task_id) if e["kind"] == "started"]

        return until(starts, timeout_s, f"start of {task_id}")[0]
