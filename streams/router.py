"""The router service: submitted tasks in, routing decisions out."""

import time
from collections.abc import Mapping

import structlog

from infra import metrics
from infra.registry import AGENTS, EXPERIMENTS, POOLS, Registry
from infra.settings import Settings
from processors.admission import Limits, bad_ids, oversize
from processors.experiments.assignment import Assignment
from processors.remembered import Remembered
from processors.routing import Choice, Index
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import Experiment, Exposure, Override, RoutingDecision, TaskSubmitted
from streams.app import Line
from streams.shard import Write

TOPICS = ["tasks.submitted"]
LOG = "routing.log"
_NEVER = 2**62
_TEXT_KEPT = 1000

log = structlog.get_logger()


class Rules:
    """The rule router over the newest registry; the index is built anew when an agent changes, the assignment to
    experiments when one of these does."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._limits = limits
        self._version = -1
        self._index = Index({}, limits)
        self._experiments: Mapping[str, Experiment] = {}
        self._assignment = Assignment(())

    def choose(self, task: TaskSubmitted) -> Choice:
        if self._registry.version != self._version:
            self._version = self._registry.version
            self._index = Index(self._registry.agents, self._limits)
            log.info("registry", agents=len(self._registry.agents))
        return self._index.route(task, self._registry.pools)

    def assign(self, task: TaskSubmitted) -> tuple[list[Exposure], list[Override]]:
        """The experiments that the task takes part in, and the settings that differ for it."""
        if self._registry.experiments is not self._experiments:
            self._experiments = self._registry.experiments
            self._assignment = Assignment(self._experiments.values())
            log.info("experiments", running=sum(e["status"] == "running" for e in self._experiments.values()))
        return self._assignment.of(task)


class RouteDesk:
    """Each id gets one decision, however often and after whatever crash it comes: the log has the ids decided."""

    def __init__(self, router: Rules, remembered_max: int) -> None:
        self._router = router
        self._decided = Remembered(remembered_max)
        self._writes: list[Write] = []

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        for task_id in records:
            self._decided.add(task_id)

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        task: TaskSubmitted = decode_as("TaskSubmitted", value)
        task_id = task["task_id"]
        if task_id in self._decided:
            metrics.REPEATS.labels(topic).inc()
            return
        if wrong := bad_ids(task):
            raise BadMessage(wrong)
        raw = value or b""
        refusal = oversize(len(raw))
        if refusal:
            task = _shortened(task)
            raw = encode("TaskSubmitted", task)
        started = time.monotonic()
        choice = self._router.choose(task)
        exposures, settings = self._router.assign(task)
        metrics.DECISION.observe(time.monotonic() - started)
        decision: RoutingDecision = {
            "event_id": f"{task_id}/decision",
            "task_id": task_id,
            "session_id": task["session_id"],
            "tenant_id": task["tenant_id"],
            "decided_at": now,
            "agent_id": None if refusal else choice.agent_id,
            "pool": choice.pool,
            "skill": choice.skill,
            "complexity": choice.complexity,
            "confidence": choice.confidence,
            "propensity": choice.propensity,
            "router": choice.router,
            "reason": choice.reason,
            "candidates": choice.candidates,
            "refusal": refusal or choice.refusal,
            "task": raw,
            "exposures": exposures,
            "settings": settings,
        }
        _count(decision)
        self._writes.append(Write("routing.decisions", choice.pool, encode("RoutingDecision", decision), task_id))
        self._writes.append(Write(LOG, task_id, encode("TaskDecided", {"task_id": task_id, "at": now})))
        self._writes += [Write(LOG, forgotten, None) for forgotten in self._decided.add(task_id)]

    def tick(self, now: int) -> None:
        """Nothing here waits for time."""

    def due_at(self) -> int:
        return _NEVER

    def take(self, now: int) -> list[Write]:
        writes, self._writes = self._writes, []
        return writes

    def close(self) -> None:
        """Nothing here outlives a partition."""


def _count(decision: RoutingDecision) -> None:
    if decision["refusal"]:
        metrics.UNROUTABLE.inc()
    else:
        metrics.DECISIONS.labels(decision["agent_id"] or "").inc()


def _shortened(task: TaskSubmitted) -> TaskSubmitted:
    """Enough of a task that is too large to travel to give it its outcome."""
    return {**task, "text": task["text"][:_TEXT_KEPT], "items": [], "skill": None, "agent_id": None, "model": None}


def main(settings: Settings, index: int) -> None:
    registry = Registry(settings, (AGENTS, POOLS, EXPERIMENTS))
    registry.wait_ready()
    router = Rules(registry, Limits(settings.text_bytes_max, settings.items_max))
    Line(settings, "router", index, TOPICS, LOG, lambda _: RouteDesk(router, settings.remembered_max)).run()
