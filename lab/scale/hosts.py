"""Executor hosts in virtual time: they run what they are given, say so in heartbeats, die, and come back.

They keep the promises of the line's hosts: what a dead host had read is told as lost by whoever has its partition next,
what it had not started is never started by itself, and work whose instance has moved on is finished as a stray.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.scale.clock import Clock
from lab.scale.mix import Attempt
from lab.scale.places import Places
from lab.scale.tally import Tally
from schemas.events import AgentHeartbeat, InstanceReport, ResultKind, RunningAttempt, TaskAssigned, TaskResult

OUTPUT = "It is written as asked, and nothing is left open."

Key = tuple[str, int]
"""Task and attempt."""


@dataclass(slots=True)
class Run:
    assigned: TaskAssigned
    began: int


@dataclass(frozen=True)
class Ground:
    """What all hosts stand on."""

    clock: Clock
    places: Places
    tally: Tally
    attempt: Callable[[TaskAssigned], Attempt]
    bought: Callable[[TaskAssigned], tuple[int, int, int]]
    """Tokens in and out of an attempt, and what they cost."""
    tell: Callable[[str, str, Any], None]
    """Sends to the dispatcher of a pool: from which host, what sort of event, and the event."""
    heartbeat_us: int


@dataclass
class Host:
    ground: Ground
    name: str
    zone: str
    up: bool = True
    life: int = 0
    runs: dict[Key, Run] = field(default_factory=dict)
    untold: list[TaskAssigned] = field(default_factory=list)
    """Of a host that is down: what it had in hand, and what was given to it since."""
    sequence: int = 0
    announced: set[str] = field(default_factory=set)
    """Pools that the dispatcher believes to be here."""
    at_work: dict[str, dict[str, InstanceReport]] = field(default_factory=dict)
    """By pool and instance, what a heartbeat says of it. Heartbeats on their way share it, so it is replaced, never
    changed."""

    def take(self, assigned: TaskAssigned) -> None:
        if not self.up:
            self.untold.append(assigned)
            return
        key = assigned["task_id"], assigned["attempt"]
        if key in self.runs:
            return
        clock = self.ground.clock
        self.runs[key] = Run(assigned, clock.now)
        self._lists(assigned, [*self._listed(assigned), {"task_id": key[0], "attempt": key[1]}])
        self.ground.tally.began(assigned, clock.now)
        attempt = self.ground.attempt(assigned)
        clock.at(clock.now + attempt.takes_us, self._end, key, self.life, attempt)

    def cancel(self, key: Key) -> None:
        """Stops a run that is in hand."""
        run = self._let_go(key)
        if run is not None:
            self._report(run.assigned, "cancelled", run.began, error="stopped")

    def _end(self, key: Key, life: int, attempt: Attempt) -> None:
        run = self._let_go(key) if life == self.life else None
        if run is None:
            return
        if attempt.fails:
            self._report(run.assigned, "failed", run.began, error="it failed", retryable=attempt.retryable)
        else:
            self._report(run.assigned, "completed", run.began, output=OUTPUT)

    def _let_go(self, key: Key) -> Run | None:
        run = self.runs.pop(key, None)
        if run is not None:
            self.ground.tally.ended(run.assigned, run.began, self.ground.clock.now)
            left = [one for one in self._listed(run.assigned) if (one["task_id"], one["attempt"]) != key]
            self._lists(run.assigned, left)
        return run

    def _listed(self, assigned: TaskAssigned) -> list[RunningAttempt]:
        report = self.at_work.get(assigned["pool"], {}).get(assigned["instance_id"])
        return report["running"] if report else []

    def _lists(self, assigned: TaskAssigned, running: list[RunningAttempt]) -> None:
        pool, name = assigned["pool"], assigned["instance_id"]
        if running:
            self.at_work.setdefault(pool, {})[name] = {"instance_id": name, "running": running}
        elif len(self.at_work[pool]) > 1:
            del self.at_work[pool][name]
        else:
            del self.at_work[pool]

    # -- death

    def die(self) -> None:
        self.up = False
        self.life += 1
        for run in self.runs.values():
            self.ground.tally.ended(run.assigned, run.began, self.ground.clock.now)
        self.untold = [run.assigned for run in self.runs.values()]
        self.ground.tally.killed([run.assigned["task_id"] for run in self.runs.values()], self.ground.clock.now)
        self.runs.clear()
        self.at_work.clear()

    def come_back(self) -> None:
        self.up = True
        self.announced.clear()

    def tell_lost(self, assigned: TaskAssigned) -> None:
        """Whoever has the partition says what became of it."""
        self._report(assigned, "lost", None, error="its host crashed", retryable=True)

    # -- what it tells

    def beat(self) -> None:
        """One heartbeat a pool; a pool that has just left is told once more, without instances."""
        if not self.up:
            return
        ours = self.ground.places.on(self.name)
        here = {*ours, *self.at_work}
        for pool in sorted(here | self.announced):
            self._beat(pool, ours.get(pool, []), self.at_work.get(pool, {}))
        self.announced = here

    def beat_on(self, life: int) -> None:
        """Again and again, as long as it lives."""
        if life == self.life and self.up:
            self.beat()
            clock = self.ground.clock
            clock.at(clock.now + self.ground.heartbeat_us, self.beat_on, life)

    def _beat(self, pool: str, ours: list[str], at_work: dict[str, InstanceReport]) -> None:
        instances = [at_work.get(name) or _idle(name) for name in ours]
        known = set(ours)
        strays = [report for name, report in at_work.items() if name not in known]
        event: AgentHeartbeat = {
            "event_id": f"{self.name}/{self.life}/{pool}/{self.sequence}",
            "pool": pool,
            "agent_id": pool,
            "host_id": self.name,
            "incarnation": f"{self.name}/{self.life}",
            "sequence": self.sequence,
            "at": self.ground.clock.now,
            "draining": False,
            "instances": instances,
            "zone": self.zone,
            "strays": strays,
            "cpu_used": None,
        }
        self.sequence += 1
        self.ground.tell(self.name, "heartbeat", event)

    def _report(
        self,
        assigned: TaskAssigned,
        kind: ResultKind,
        began: int | None,
        *,
        output: str = "",
        error: str | None = None,
        retryable: bool = False,
    ) -> None:
        tokens_in, tokens_out, cost = (0, 0, 0) if began is None else self.ground.bought(assigned)
        event: TaskResult = {
            "event_id": f"{assigned['task_id']}/{assigned['attempt']}/{kind}",
            "task_id": assigned["task_id"],
            "session_id": assigned["session_id"],
            "tenant_id": assigned["tenant_id"],
            "kind": kind,
            "attempt": assigned["attempt"],
            "pool": assigned["pool"],
            "agent_id": assigned["agent_id"],
            "instance_id": assigned["instance_id"],
            "host_id": self.name,
            "incarnation": f"{self.name}/{self.life}",
            "started_at": began,
            "finished_at": self.ground.clock.now,
            "output": output,
            "error": error,
            "retryable": retryable,
            "retry_after_ms": None,
            "model": assigned["model"],
            "steps": [],
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "cost_usd_micros": cost,
        }
        self.ground.tell(self.name, "result", event)


@lru_cache(maxsize=100_000)
def _idle(name: str) -> InstanceReport:
    """Of an instance that has nothing in hand; the same each time, for most heartbeats are of such."""
    return {"instance_id": name, "running": []}
