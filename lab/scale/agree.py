"""Whether the model tells the truth: the same tasks, with the same times, on a real line and in the model.

The load is more than the instances can do for a while, so that queues form and are worked off again. The model is told
what it does not model, cores and broker: how long each attempt took on its host, and each message of it on its way. How
the work is queued, in what order and to whom it is given, and so how long it waits, is the model's own. Beside it, what
the model says with nothing told: attempts as their seed has them, 5 ms a hop.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from infra import fleet, kafka
from infra.settings import Settings
from lab.bench.figures import quantile
from lab.bench.load import AGENTS, Load
from lab.bench.places import bench_settings
from lab.own_line import running, until
from lab.scale.line import BEGIN, HOP_US, Line, Setup, Way
from lab.scale.mix import SECOND, Arrival, Kind, Phase, arrivals, attempt, divided
from processors.dispatch import Limits
from schemas.codec import decode, decode_as

INSTANCES = 60
SPEED = 20.0
"""So many times faster than the mix the agents are: attempts of 1 to 3 s, that a minute has many of them."""
_SECONDS = {"code_generation": 45.0, "code_review": 30.0, "test_run": 60.0, "documentation": 20.0}
MIX = tuple(
    Kind(skill, agent, 1 / seconds / sum(1 / each for each in _SECONDS.values()), seconds)
    for agent, (skill, seconds) in zip(AGENTS, _SECONDS.items(), strict=True)
)
"""As much work for each agent."""
LOADS = ((20, 0.6), (15, 1.3), (25, 0.6))
"""Seconds, and the share of what the instances can do."""
LIMITS = {
    "throughput_per_s": (0.03, 0.0),
    "utilisation": (0.0, 0.03),
    "wait_p50_s": (0.1, 0.1),
    "wait_p90_s": (0.1, 0.1),
}
"""How far the model may be from the line: as a share of the line's figure, or so much, whichever is more."""
_PATIENCE_S = 60.0


class Ran(NamedTuple):
    """A task that has ended, on either side [µs]."""

    task_id: str
    submitted_at: int
    started_at: int
    finished_at: int


class Told(NamedTuple):
    """What the model is told of the line."""

    known: dict[tuple[Way, str], int]
    hop_us: int
    """Mean time from one process to the next."""


@dataclass(frozen=True)
class Compared:
    figure: str
    line: float
    model: float

    @property
    def allowed(self) -> float:
        share, much = LIMITS[self.figure]
        return max(share * self.line, much)

    @property
    def holds(self) -> bool:
        return abs(self.model - self.line) <= self.allowed

    def __str__(self) -> str:
        said = f"{self.line:>9.3f} {self.model:>9.3f} {self.model - self.line:>+9.3f} {self.allowed:>9.3f}"
        return f"  {self.figure:<18} {said}  {'agrees' if self.holds else 'DIFFERS'}"


def plan(instances: int, seed: int) -> list[Arrival]:
    """What comes, by the time since the beginning."""
    a_second = instances / sum(kind.share * kind.seconds / SPEED for kind in MIX)
    phases = [Phase(seconds / 60, a_second * share * 60) for seconds, share in LOADS]
    return list(arrivals(phases, MIX, 0, seed))


def figures(ran: Sequence[Ran], instances: int) -> dict[str, float]:
    begin, end = min(one.submitted_at for one in ran), max(one.finished_at for one in ran)
    waits = [(one.started_at - one.submitted_at) / SECOND for one in ran]
    busy = sum(one.finished_at - one.started_at for one in ran)
    return {
        "throughput_per_s": len(ran) / (end - begin) * SECOND,
        "utilisation": busy / (end - begin) / instances,
        "wait_p50_s": quantile(waits, 0.5),
        "wait_p90_s": quantile(waits, 0.9),
    }


def compare(line: Sequence[Ran], model: Sequence[Ran], instances: int) -> list[Compared]:
    ours, theirs = figures(line, instances), figures(model, instances)
    return [Compared(name, ours[name], theirs[name]) for name in LIMITS]


def table(compared: Sequence[Compared]) -> str:
    head = f"  {'':<18} {'line':>9} {'model':>9} {'apart':>9} {'allowed':>9}"
    return "\n".join([head, *map(str, compared)])


# --- the model


def modelled(tasks: Sequence[Arrival], settings: Settings, sizes: dict[str, int], told: Told | None) -> list[Ran]:
    """The same tasks, with the limits of the line's settings."""
    limits = Limits(
        partitions=settings.partitions,
        queue_max=settings.queue_max,
        slots=settings.slots_per_instance,
        balancer=settings.balancer,
        aging_us=int(settings.aging_s * SECOND),
        lease_us=int(settings.lease_s * SECOND),
    )
    made = Setup(
        mix=MIX,
        sizes=sizes,
        zones=("",),
        hosts=settings.executors,
        limits=limits,
        scaling=None,
        seed=settings.sim_seed,
        speed=SPEED,
        heartbeat_us=int(settings.heartbeat_s * SECOND),
        known=told.known if told else {},
    )
    ran: list[Ran] = []
    line = Line(made, lambda event: ran.append(_ran(event)))
    line.run([task._replace(at=task.at + BEGIN) for task in tasks], sum(seconds for seconds, _ in LOADS) / 60)
    return ran


# --- the line


@dataclass(frozen=True)
class Agreement:
    compared: list[Compared]
    untold: list[Compared]
    """With nothing told."""
    hop_us: int
    overrun_us: float
    """By how much an attempt took longer than its seed has it, on average."""
    late_s: float
    """By how much a task was handed in late, at the most."""
    busy: float
    """Load average of the machine, a minute's."""

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.compared)

    def __str__(self) -> str:
        hop_ms, overrun_ms = self.hop_us / 1000, self.overrun_us / 1000
        return "\n".join(
            [
                table(self.compared),
                f"  told: a hop took {hop_ms:.1f} ms on average, an attempt {overrun_ms:.1f} ms longer than asked",
                f"  the machine's load was {self.busy:.1f}; tasks were handed in up to {self.late_s:.3f} s late",
                "",
                f"  with nothing told ({HOP_US / 1000:g} ms a hop, attempts as asked; it need not agree)",
                table(self.untold),
            ]
        )


def measured(folder: Path, instances: int, seed: int, say: Callable[[str], None]) -> Agreement:
    """Both, compared."""
    settings = bench_settings(folder, sim_speed=SPEED, slots_per_instance=1)
    sizes, tasks = divided(instances, MIX), plan(instances, seed)
    with running(settings):
        for agent_id, count in sizes.items():
            fleet.scale(settings, agent_id, lambda *_, count=count: {"": count}, by="scale model")
        if not until(lambda: _there(settings) == sizes, _PATIENCE_S, 0.5):
            raise RuntimeError("the instances did not come")
        say(f"{instances} instances are there; {len(tasks)} tasks come within {sum(s for s, _ in LOADS)} s")
        tasks, ran, late_s = _handed_in(Load(settings), tasks)
        busy = os.getloadavg()[0]
        told = _told(settings, ran)
    asked = [attempt(task.kind, task.task_id, 1, settings.sim_seed, 0.0, SPEED).takes_us for task in tasks]
    overrun_us = (sum(us for (what, _), us in told.known.items() if what == "running") - sum(asked)) / len(asked)
    compared, untold = (compare(ran, modelled(tasks, settings, sizes, known), instances) for known in (told, None))
    return Agreement(compared, untold, told.hop_us, overrun_us, late_s, busy)


def _told(settings: Settings, ran: Sequence[Ran]) -> Told:
    """From the topics. When a decision came to the dispatcher stands nowhere: one hop after it was made, on average."""
    ended = {one.task_id: one for one in ran}
    known: dict[tuple[Way, str], int] = {}
    for event in _events(settings, "tasks.assigned", "TaskAssigned", ended):
        known["assigning", event["task_id"]] = ended[event["task_id"]].started_at - event["assigned_at"]
    for event in _events(settings, "tasks.results", "TaskResult", ended):
        known["reporting", event["task_id"]] = ended[event["task_id"]].finished_at - event["finished_at"]
        known["running", event["task_id"]] = event["finished_at"] - event["started_at"]
    hops = [us for (what, _), us in known.items() if what != "running"]
    hop_us = round(sum(hops) / len(hops))
    for event in _events(settings, "routing.decisions", "RoutingDecision", ended):
        known["routing", event["task_id"]] = event["decided_at"] - ended[event["task_id"]].submitted_at + hop_us
    return Told(known, hop_us)


def _events(settings: Settings, topic: str, name: str, ended: dict[str, Ran]) -> Iterator[dict[str, Any]]:
    found = (decode(message.value()) for message in kafka.read_all(settings, topic))
    return (fields for event, fields in found if event == name and fields["task_id"] in ended)


def _handed_in(load: Load, tasks: Sequence[Arrival]) -> tuple[list[Arrival], list[Ran], float]:
    """The tasks with the names that they had on the line, and what became of them."""
    load.submit(agent_id=AGENTS[0], skill="documentation")  # the first one finds everything cold
    until(lambda: load.outcomes(0.1), _PATIENCE_S, 0)
    begin, late_s = time.time_ns() // 1000 + SECOND, 0.0
    named: list[Arrival] = []
    ran: dict[str, Ran] = {}

    def all_ended() -> bool:
        ran.update((event["task_id"], _ran(event)) for event in load.outcomes(0.1))
        return len(ran) >= len(named)

    for task in tasks:
        due = begin + task.at
        while (ahead_s := (due - time.time_ns() // 1000) / SECOND) > 0:
            time.sleep(min(ahead_s, 0.01))
        late_s = max(late_s, -ahead_s)
        task_id = load.submit(due, agent_id=task.kind.agent_id, skill=task.kind.skill, priority=task.priority)
        named.append(task._replace(task_id=task_id, tenant="bench"))
    until(all_ended, _PATIENCE_S, 0)
    load.close()
    if len(ran) < len(named):
        raise RuntimeError(f"{len(named) - len(ran)} of {len(named)} tasks had no outcome")
    return named, list(ran.values()), late_s


def _there(settings: Settings) -> dict[str, int]:
    """Instances by agent, as the newest heartbeats tell."""
    found: dict[str, int] = {}
    since_us = time.time_ns() // 1000 - 3 * SECOND
    for message in kafka.read_all(settings, "agents.heartbeats", since_us=since_us):
        beat = decode_as("AgentHeartbeat", message.value())
        if beat["pool"] in AGENTS:
            found[beat["pool"]] = len(beat["instances"])
    return found


def _ran(event: Any) -> Ran:
    if event["status"] != "completed":
        raise RuntimeError(f"a task ended as {event['status']}: {event['error']}")
    return Ran(event["task_id"], event["submitted_at"], event["started_at"], event["finished_at"])
