"""What is counted while a run goes on, and what must hold at its end."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.events import ScalingDecision, TaskAssigned, TaskOutcome


class Minute(NamedTuple):
    """How it stood at the end of a minute; `ended`: tasks that were completed within it."""

    instances: int
    waiting: int
    running: int
    ended: int
    held: int
    """All that the dispatchers keep in memory, by number; but for the ids of ended tasks, which have a bound."""


class Stretch(NamedTuple):
    """Minutes that were passed over."""

    after: int
    """So many were simulated before it."""
    minutes: int
    tasks: float
    """That are expected to come in it."""
    like: tuple[int, ...]
    """The simulated minutes that stand for it, counted from 0."""


Count = tuple[str, str | int]
"""What is counted, and of which sort."""
THERE: Count = ("there", "us")


@dataclass
class Tally:
    begin: int
    end: int = 0
    """When no more tasks are handed in; what happens later counts as an outcome and as nothing else."""
    open: dict[str, int] = field(default_factory=dict)
    """Tasks without an outcome, and their priority."""
    handed_in: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    doubled: int = 0
    warm: int = 0
    """From when on the throughput is counted: at first nothing can have ended."""
    in_time: int = 0
    """Completed between then and the end."""
    waits: dict[int, "array[int]"] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    """By priority: from handed in to started [µs], of all that started."""
    again: int = 0
    """Attempts after the first."""
    busy: Counter[str] = field(default_factory=Counter)
    """By instance: work, counted a slot at a time [µs]."""
    there: dict[str, int] = field(default_factory=dict)
    """Instances that are there, and since when."""
    was_there: Counter[str] = field(default_factory=Counter)
    scalings: list[ScalingDecision] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    """Of the health of instances, by sort."""
    cost_usd_micros: int = 0
    tokens: int = 0
    kills: int = 0
    hit: dict[str, int] = field(default_factory=dict)
    """Tasks whose host died under them, and when; until they start elsewhere."""
    recovered: "array[int]" = field(default_factory=lambda: array("q"))
    """How long that took [µs]."""
    minutes: list[Minute] = field(default_factory=list)
    marks: list[Counter[Count]] = field(default_factory=list)
    """What was counted at the beginning and after each minute; only where something may be passed over."""
    passed: list[Stretch] = field(default_factory=list)
    _ended: int = 0

    @property
    def passed_minutes(self) -> int:
        return sum(stretch.minutes for stretch in self.passed)

    # -- tasks

    def arrived(self, task_id: str, priority: int) -> None:
        self.open[task_id] = priority
        self.handed_in += 1

    def outcome(self, event: TaskOutcome) -> None:
        priority = self.open.pop(event["task_id"], None)
        if priority is None:
            self.doubled += 1
            return
        status = event["status"]
        self.statuses[status] += 1
        if status == "refused":
            self.refused[priority] += 1
        if status == "completed" and self.warm < event["finished_at"] <= self.end:
            self.in_time += 1
        if event["started_at"] is not None:
            self.waits[priority].append(event["started_at"] - event["submitted_at"])
        self.again += max(0, event["attempts"] - 1)
        self.cost_usd_micros += event["cost_usd_micros"]
        self.tokens += event["tokens_in"] + event["tokens_out"]
        self.hit.pop(event["task_id"], None)

    # -- runs and instances

    def began(self, assigned: TaskAssigned, now: int) -> None:
        killed_at = self.hit.pop(assigned["task_id"], None)
        if killed_at is not None:
            self.recovered.append(now - killed_at)

    def ended(self, assigned: TaskAssigned, began: int, now: int) -> None:
        self.busy[assigned["instance_id"]] += max(0, min(now, self.end) - min(began, self.end))

    def killed(self, task_ids: Iterable[str], now: int) -> None:
        self.kills += 1
        for task_id in task_ids:
            self.hit.setdefault(task_id, now)

    def present(self, instances: Iterable[str], now: int) -> None:
        """Those that are there from now on; the others are not."""
        at, new = min(now, self.end), dict.fromkeys(instances)
        for name in [name for name in self.there if name not in new]:
            self.was_there[name] += at - self.there.pop(name)
        for name in new:
            self.there.setdefault(name, at)

    def minute(self, waiting: int, running: int, held: int) -> None:
        ended = self.statuses["completed"]
        self.minutes.append(Minute(len(self.there), waiting, running, ended - self._ended, held))
        self._ended = ended

    def counts(self, now: int) -> "Counter[Count]":
        """What was counted up to now."""
        there_us = sum(self.was_there.values()) + sum(now - since for since in self.there.values())
        found: Counter[Count] = Counter({("status", status): count for status, count in self.statuses.items()})
        found.update({("refused", priority): count for priority, count in self.refused.items()})
        found.update({("waits", priority): len(waits) for priority, waits in self.waits.items()})
        found["again", ""], found["tokens", ""] = self.again, self.tokens
        found["cost", "usd_micros"] = self.cost_usd_micros
        found["busy", "us"], found[THERE] = sum(self.busy.values()), there_us
        return found

    def scenario_us(self, at: int) -> int:
        """So long after the beginning of the scenario, with what was passed over before."""
        after = (at - self.begin) // 60_000_000
        return at - self.begin + sum(s.minutes for s in self.passed if s.after <= after) * 60_000_000
