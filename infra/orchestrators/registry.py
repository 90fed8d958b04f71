"""Who works: each orchestrator says so by heartbeats, and is held dead when they stay away for its failover time."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from infra.orchestrators import scripts
from infra.orchestrators.store import Store, Superseded, us
from infra.settings import Settings

ACTIVE, SLEEPING, TERMINATED = "active", "sleeping", "terminated"
HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
DIED = "died"
_LATE = 0.5
"""Silent for this share of its failover time, an orchestrator is degraded: two heartbeats at least are missing."""


class Orchestrator(NamedTuple):
    """As the view `orchestrator_state` of the warehouse has it, where the names are the same. Times [µs, UTC]."""

    orchestrator_id: str
    status: str
    health_status: str
    current_load: int
    max_capacity: int
    active_sessions: int
    session_ids: list[str]
    """Some of them, when there are many."""
    partitions: list[str]
    """Those that it holds, as `router/0`."""
    last_heartbeat: int
    silent_s: float
    instance_info: dict[str, Any]
    created_at: int
    updated_at: int
    """When its status last changed."""
    ended: str
    """Of a terminated one: stopped, or died; else empty."""
    epoch: int
    """Fencing token of its life: a newer process of the name has a higher one."""


class Beat(NamedTuple):
    """What an orchestrator says of itself."""

    status: str = ACTIVE
    health_status: str = HEALTHY
    current_load: int = 0
    max_capacity: int = 0
    active_sessions: int = 0
    session_ids: tuple[str, ...] = ()
    instance_info: Mapping[str, Any] = {}


class Claim(NamedTuple):
    """What became of a lock asked for with a heartbeat."""

    token: int
    """Ours, or that of the holder."""
    holder: str
    """Who has it."""
    taken_from: str
    """Who had let it lapse, when it was not free."""
    silent_s: float
    """How long that one had been silent."""


class Orchestrators:
    """Raises StoreDown when Redis does not answer."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._failover_us = us(settings.orchestrator_failover_s)

    def register(self, orchestrator_id: str, beat: Beat) -> int:
        """The epoch for all that follows. An older process of the same name is superseded by it."""
        return self.heartbeat(orchestrator_id, 0, beat)[0]

    def heartbeat(
        self,
        orchestrator_id: str,
        epoch: int,
        beat: Beat,
        hold: Mapping[str, int] | None = None,
        give_back: Mapping[str, int] | None = None,
    ) -> tuple[int, dict[str, Claim]]:
        """Says that it lives, gives locks back (name → token), and takes and renews others (name → rank), all at once.

        Such locks last for the failover time. Raises Superseded. When Redis has lost everything, this puts it back.
        """
        info = json.dumps({name: value for name, value in beat._asdict().items() if name != "status"})
        back, wanted = give_back or {}, hold or {}
        answer = self._store.run(
            scripts.BEAT,
            *(orchestrator_id, epoch, beat.status, info, self._failover_us, len(back)),
            *_flat(back),
            *_flat(wanted),
        )
        if answer[0] == "superseded":
            raise Superseded(orchestrator_id)
        claims = {}
        for name, verdict, token, other, figure in answer[2:]:
            ok = verdict == "ok"
            claims[name] = Claim(
                int(token), orchestrator_id if ok else other, other if ok else "", int(figure) / 1e6 if ok else 0.0
            )
        return int(answer[1]), claims

    def leave(self, orchestrator_id: str, epoch: int) -> None:
        """Terminated by its own will: all that it holds is free at once. Raises Superseded."""
        if self._store.run(scripts.LEAVE, orchestrator_id, epoch)[0] == "superseded":
            raise Superseded(orchestrator_id)

    def list(self) -> list[Orchestrator]:
        """By name; those that ended stay for an hour."""
        return sorted(map(_orchestrator, self._store.run(scripts.LIST)))


def availability(orchestrators: Iterable[Orchestrator]) -> float | None:
    """Healthy ones, as a share of those that did not stop by their own will; None when there are none."""
    counted = [one.health_status == HEALTHY for one in orchestrators if one.ended in ("", DIED)]
    return sum(counted) / len(counted) if counted else None


def _orchestrator(row: list[Any]) -> Orchestrator:
    name, epoch, status, info, heard, failover, created, updated, reason, now, held = row
    said = json.loads(info)
    silent_us, failover_us = max(0, int(now) - int(heard)), int(failover)
    if status != TERMINATED and silent_us > failover_us:
        status, reason = TERMINATED, DIED
    health = said["health_status"]
    if status == TERMINATED:
        health = UNHEALTHY
    elif silent_us > _LATE * failover_us and health == HEALTHY:
        health = DEGRADED
    sessions = [one.removeprefix("session/") for one in held if one.startswith("session/")]
    return Orchestrator(
        orchestrator_id=name,
        status=status,
        health_status=health,
        current_load=said["current_load"],
        max_capacity=said["max_capacity"],
        active_sessions=max(said["active_sessions"], len(sessions)),
        session_ids=sorted({*said["session_ids"], *sessions}),
        partitions=sorted(one.removeprefix("line/") for one in held if one.startswith("line/")),
        last_heartbeat=int(heard),
        silent_s=silent_us / 1e6,
        instance_info=said["instance_info"],
        created_at=int(created),
        updated_at=int(updated),
        ended=reason,
        epoch=int(epoch),
    )


def _flat(table: Mapping[str, int]) -> "Iterable[str | int]":
    for pair in table.items():
        yield from pair
