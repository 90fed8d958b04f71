"""Sessions of the tasks in memory, kept as tasks come, so that no list has to look at all tasks. Pure.

A session of one tenant is another than the session of that name of another. Items are counted with their task, and a
task alone in a session that has its own name is kept by nobody here, for there are as many of those as tasks.
The thread that reads the topics is the only one that changes it; others may look at any time.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.listing import STATUSES

if TYPE_CHECKING:
    from gateway.server.recent import Task

LOOK_AT = 2_000
"""So many tasks are looked at before others get their turn: about a millisecond."""

Place = tuple[int, str]
"""Time and id [µs, UTC]: where something stands in what is ordered by time."""


class Told(NamedTuple):
    """What a session counts of a task."""

    state: str
    agent_id: str | None
    cost_usd_micros: int


def told_of(task: "Task") -> Told:
    return Told(task.state, task.agent_id, task.cost_usd_micros)


class Tally(NamedTuple):
    """A session counted. A new value at each change, so that nobody sees half of one."""

    states: Mapping[str, int] = {}
    agents: Mapping[str, int] = {}
    cost_usd_micros: int = 0
    heard_at: int = 0
    """When a task was last handed in, started or ended [µs, UTC]"""

    @property
    def tasks(self) -> int:
        return sum(self.states.values())

    @property
    def open(self) -> int:
        return sum(count for state, count in self.states.items() if state not in STATUSES)

    def changed(self, before: Told | None, after: Told | None, heard_at: int = 0) -> "Tally":
        """A task that was as `before` is as `after`; null: it was not there, or is not any more."""
        return Tally(
            _counted(self.states, before and before.state, after and after.state),
            _counted(self.agents, before and before.agent_id, after and after.agent_id),
            self.cost_usd_micros - (before.cost_usd_micros if before else 0) + (after.cost_usd_micros if after else 0),
            max(self.heard_at, heard_at),
        )


def _counted(counts: Mapping[str, int], before: str | None, after: str | None) -> Mapping[str, int]:
    if before == after:
        return counts
    found = dict(counts)
    for name, change in ((before, -1), (after, 1)):
        if name is not None:
            found[name] = found.get(name, 0) + change
    return {name: count for name, count in found.items() if count}


@dataclass(slots=True)
class Session:
    order: list[Place] = field(default_factory=list)
    """Its tasks, oldest first."""
    said: int = 0
    """Those that were said in a conversation."""
    tally: Tally = field(default_factory=Tally)


class Sessions:
    def __init__(self) -> None:
        self._of: dict[str, dict[str, Session]] = {}
        """By id, then by tenant."""
        self._talks: dict[str, list[Place]] = {}
        """By tenant: when the newest task of each session was in which something was said, and its id, oldest first."""

    def find(self, tenant_id: str, session_id: str) -> Session | None:
        return self._of.get(session_id, {}).get(tenant_id)

    def tenants(self, session_id: str) -> set[str]:
        """Those who have a session of this name, of several tasks."""
        return set(self._of.get(session_id, ()))

    def talks(self, tenant_id: str, place: Place | None) -> Iterator[Place]:
        """When the newest task of each conversation before this place was, and the conversation's id, newest first."""
        told: set[str] = set()  # one that gets a newer task may be there twice for a moment
        for some in backwards(self._talks.get(tenant_id, []), place):
            for at, session_id in some:
                if session_id not in told:
                    told.add(session_id)
                    yield at, session_id

    def add(self, task: "Task", tasks: Mapping[str, "Task"]) -> None:
        """`tasks`: all that are there, this one among them."""
        if task.parent_id is not None:
            return
        session = self.find(task.tenant_id, task.session_id)
        if session is None:
            if task.task_id == task.session_id:
                return
            session = self._of.setdefault(task.session_id, {}).setdefault(task.tenant_id, Session())
            first = tasks.get(task.session_id)
            if first is not None and first.parent_id is None and key_of(first) == key_of(task):
                self._count(session, first)
        self._count(session, task)

    def change(self, task: "Task", before: Told) -> None:
        """Something of a task is not any more as it was told."""
        session = self.find(*key_of(task)) if task.parent_id is None else None
        if session is not None:
            session.tally = session.tally.changed(before, told_of(task), heard_at(task))

    def remove(self, task: "Task") -> None:
        session = self.find(*key_of(task)) if task.parent_id is None else None
        if session is None:
            return
        before = self._place(session, task.session_id)
        del session.order[bisect_left(session.order, (task.submitted_at, task.task_id))]
        session.said -= task.in_talk
        session.tally = session.tally.changed(told_of(task), None)
        self._moved(task, before, session)
        if not session.order:
            del self._of[task.session_id][task.tenant_id]
            if not self._of[task.session_id]:
                del self._of[task.session_id]

    def _count(self, session: Session, task: "Task") -> None:
        before = self._place(session, task.session_id)
        insort(session.order, (task.submitted_at, task.task_id))
        session.said += task.in_talk
        session.tally = session.tally.changed(None, told_of(task), heard_at(task))
        self._moved(task, before, session)

    def _place(self, session: Session, session_id: str) -> Place | None:
        return (session.order[-1][0], session_id) if session.said else None

    def _moved(self, task: "Task", before: Place | None, session: Session) -> None:
        after = self._place(session, task.session_id)
        if after == before:
            return
        talks = self._talks.setdefault(task.tenant_id, [])
        if after is not None:
            insort(talks, after)
        if before is not None:
            del talks[bisect_left(talks, before)]
        if not talks:
            del self._talks[task.tenant_id]


def key_of(task: "Task") -> tuple[str, str]:
    return task.tenant_id, task.session_id


def heard_at(task: "Task") -> int:
    return max(task.submitted_at, task.started_at or 0, task.finished_at or 0)


def backwards(order: Sequence[Place], place: Place | None) -> Iterator[Sequence[Any]]:
    """What lies before a place, newest first, some at a time: it may grow and shrink between two of them."""
    while True:
        end = len(order) if place is None else bisect_left(order, place)
        some = order[max(0, end - LOOK_AT) : end]
        if not some:
            return
        yield some[::-1]
        place = some[0]
