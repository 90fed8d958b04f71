"""The proof that no task was lost or ended twice: pure accounting over what was read from the topics.

A task only moves forward, from `tasks.submitted` over `routing.decisions` and `dispatch.log` to `tasks.outcomes`, and
each step is one Kafka transaction. So the topics are read in this same order, each to its end as of that moment: a task
that moves on while we read is met again further down the line, never missed behind us. What we find nowhere is lost.

One that goes to another agent's partition lies in `task.commands` on its way. Read after `dispatch.log`, that topic has
all that had left by then, and the positions in the log tell which of them had arrived.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from schemas.events import Phase

State = Literal["terminal", "open", "lost"]
LIVE_PHASES: frozenset[str] = frozenset(get_args(Phase)) - {"unknown", "done", "cancel_requested"}
"""Phases of a task whose outcome is still to come."""
NAMED_MAX = 20
"""Lost or duplicated tasks named in the verdict: enough to look into, not a flood."""


@dataclass(frozen=True)
class Verdict:
    accepted: int
    terminal: int
    open: int
    lost: int
    duplicates: int
    refused: int
    by_status: dict[str, int]
    lost_ids: list[str]
    duplicated_ids: list[str]

    @property
    def holds(self) -> bool:
        return self.lost == 0 and self.duplicates == 0


@dataclass
class Account:
    """Filled in the order of its fields, which is the order the topics must be read in."""

    submitted: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Partition and offset of each task's first message in tasks.submitted."""
    router_next: dict[int, int] = field(default_factory=dict)
    """By partition of tasks.submitted: the first offset the router has not handled."""
    rejected: set[tuple[int, int]] = field(default_factory=set)
    """Partition and offset of messages the router set aside as senseless: never accepted."""
    decided: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Partition and offset of each task's first message in routing.decisions."""
    dispatcher_next: dict[int, int] = field(default_factory=dict)
    """By partition of routing.decisions: the first offset the dispatcher has not handled."""
    live: dict[str, set[int]] = field(default_factory=dict)
    """Tasks whose newest record in a partition of dispatch.log is of a live phase, with these partitions: a
    cancellation leaves its mark in every partition, also where the task never was."""
    moved: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Partition and offset of the message in task.commands that hands a task to another partition."""
    moves_next: dict[int, int] = field(default_factory=dict)
    """By partition of task.commands: the first offset the dispatcher has not handled."""
    statuses: dict[str, str] = field(default_factory=dict)
    """Status of each task's first outcome."""
    extra: Counter[str] = field(default_factory=Counter)
    """Outcomes after the first, by task."""

    def add_submitted(self, task_id: str, partition: int, offset: int) -> None:
        self.submitted.setdefault(task_id, (partition, offset))

    def add_decision(self, task_id: str, partition: int, offset: int) -> None:
        self.decided.setdefault(task_id, (partition, offset))

    def add_move(self, task_id: str, partition: int, offset: int) -> None:
        self.moved[task_id] = (partition, offset)

    def add_position(self, topic: str, partition: int, next_offset: int) -> None:
        """Newer positions come later; one that goes back (a repeat) changes nothing."""
        positions = {
            "tasks.submitted": self.router_next,
            "routing.decisions": self.dispatcher_next,
            "task.commands": self.moves_next,
        }.get(topic)
        if positions is not None:
            positions[partition] = max(next_offset, positions.get(partition, 0))

    def add_phase(self, task_id: str, partition: int, phase: str) -> None:
        if phase in LIVE_PHASES:
            self.live.setdefault(task_id, set()).add(partition)
        elif task_id in self.live:
            self.live[task_id].discard(partition)

    def add_outcome(self, task_id: str, status: str) -> None:
        if task_id in self.statuses:
            self.extra[task_id] += 1
        else:
            self.statuses[task_id] = status

    def state(self, task_id: str) -> State:
        """Where one submitted task stands."""
        if task_id in self.statuses:
            return "terminal"
        if self.live.get(task_id):
            return "open"
        if task_id in self.moved:
            return "open" if _ahead(self.moved[task_id], self.moves_next) else "lost"
        if task_id in self.decided:
            return "open" if _ahead(self.decided[task_id], self.dispatcher_next) else "lost"
        return "open" if _ahead(self.submitted[task_id], self.router_next) else "lost"

    def accepted(self) -> Iterator[str]:
        """Every submitted task but those whose message was set aside, unless a later one of the same id was good."""
        for task_id, place in self.submitted.items():
            if place not in self.rejected or task_id in self.decided or task_id in self.statuses:
                yield task_id

    def verdict(self) -> Verdict:
        states: Counter[State] = Counter()
        by_status: Counter[str] = Counter()
        lost_ids: list[str] = []
        for task_id in self.accepted():
            state = self.state(task_id)
            states[state] += 1
            if state == "terminal":
                by_status[self.statuses[task_id]] += 1
            elif state == "lost" and len(lost_ids) < NAMED_MAX:
                lost_ids.append(task_id)
        return Verdict(
            accepted=states.total(),
            terminal=states["terminal"],
            open=states["open"],
            lost=states["lost"],
            duplicates=self.extra.total(),
            refused=by_status["refused"],
            by_status=dict(sorted(by_status.items())),
            lost_ids=lost_ids,
            duplicated_ids=[task_id for task_id, _ in self.extra.most_common(NAMED_MAX)],
        )


def _ahead(place: tuple[int, int], next_offsets: dict[int, int]) -> bool:
    """Whether the reader of that partition has still to come to this place."""
    partition, offset = place
    return offset >= next_offsets.get(partition, 0)
