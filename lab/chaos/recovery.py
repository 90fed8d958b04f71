"""When does work flow again after a fault? Decided from events as they arrive. Pure.

An event proves that a stage works in one partition when its own time is after the fault: what a process did before it
died may still arrive later, and proves nothing. A stage has recovered when every partition with work has shown it.

The time counts from the harm; when something else is hurt, or a paused process wakes, before the recovery was seen, it
counts from then, for nobody could tell whose fault the rest was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from schemas.partition import partition_of

STAGES = {"router": ("decided",), "dispatcher": ("assigned",), "executor": ("ran",), "sink": (), "warehouse": ()}
ALL_STAGES = ("decided", "assigned", "ran", "ended")
"""What has to work again after a fault of what everything stands on."""


class Sign(NamedTuple):
    """One stage did its work in one partition at a time (µs)."""

    stage: str
    partition: int
    at: int


def sign(event: str, value: Mapping[str, Any], partitions: int) -> Sign | None:
    """What an event shows. The partition is that of the work's input, which is what a process owns."""

    def place(key: str) -> int:
        return partition_of(key.encode(), partitions)

    if event == "RoutingDecision":
        return Sign("decided", place(value["session_id"]), value["decided_at"])
    if event == "TaskAssigned" and value["kind"] == "run":
        return Sign("assigned", place(value["pool"]), value["assigned_at"])
    if event == "TaskResult" and value["kind"] == "completed":
        return Sign("ran", place(value["instance_id"]), value["finished_at"])
    if event == "TaskOutcome" and value["agent_id"] is not None:
        return Sign("ended", place(value["agent_id"]), value["finished_at"])
    return None


@dataclass
class Recovery:
    """Waits for the signs that a fault at `struck_at` is over. Times are seconds since the epoch."""

    target: str
    struck_at: float
    missing: set[tuple[str, int]]
    counts_from: float
    first_at: float | None = None
    all_at: float | None = None
    slowest: tuple[str, int] | None = None
    """Stage and partition that were back last."""

    @classmethod
    def of(cls, target: str, struck_at: float, work: Iterable[tuple[str, int]]) -> "Recovery":
        """`work`: stages and partitions that have work."""
        stages = STAGES.get(target.split("-")[0], ALL_STAGES)
        return cls(target, struck_at, {place for place in work if place[0] in stages}, struck_at)

    def disturb(self, at: float) -> None:
        """Something else was hurt, or a pause ended."""
        if self.missing:
            self.counts_from = at

    def notice(self, shown: Sign, arrived_at: float) -> None:
        place = (shown.stage, shown.partition)
        if shown.at / 1e6 <= self.struck_at or place not in self.missing:
            return
        self.first_at = self.first_at or arrived_at
        self.missing.discard(place)
        if not self.missing:
            self.all_at = arrived_at
            self.slowest = place

    @property
    def seconds(self) -> float | None:
        """Until every partition worked again; None while it has not. Nothing waits for sink or warehouse."""
        if self.all_at is None and not self.missing:
            return 0.0
        return None if self.all_at is None else self.all_at - self.counts_from


@dataclass
class Ledger:
    """What was surely handed in, against what came out: the lab's own count beside `headway verify`."""

    accepted: set[str] = field(default_factory=set)
    """Tasks whose submission Kafka confirmed."""
    outcomes: dict[str, int] = field(default_factory=dict)

    def accept(self, task_id: str) -> None:
        self.accepted.add(task_id)

    def end(self, task_id: str) -> None:
        self.outcomes[task_id] = self.outcomes.get(task_id, 0) + 1

    @property
    def open(self) -> list[str]:
        return sorted(self.accepted - self.outcomes.keys())

    @property
    def repeated(self) -> list[str]:
        return sorted(task_id for task_id, times in self.outcomes.items() if times > 1)
