"""A worker's word in Redis: that it lives, how loaded it is, and which partitions it has (infra/orchestrators/).

A thread of its own says it, so that no task and no event loop ever waits for Redis. What is to hold is a wish that is
repeated with every heartbeat: whatever Redis lost or missed meanwhile is there again with the next one that arrives.
Kafka decides who has a partition; the lock follows it, by the generation in which Kafka gave it.
"""

import os
import socket
from collections.abc import Callable, Collection, Iterable
from threading import Event, Lock, Thread
from typing import NamedTuple

import structlog

from infra import metrics
from infra.orchestrators import (
    ACTIVE,
    DEGRADED,
    HEALTHY,
    SLEEPING,
    UNHEALTHY,
    Beat,
    Claim,
    OrchestratorError,
    Orchestrators,
    Store,
    StoreDown,
    Superseded,
    of_partition,
)
from infra.settings import Settings
from schemas.topics import TOPICS
from streams.shard import BATCH_MAX, Shard

ORCHESTRATORS = ("router", "dispatcher")
"""The services that decide about tasks."""
SESSIONS_TOLD = 100
"""Most sessions that a heartbeat names; it counts them all."""
_LOOK_EVERY = 5
"""Heartbeats between two looks at the others: those cost Redis more than our own word."""
_BACKOFF = 5
"""While Redis is away the wait grows to this many heartbeats."""

log = structlog.get_logger()


class InHand(NamedTuple):
    """What a worker has before it, as far as others want to know."""

    load: int = 0
    capacity: int = 0
    sessions: frozenset[str] = frozenset()
    """Of the inputs that are keyed by session."""
    slow: bool = False
    """A partition is not read back yet, or its inputs have reached their bound."""


def in_hand(shards: Collection[Shard]) -> InHand:
    events = [event for shard in shards for event in list(shard.inbox)]
    return InHand(
        load=len(events),
        capacity=2 * BATCH_MAX * len(shards),
        sessions=frozenset(
            event.key.decode(errors="replace")
            for event in events
            if event.key and TOPICS[event.topic].key == "session_id"
        ),
        slow=any(not shard.recovered.is_set() or len(shard.inbox) >= 2 * BATCH_MAX for shard in shards),
    )


class Orchestrating:
    def __init__(self, settings: Settings, name: str, service: str, look: Callable[[], InHand]) -> None:
        """`look` is asked in our thread, before each heartbeat."""
        self.name = name
        self._settings = settings
        self._service = service
        self._look = look
        self._store = Store(settings)
        self._orchestrators = Orchestrators(self._store, settings)
        self._epoch = self._beats = 0
        self._wish: dict[str, int] = {}
        """Locks that we are to have, with the generation in which Kafka gave the partition."""
        self._held: dict[str, int] = {}
        """Locks that we had at the last heartbeat, with their tokens."""
        self._guard = Lock()
        self._wake = Event()
        self._stopping = False
        self._told_down = False
        self._thread = Thread(target=self._run, name="orchestrating", daemon=True)
        self._log = log.bind(orchestrator=name)

    def start(self) -> None:
        self._thread.start()

    def owns(self, partitions: Iterable[int], generation: int) -> None:
        with self._guard:
            self._wish = {of_partition(self._service, partition): generation for partition in partitions}
        self._wake.set()

    def gives_up(self, partitions: Collection[int]) -> None:
        """Told with the next heartbeat: until then most come back to us, and their next owner's claim wins anyway."""
        gone = {of_partition(self._service, partition) for partition in partitions}
        with self._guard:
            self._wish = {name: rank for name, rank in self._wish.items() if name not in gone}

    def stop(self) -> None:
        """Terminated, by our own will: what we hold is free at once."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        wait_s = heartbeat_s = self._settings.orchestrator_heartbeat_s
        while not self._stopping:
            try:
                self._beat()
                wait_s = heartbeat_s
            except StoreDown as error:
                self._down(str(error))
                wait_s = min(2 * wait_s, _BACKOFF * heartbeat_s)
            except Superseded as error:
                metrics.ORCHESTRATING.set(0)
                self._log.error("not told in Redis any more", error=str(error))
                self._store.close()
                return
            except Exception:  # whatever it is, the line has work to do
                self._log.exception("stumbled over a heartbeat in Redis")
            self._wake.wait(wait_s)
            self._wake.clear()
        self._leave()

    def _beat(self) -> None:
        with self._guard:
            wish = dict(self._wish)
        give_back = {name: token for name, token in self._held.items() if name not in wish}
        epoch, claims = self._orchestrators.heartbeat(self.name, self._epoch, self._word(wish), wish, give_back)
        before, self._epoch = self._held, epoch
        self._held = {name: claim.token for name, claim in claims.items() if claim.holder == self.name}
        for name, claim in claims.items():
            self._measure(name, claim, before)
        if self._beats % _LOOK_EVERY == 0:
            self._look_round()
        self._beats += 1
        metrics.ORCHESTRATING.set(1)
        if self._told_down:
            self._told_down = False
            self._log.info("Redis is back: owners are told again", partitions=sorted(self._held))

    def _word(self, wish: Collection[str]) -> Beat:
        seen = self._look()
        return Beat(
            status=ACTIVE if wish else SLEEPING,
            health_status=DEGRADED if seen.slow else HEALTHY,
            current_load=seen.load,
            max_capacity=seen.capacity,
            active_sessions=len(seen.sessions),
            session_ids=tuple(sorted(seen.sessions)[:SESSIONS_TOLD]),
            instance_info={"service": self._service, "host": socket.gethostname(), "pid": os.getpid()},
        )

    def _measure(self, name: str, claim: Claim, before: Collection[str]) -> None:
        """A failover is what came from one that died: of our own name, or silent for the failover time."""
        if not claim.taken_from or name in before:
            return
        if claim.taken_from == self.name or claim.silent_s >= self._settings.orchestrator_failover_s:
            metrics.FAILOVER.observe(claim.silent_s)
            silent_s = round(claim.silent_s, 1)
            self._log.info("taken over", lock=name, holder_before=claim.taken_from, silent_s=silent_s)

    def _look_round(self) -> None:
        there = [one for one in self._orchestrators.list() if one.ended != "stopped"]
        for health in (HEALTHY, DEGRADED, UNHEALTHY):
            metrics.ORCHESTRATORS.labels(health).set(sum(one.health_status == health for one in there))

    def _down(self, error: str) -> None:
        metrics.ORCHESTRATING.set(0)
        if not self._told_down:
            self._told_down = True
            self._log.warning("without Redis nobody is told who owns what; the line goes on", error=error)

    def _leave(self) -> None:
        try:
            if self._epoch:
                self._orchestrators.leave(self.name, self._epoch)
        except OrchestratorError as error:
            self._log.info("left without a word in Redis", error=str(error))
        self._store.close()
