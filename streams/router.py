"""The router service: submitted tasks in, routing decisions out."""

from collections.abc import Mapping

import structlog

from infra.registry import Registry
from infra.settings import Settings
from processors.admission import Limits
from processors.routing import Index
from schemas.codec import decode_as, encode
from schemas.events import RoutingDecision, TaskSubmitted
from streams.app import Line
from streams.shard import Write

TOPICS = ["tasks.submitted"]
LOG = "routing.log"
_NEVER = 2**62

log = structlog.get_logger()


class Rules:
    """The rule router over the newest registry; the index is built anew when an agent changes."""

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._limits = limits
        self._version = -1
        self._index = Index({}, limits)

    def choose(self, task: TaskSubmitted):  # type: ignore[no-untyped-def]
        if self._registry.version != self._version:
            self._version = self._registry.version
            self._index = Index(dict(self._registry.agents), self._limits)
            log.info("registry", agents=len(self._registry.agents))
        return self._index.route(task, self._registry.pools)


class RouteDesk:
    """A repeat of a task that was decided before gets no second decision: its position is in the log."""

    def __init__(self, router: Rules) -> None:
        self._router = router
        self._decisions: list[Write] = []

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        """Positions are all there is to remember."""

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        task: TaskSubmitted = decode_as("TaskSubmitted", value)  # type: ignore[assignment]
        choice = self._router.choose(task)
        decision: RoutingDecision = {
            "event_id": f"{task['task_id']}/decision",
            "task_id": task["task_id"],
            "session_id": task["session_id"],
            "tenant_id": task["tenant_id"],
            "decided_at": now,
            "agent_id": choice.agent_id,
            "pool": choice.pool,
            "skill": choice.skill,
            "complexity": choice.complexity,
            "confidence": choice.confidence,
            "propensity": choice.propensity,
            "router": choice.router,
            "reason": choice.reason,
            "candidates": choice.candidates,
            "refusal": choice.refusal,
            "task": value or b"",
        }
        self._decisions.append(
            Write("routing.decisions", choice.pool, encode("RoutingDecision", decision), task["task_id"])
        )

    def tick(self, now: int) -> None:
        """Nothing here waits for time."""

    def due_at(self) -> int:
        return _NEVER

    def take(self, now: int) -> list[Write]:
        decisions, self._decisions = self._decisions, []
        return decisions


def main(settings: Settings, index: int) -> None:
    registry = Registry(settings)
    registry.wait_ready()
    router = Rules(registry, Limits(settings.text_bytes_max, settings.items_max))
    Line(settings, "router", index, TOPICS, LOG, lambda: RouteDesk(router)).run()
