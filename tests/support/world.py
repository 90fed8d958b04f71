"""A world around the dispatcher without a broker: committed log and outputs, hosts that run what they are given, and
crashes at every point. It breaks the same promises that Kafka would let us break, and no others."""

from copy import deepcopy
from typing import Any

from processors.dispatch import Dispatcher, Limits, Send
from processors.primary import PrimaryOf
from schemas.codec import decode_as, encode

SECOND = 1_000_000


def submission(task_id: str, **over: Any) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "t",
        "text": "Write a haiku about queues",
        "submitted_at": 0,
        "priority": 5,
        "agent_id": None,
        "skill": None,
        "model": None,
        "deadline_at": None,
        "timeout_ms": None,
        "retries_max": None,
        "redos_max": None,
        "items": [],
        "parent_id": None,
        "item_index": None,
        "redrive_of": None,
        "conversation": [],
        "by": None,
    } | over


def decision(task: dict[str, Any], pool: str = "writer", **over: Any) -> dict[str, Any]:
    joins = bool(task["items"])
    return {
        "event_id": f"{task['task_id']}/decision",
        "task_id": task["task_id"],
        "session_id": task["session_id"],
        "tenant_id": task["tenant_id"],
        "decided_at": 0,
        "agent_id": None if joins else pool,
        "pool": f"join:{task['task_id']}" if joins else pool,
        "skill": "documentation",
        "complexity": 0.1,
        "confidence": 1.0,
        "propensity": 1.0,
        "router": "rules/1",
        "reason": "",
        "candidates": [],
        "refusal": None,
        "exposures": [],
        "settings": [],
        "decided": None,
        "model": None,
        "steps": [],
        "alternative": None,
        "task": encode("TaskSubmitted", task),
    } | over


def result(run: dict[str, Any], kind: str = "completed", now: int = 0, **over: Any) -> dict[str, Any]:
    return {
        "event_id": f"{run['task_id']}/{run['attempt']}/{kind}",
        "task_id": run["task_id"],
        "session_id": "s",
        "tenant_id": "t",
        "kind": kind,
        "attempt": run["attempt"],
        "pool": run["pool"],
        "agent_id": run["agent_id"],
        "instance_id": run["instance_id"],
        "host_id": "host-0",
        "incarnation": "a",
        "started_at": now,
        "finished_at": now,
        "output": "Write a haiku about queues: tasks wait in a line / each finds its patient slot / the queue is empty",
        "error": None,
        "retryable": False,
        "retry_after_ms": None,
        "model": None,
        "steps": [],
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd_micros": 0,
    } | over


def heartbeat(
    now: int, running: list[dict[str, Any]] | None = None, *, pool: str = "writer", instances: int = 2, **over: Any
) -> dict[str, Any]:
    """Of a host with so many instances; what runs on others is a stray."""
    names = [f"{pool}-{i}" for i in range(instances)]
    runs = running or []
    return {
        "event_id": f"host-0/a/{pool}/{now}",
        "pool": pool,
        "agent_id": pool,
        "host_id": "host-0",
        "incarnation": "a",
        "sequence": 0,
        "at": now,
        "draining": False,
        "zone": "",
        "instances": [_instance(name, runs) for name in names],
        "strays": [
            _instance(name, runs) for name in dict.fromkeys(r["instance_id"] for r in runs) if name not in names
        ],
    } | over


def _instance(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    running = [{"task_id": r["task_id"], "attempt": r["attempt"]} for r in runs if r["instance_id"] == name]
    return {"instance_id": name, "running": running}


class World:
    """One partition. `do` is one transaction; `crash` forgets all that was not committed."""

    def __init__(
        self, partition: int = 0, partitions: int = 1, primary_of: PrimaryOf = lambda failed: None, **limits: Any
    ) -> None:
        self.partition = partition
        self.primary_of = primary_of
        self.limits = Limits(partitions=partitions, **limits)
        self.now = 1_000 * SECOND
        self.log: dict[str, Any] = {}
        self.pools: dict[str, Any] = {}
        self.sent: list[Send] = []
        self.dispatcher = self.fresh()

    def fresh(self) -> Dispatcher:
        return Dispatcher(self.limits, None, self.partition, lambda failed: self.primary_of(failed))

    def do(self, what: str, event: Any = None, *, crash: bool = False) -> list[Send]:
        """Hands one event to the dispatcher and commits what follows; with `crash` it dies before the commit."""
        if what != "tick":
            getattr(self.dispatcher, what)(event, self.now)
        self.dispatcher.tick(self.now)
        sends, records = self.dispatcher.take(self.now)
        if crash:
            self.crash()
            return self.do(what, event)
        for key, record in records.items():
            self.log.pop(key, None)
            if record is not None:
                self.log[key] = decode_as("DispatchRecord", encode("DispatchRecord", record))
        sends = [s._replace(value=decode_as(s.event, encode(s.event, s.value))) for s in sends]
        self.pools |= {s.key: s.value for s in sends if s.topic == "dispatch.log"}
        self.sent += sends
        return sends

    def crash(self) -> None:
        self.dispatcher = self.fresh()
        self.dispatcher.restore(deepcopy(list(self.log.values())), list(self.pools.values()), self.now)

    def wait(self, seconds: float) -> list[Send]:
        self.now += int(seconds * SECOND)
        return self.do("tick")

    def of(self, topic: str, task_id: str | None = None) -> list[dict[str, Any]]:
        return [s.value for s in self.sent if s.topic == topic and task_id in (None, s.value.get("task_id"))]

    def of_pools(self) -> list[dict[str, Any]]:
        return [s.value for s in self.sent if s.topic == "pools.status"]

    def runs(self, task_id: str | None = None) -> list[dict[str, Any]]:
        return [a for a in self.of("tasks.assigned", task_id) if a["kind"] == "run"]

    def outcomes(self, task_id: str | None = None) -> list[dict[str, Any]]:
        return self.of("tasks.outcomes", task_id)
