"""Heartbeats: which instances run on this host and what they have in hand. They renew the dispatcher's leases."""

import time
from collections.abc import Iterable, Mapping

from infra import metrics
from processors.placing import names
from schemas.events import AgentHeartbeat, InstanceReport, RunningAttempt
from schemas.partition import partition_of
from streams.executor.attempts import Attempts
from streams.executor.clock import now_us
from streams.executor.outbox import Outbox
from streams.executor.processors import Processors
from streams.executor.reports import Identity


def instances_on(agent_id: str, zone: str, count: int, partitions: int, owned: Iterable[int]) -> list[str]:
    """The instances of an agent in a zone whose assignments come by the partitions we own."""
    here = set(owned)
    return [name for name in names(agent_id, zone, count) if partition_of(name.encode(), partitions) in here]


class Heartbeats:
    def __init__(
        self,
        host: Identity,
        partitions: int,
        attempts: Attempts,
        outbox: Outbox,
    ) -> None:
        self.cordoned = False
        """Whether nothing new is to be started here."""
        self._host = host
        self._partitions = partitions
        self._attempts = attempts
        self._outbox = outbox
        self._instances: dict[str, list[str]] = {}
        """By agent: the instances that are ours; only agents that have some."""
        self._some = ""
        """An agent that hosts run: a host that has nothing of any says so to its pool, or nobody would hear of it."""
        self._announced: set[str] = set()
        """Pools that the dispatcher believes to be here."""
        self._sequence = 0
        self._processors = Processors(time.monotonic())

    def place(self, wanted: Mapping[str, int]) -> None:
        """Works out anew which instances of these agents are ours, by how many of each our zone shall have."""
        ours = [agent_id for agent_id, count in wanted.items() if count]
        self._some = min([*ours, *filter(None, [self._some])], default="")
        for agent_id, count in wanted.items():
            here = instances_on(agent_id, self._host.zone, count, self._partitions, self._attempts.watermarks)
            if here:
                self._instances[agent_id] = here
            else:
                self._instances.pop(agent_id, None)

    def beat(self, pools: Iterable[str] | None = None) -> None:
        """One heartbeat a pool; None: every pool. A pool that has just left us is told once more, without instances."""
        self._processors.look(time.monotonic())
        running = self._running()
        here = set(self._instances) | set(running)
        if not here and self._some:
            here.add(self._some)
        for pool in (here | self._announced) if pools is None else set(pools) & (here | self._announced):
            self._send(pool, running.get(pool, {}))
            metrics.IN_HAND.labels(pool).set(sum(map(len, running.get(pool, {}).values())))
        self._announced = here
        metrics.HEARTBEATS.inc()

    def _running(self) -> dict[str, dict[str, list[RunningAttempt]]]:
        """What is in hand, by pool and instance."""
        running: dict[str, dict[str, list[RunningAttempt]]] = {}
        for attempt in self._attempts.in_hand.values():
            if attempt.task is None and attempt.ended:
                continue  # told as lost, never started
            a = attempt.assigned
            of_pool = running.setdefault(a["pool"], {})
            of_pool.setdefault(a["instance_id"], []).append({"task_id": a["task_id"], "attempt": a["attempt"]})
        return running

    def _send(self, pool: str, running: dict[str, list[RunningAttempt]]) -> None:
        ours = dict.fromkeys(self._instances.get(pool, []))
        instances: list[InstanceReport] = [{"instance_id": n, "running": running.get(n, [])} for n in ours]
        strays: list[InstanceReport] = [{"instance_id": n, "running": r} for n, r in running.items() if n not in ours]
        event: AgentHeartbeat = {
            "event_id": f"{self._host.host_id}/{self._host.incarnation}/{pool}/{self._sequence}",
            "pool": pool,
            "agent_id": pool,
            "host_id": self._host.host_id,
            "incarnation": self._host.incarnation,
            "sequence": self._sequence,
            "at": now_us(),
            "draining": self._attempts.draining or self.cordoned,
            "zone": self._host.zone,
            "strays": strays,
            "instances": instances,
            "cpu_used": self._processors.used,
        }
        self._sequence += 1
        self._outbox.tell("agents.heartbeats", pool, "AgentHeartbeat", event)
