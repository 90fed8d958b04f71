"""An executor host as a process, and someone who plays the dispatcher for it: assigns attempts, reads the reports."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import KafkaException, TopicPartition

from infra import kafka
from infra.settings import Settings, as_env
from lab.ports import free_ports
from schemas.codec import decode, encode
from schemas.topics import TOPICS
from tests.support.waiting import until
from tests.support.world import submission

HEARD = ("tasks.results", "tasks.progress", "agents.heartbeats", "dead.letters")


class HostProcess:
    """`python -m streams executor`; its log lies in the state folder."""

    def __init__(self, settings: Settings, index: int = 0) -> None:
        self.log = Path(settings.state_dir) / f"host-{index}-{time.monotonic_ns()}.log"
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "executor", "--index", str(index)],
                env={**os.environ, **as_env(settings)},
                stdout=said,
                stderr=said,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def terminate(self, timeout_s: float = 20.0) -> int:
        """SIGTERM, then its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def usage(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


@contextmanager
def running_host(settings: Settings, index: int = 0) -> Iterator[HostProcess]:
    host = HostProcess(settings, index)
    try:
        yield host
    finally:
        if host.process.poll() is None:
            host.kill()


class Dispatch:
    """Plays the dispatcher. Hears everything that is reported from its making on."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.heard: dict[str, list[dict[str, Any]]] = {topic: [] for topic in HEARD}
        self.producer = kafka.producer(settings)
        self._consumer = kafka.consumer(settings, "test-dispatch")
        self._consumer.assign([self._end(topic, p) for topic in HEARD for p in range(_partitions(topic, settings))])

    def close(self) -> None:
        self.producer.flush(5)
        self._consumer.close()

    # -- to the host ------------------------------------------------------------------------------------------------

    def agent(self, agent_id: str, **over: Any) -> None:
        """Publishes an agent."""
        definition = {
            "agent_id": agent_id,
            "description": "",
            "role": "standard",
            "runner": "simulated",
            "instances": 4,
            "max_tokens": 50,
            "updated_at": now_us(),
        } | over
        self.send("agents.registry", agent_id, "AgentDefinition", definition)

    def run(self, task_id: str, agent_id: str, attempt: int = 1, *, instance: int = 0, **over: Any) -> dict[str, Any]:
        """Assigns an attempt. `task`: fields of the submission; the others are of the assignment."""
        task = submission(task_id, session_id=f"session-{task_id}", **over.pop("task", {}))
        assigned = {
            "event_id": f"{task_id}/{attempt}/run",
            "task_id": task_id,
            "session_id": task["session_id"],
            "tenant_id": task["tenant_id"],
            "kind": "run",
            "attempt": attempt,
            "instance_id": f"{agent_id}-{instance}",
            "agent_id": agent_id,
            "pool": agent_id,
            "skill": "light",
            "assigned_at": now_us(),
            "timeout_ms": 60_000,
            "task": encode("TaskSubmitted", task),
        } | over
        self.send("tasks.assigned", assigned["instance_id"], "TaskAssigned", assigned)
        return assigned

    def cancel(self, assigned: dict[str, Any], reason: str = "no longer wanted") -> None:
        taken_back = {**assigned, "kind": "cancel", "reason": reason, "task": b""}
        self.send("tasks.assigned", assigned["instance_id"], "TaskAssigned", taken_back)

    def send(self, topic: str, key: str, event: str, value: dict[str, Any]) -> None:
        self.producer.produce(topic, encode(event, value), key)
        self.producer.poll(0)

    # -- from the host ----------------------------------------------------------------------------------------------

    def hear(self, wait_s: float = 0.02) -> None:
        messages = self._consumer.consume(1, wait_s)
        for message in messages + self._consumer.consume(999, 0):
            if message.error() is None:
                event = decode(message.value())[1]
                self.heard[message.topic()].append(event | {"headers": message.headers(), "key": message.key()})

    def results(self, task_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        return [r for r in self.heard["tasks.results"] if r["task_id"] == task_id and kind in (None, r["kind"])]

    def progress(self, task_id: str) -> list[dict[str, Any]]:
        return [p for p in self.heard["tasks.progress"] if p["task_id"] == task_id]

    def await_result(self, task_id: str, kind: str | None = None, timeout_s: float = 20.0) -> dict[str, Any]:
        """The first report of this kind; None: the first that ends an attempt."""

        def found() -> list[dict[str, Any]]:
            self.hear()
            return [r for r in self.results(task_id, kind) if kind or r["kind"] != "step"]

        return until(found, timeout_s, f"result {kind or ''} of {task_id}; heard {self.results(task_id)}")[0]

    def await_started(self, *task_ids: str, timeout_s: float = 20.0) -> None:
        def started() -> bool:
            self.hear()
            return {p["task_id"] for p in self.heard["tasks.progress"] if p["kind"] == "started"} >= set(task_ids)

        until(started, timeout_s, f"start of {task_ids}")

    def await_instances(self, agent_id: str, count: int = 4, timeout_s: float = 30.0) -> None:
        """Until heartbeats that come from now on have listed all instances of the agent."""
        first = len(self.heard["agents.heartbeats"])

        def listed() -> bool:
            self.hear()
            fresh = [h for h in self.heard["agents.heartbeats"][first:] if h["pool"] == agent_id and not h["draining"]]
            return len({i["instance_id"] for h in fresh for i in h["instances"]}) == count

        until(listed, timeout_s, f"heartbeats of {agent_id}")

    def heartbeats(self, agent_id: str) -> list[dict[str, Any]]:
        return [h for h in self.heard["agents.heartbeats"] if h["pool"] == agent_id]

    def _end(self, topic: str, partition: int) -> TopicPartition:
        def ask() -> TopicPartition | None:
            try:
                _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            except KafkaException:  # a partition made a moment ago may not have its leader yet
                return None
            return TopicPartition(topic, partition, end)

        return until(ask, what=f"end of {topic}") or TopicPartition(topic, partition)


def _partitions(topic: str, settings: Settings) -> int:
    return TOPICS[topic].partitions or settings.partitions


def host_settings(broker: Settings, folder: Path, **over: Any) -> Settings:
    """The broker's, with a folder and ports of their own; light tasks take 50 ms and never fail."""
    port = free_ports(40)
    values: dict[str, Any] = {
        "kafka_bootstrap": broker.bootstrap,
        "state_dir": str(folder),
        "metrics_port": port,
        "redis_port": port + 39,
        "sim_speed": 100.0,
        "sim_failure_rate": 0.0,
        "heartbeat_s": 0.5,
        "drain_s": 5.0,
    }
    return dataclasses.replace(broker, **values | over)


def hosts_at_work(dispatch: Dispatch, agent_id: str, instances: int, *, idle: bool = False) -> int:
    """Hosts that have instances of the agent; 0 while an instance is on none, or on two. `idle`: those without work."""
    newest = {h["host_id"]: h["instances"] for h in dispatch.heartbeats(agent_id)}
    hosts = [[i["instance_id"] for i in here if not (idle and i["running"])] for here in newest.values()]
    everywhere = [name for names in hosts for name in names]
    once = len(everywhere) == len(set(everywhere))
    everyone = {i["instance_id"] for here in newest.values() for i in here}
    return len([n for n in newest.values() if n]) if once and len(everyone) == instances else 0


def now_us() -> int:
    return time.time_ns() // 1000
