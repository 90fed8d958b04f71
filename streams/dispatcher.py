"""The dispatcher service: decisions, results, heartbeats and commands in; assignments and outcomes out."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.per_task import PerTask
from infra.registry import AGENTS, DESIRED, POOLS, Registry
from infra.settings import Settings
from processors.dispatch import Dispatcher, Limits
from processors.primary import Primary, primary_of
from schemas.codec import BadMessage, decode, encode
from streams.app import Line
from streams.figures import Figures
from streams.shard import Write

TOPICS = ["routing.decisions", "tasks.results", "agents.heartbeats", "task.commands"]
LOG = "dispatch.log"


class DispatchDesk:
    """Bytes to events to `processors.dispatch`, and back. Repeats are passed over there, by task and attempt."""

    def __init__(self, dispatcher: Dispatcher, figures: Figures) -> None:
        self._dispatcher = dispatcher
        self._figures = figures
        self._handlers: dict[str, Callable[[Any, int], None]] = {
            "RoutingDecision": self._dispatcher.decision,
            "TaskResult": self._dispatcher.result,
            "AgentHeartbeat": self._dispatcher.heartbeat,
            "TaskCommand": self._dispatcher.command,
            "ItemFinished": self._dispatcher.item_finished,
            "TaskMoved": self._dispatcher.moved,
        }
        self.tick = self._dispatcher.tick
        self.due_at = self._dispatcher.due_at
        self.close = figures.close

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        tasks: list[Any] = []
        statuses: list[Any] = []
        for value in records.values():
            event, fields = decode(value)
            (statuses if event == "PoolStatus" else tasks).append(fields)
        self._dispatcher.restore(tasks, statuses, now)

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        event, fields = decode(value)
        handler = self._handlers.get(event)
        if handler is None:
            raise BadMessage(f"a {event} does not belong on {topic}")
        handler(fields, now)

    def take(self, now: int) -> list[Write]:
        sends, records = self._dispatcher.take(now)
        for send in sends:
            self._figures.sent(send.event, send.value)
        self._figures.waiting(self._dispatcher.waiting_bytes)
        writes = [Write(s.topic, s.key, encode(s.event, s.value), s.task_id, s.partition) for s in sends]
        for task_id, record in records.items():
            writes.append(Write(LOG, task_id, encode("DispatchRecord", record) if record else None))
        return writes


def limits_of(settings: Settings) -> Limits:
    return Limits(
        partitions=settings.partitions,
        queue_max=settings.queue_max,
        queue_bytes_max=settings.queue_mb_max * 1024 * 1024,
        slots=settings.slots_per_instance,
        balancer=settings.balancer,
        aging_us=int(settings.aging_s * 1e6),
        tenant_weights=settings.tenant_weights,
        timeout_us=int(settings.task_timeout_s * 1e6),
        retries_max=settings.retries_max,
        retry_base_us=int(settings.retry_base_s * 1e6),
        retry_cap_us=int(settings.retry_cap_s * 1e6),
        redos_max=settings.redos_max,
        quality_min=settings.quality_min,
        crashes_max=settings.crashes_max,
        lease_us=int(settings.lease_s * 1e6),
        primary_after_us=int(max(settings.primary_after_s, settings.lease_s) * 1e6),
        remembered_max=settings.remembered_max,
    )


def main(settings: Settings, index: int) -> None:
    limits, by_task = limits_of(settings), PerTask(settings, limits_of).of
    registry = Registry(settings, (AGENTS, POOLS, DESIRED))

    def primary(failed: str) -> Primary | None:
        return primary_of(registry.agents, registry.pools, failed, registry.desired, settings.zone_names)

    def desk(partition: int) -> DispatchDesk:
        return DispatchDesk(Dispatcher(limits, by_task, partition, primary), Figures(partition))

    Line(settings, "dispatcher", index, TOPICS, LOG, desk).run()
