"""An agent that runs in the benchmark itself: its pool has no live instance until it begins, and one then.

All of one instance's assignments go to one partition, so the order in which they are read is the order of the starts.
"""

import time
import uuid
from typing import Any

from confluent_kafka import TopicPartition

from infra import kafka
from infra.settings import Settings
from schemas.codec import decode, encode
from schemas.partition import partition_of

AGENT = "outside"
INSTANCE = f"{AGENT}-0"
_ECHOED = ("task_id", "session_id", "tenant_id", "attempt", "pool", "agent_id", "instance_id")


class OutsideAgent:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._host = {"host_id": "bench", "incarnation": uuid.uuid4().hex}
        self._sequence = 0
        self._beat_at = 0.0
        self._producer = kafka.producer(settings)
        self._consumer = kafka.consumer(settings, f"bench-{self._host['incarnation']}", fetch_wait_max_ms=100)
        place = TopicPartition("tasks.assigned", partition_of(INSTANCE.encode(), settings.partitions))
        place.offset = self._consumer.get_watermark_offsets(place, timeout=10)[1]
        self._consumer.assign([place])

    def close(self) -> None:
        self._producer.flush(10)
        self._consumer.close()

    def work(self) -> list[dict[str, Any]]:
        """Does what has come, which is nothing; the assignments in their order. Says in time that it is alive."""
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + self._settings.heartbeat_s / 2
            self._beat()
        heard = [decode(m.value()) for m in self._consumer.consume(500, 0.005) if m.error() is None]
        given = [a for event, a in heard if event == "TaskAssigned"]
        starts = [a for a in given if a["kind"] == "run" and a["instance_id"] == INSTANCE]
        for assigned in starts:
            self._finish(assigned)
        self._producer.poll(0)
        return starts

    def _beat(self) -> None:
        """Names no work in hand, for none is left when `work` returns; what is under way keeps its first lease."""
        event = {
            "event_id": f"{self._host['incarnation']}/{self._sequence}",
            "pool": AGENT,
            "agent_id": AGENT,
            **self._host,
            "sequence": self._sequence,
            "at": _now(),
            "draining": False,
            "instances": [{"instance_id": INSTANCE, "running": []}],
        }
        self._sequence += 1
        self._producer.produce("agents.heartbeats", encode("AgentHeartbeat", event), AGENT)

    def _finish(self, assigned: dict[str, Any]) -> None:
        result = {name: assigned[name] for name in _ECHOED} | self._host
        result |= {"event_id": f"{assigned['task_id']}/{assigned['attempt']}/completed", "kind": "completed"}
        result |= {
            "output": "Nothing was asked for, and nothing was done.",
            "started_at": _now(),
            "finished_at": _now(),
        }
        self._producer.produce("tasks.results", encode("TaskResult", result), assigned["pool"])


def _now() -> int:
    return time.time_ns() // 1000
