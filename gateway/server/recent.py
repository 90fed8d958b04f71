"""The newest tasks in memory, folded from the topics: what a list shows of each, and its events, packed. Pure.

The thread that reads the topics is the only one that changes it; others may look at any time, at a task or at `order`.
An event of a task that is not known is kept for a moment: topics are read side by side, so it may come before the
submission. Open tasks stay as long as there is room at all, finished ones go when there are too many, oldest first.
"""

import asyncio
import zlib
from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple

from gateway.listing import STATUSES
from gateway.record import Record
from gateway.server.grouping import Place, Sessions, backwards, key_of, told_of
from gateway.units import short
from processors.remembered import Remembered
from processors.verify import LIVE_PHASES
from schemas.codec import BadMessage, decode, decode_as

TEXT_CHARS = 500
"""Of a text, for lists and for search in them; the whole text is with the task's events."""

EARLY_MAX, EARLY_EACH_MAX = 20_000, 100
"""Tasks that are not known yet of which events are kept, and how many of each."""

ENDED_MAX = 200_000
"""Ends of tasks that are not known, which the log tells of while the past is read."""

STORY_BYTES_MAX = 1_000_000
"""Of one task: beyond it what an agent says of its progress, and people of its answer, is not kept."""

SPARE = 0.02
"""What may be there beyond the bounds until it is cleared up, so that it is not done for each task."""

_PACK_AFTER, _LOOSE_MAX = 2_000, 256
"""So many tasks end before the events of one are packed, for hardly any come later; more events are packed at once."""

_ROUTED, _MOVED, _TAKEN, _ENDED = 1, 2, 3, 4
"""Who told a task's agent: its decision and the dispatcher that it came to, its move, the dispatcher that took it then,
its outcome. What was true earlier may be read later, and changes nothing."""

Raw = tuple[str, int, int, bytes]
"""Topic, partition, offset and value of a record."""


CHAT = "chat-"
"""How the names of those sessions begin that the page's chat makes."""


@dataclass(slots=True)
class Task:
    task_id: str
    session_id: str
    tenant_id: str
    parent_id: str | None
    redrive_of: str | None
    text: str
    items: int
    priority: int
    submitted_at: int
    agent_id: str | None
    skill: str | None
    state: str = "submitted"
    started_at: int | None = None
    finished_at: int | None = None
    attempts: int = 0
    redos: int = 0
    """Known once it has ended."""
    quality: float | None = None
    cost_usd_micros: int = 0
    error: str | None = None
    in_talk: bool = False
    """Whether it was said in a conversation, as far as that can be told: it carries what was said before it, or the
    page began its session."""
    handed_in: bool = False
    """False while it is only known from the dispatcher's log."""
    agent_told: int = 0
    """How late in its life that was told which names its agent."""
    events: "Events" = field(default_factory=lambda: Events(b"", ()))

    @property
    def ended(self) -> bool:
        return self.state in STATUSES


SHOWN = tuple(name for name in Task.__slots__ if name not in ("redos", "in_talk", "handed_in", "agent_told", "events"))
"""What a list says of a task."""


def as_json(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in SHOWN}


class Events(NamedTuple):
    """A task's records: those packed, and those after. A new value at each change, so that nobody sees half of one."""

    packed: bytes
    loose: tuple[Raw, ...]

    @property
    def size(self) -> int:
        return len(self.packed) + sum(len(raw[3]) for raw in self.loose)


class Recent:
    def __init__(self, tasks_max: int, bytes_max: int) -> None:
        self._tasks_max = tasks_max
        self._bytes_max = bytes_max
        self.forget()

    def forget(self) -> None:
        """Everything, to be told it anew."""
        self.tasks: dict[str, Task] = {}
        self.order: list[tuple[int, str]] = []
        """Time and id of each task, oldest first."""
        self.sessions = Sessions()
        self.children: dict[str, list[str]] = {}
        """Ids of the tasks that are items of one."""
        self.floor = 0
        """Of tasks handed in after this, none is missing [µs, UTC]; 0: none is missing at all."""
        self.catching_up = True
        """While the past is read: what comes then may be told already to have ended."""
        self._bytes = 0
        self._early: OrderedDict[str, list[tuple[Record, Raw]]] = OrderedDict()
        self._ended: deque[str] = deque()
        self._ended_before = Remembered(ENDED_MAX)
        """Ids whose end came before a live record of theirs may: one that moved has records in two partitions."""

    def caught_up(self) -> None:
        """The past is read."""
        self.catching_up = False
        self._ended_before = Remembered(ENDED_MAX)

    def see(self, record: Record, raw: Raw) -> str | None:
        """The id of the task that ends by this, if one does."""
        event, name = record.event, record.name
        if name == "DispatchRecord":
            self._dispatched(event)
            return None
        task_id = event.get("task_id")
        if task_id is None:
            return None
        task = self.tasks.get(task_id)
        if name == "TaskSubmitted":
            if task is None:
                task = self._add(event)
            if _is_of(event, task) and not task.handed_in:
                task.handed_in = True
                self._keep(task, raw)
                ends = [self._apply(task, early, its) for early, its in self._early.pop(task_id, ())]
                return task_id if any(ends) else None
            return None
        if task is None:
            self._wait_for_submission(task_id, record, raw)
            return None
        return task_id if self._apply(task, record, raw) else None

    def clear_up(self) -> None:
        """Packs what has ended, and lets the oldest go. To be called now and then, as after a batch."""
        self._pack_ended(_PACK_AFTER)
        self._evict()

    def back_from(self, place: Place | None) -> Iterator[list[Task]]:
        """The tasks that are older than this place, newest first, some at a time; without one, all of them."""
        tasks = self.tasks
        while True:
            some = next(backwards(self.order, place), None)  # `order` is another list when old tasks have gone
            if some is None:
                return
            place = some[-1]
            yield [task for _, task_id in some if (task := tasks.get(task_id)) is not None]

    def of_session(self, tenant_id: str, session_id: str, place: Place | None = None) -> Iterator[Task]:
        """Its tasks without their items, newest first; those before a place, if one is given."""
        session = self.sessions.find(tenant_id, session_id)
        if session is not None:
            places = (one for some in backwards(session.order, place) for one in some)
            yield from (task for _, task_id in places if (task := self.tasks.get(task_id)) is not None)
            return
        alone = self.tasks.get(session_id)
        is_there = alone is not None and alone.parent_id is None and key_of(alone) == (tenant_id, session_id)
        if alone is not None and is_there and (place is None or (alone.submitted_at, alone.task_id) < place):
            yield alone

    def records(self, task: Task, topics: Container[str] | None = None) -> list[Record]:
        """Its events; `topics`: only those that lie there."""
        found = []
        packed, loose = task.events
        for topic, partition, offset, value in [*unpacked(packed), *loose]:
            if topics is not None and topic not in topics:
                continue
            try:
                name, event = decode(value)
            except BadMessage:
                continue
            found.append(Record(topic, partition, offset, name, event))
        return found

    def _add(self, submitted: dict[str, Any]) -> Task:
        task = Task(
            task_id=submitted["task_id"],
            session_id=submitted["session_id"],
            tenant_id=intern(submitted["tenant_id"]),
            parent_id=submitted["parent_id"],
            redrive_of=submitted["redrive_of"],
            text=submitted["text"][:TEXT_CHARS],
            items=len(submitted["items"]),
            priority=submitted["priority"],
            submitted_at=submitted["submitted_at"],
            agent_id=_once(submitted["agent_id"]),
            skill=_once(submitted["skill"]),
            in_talk=bool(submitted["conversation"]) or submitted["session_id"].startswith(CHAT),
        )
        self.tasks[task.task_id] = task
        if task.parent_id is not None:
            self.children.setdefault(task.parent_id, []).append(task.task_id)
        self.sessions.add(task, self.tasks)
        insort(self.order, (task.submitted_at, task.task_id))
        return task

    def _drop(self, task: Task) -> None:
        """Out of `tasks`; whoever calls takes it out of `order`."""
        self._bytes -= task.events.size
        self.children.pop(task.task_id, None)
        del self.tasks[task.task_id]
        self.sessions.remove(task)

    def _wait_for_submission(self, task_id: str, record: Record, raw: Raw) -> None:
        waiting = self._early.setdefault(task_id, [])
        if len(waiting) < EARLY_EACH_MAX:
            waiting.append((record, raw))
        if len(self._early) > EARLY_MAX:
            self._early.popitem(last=False)

    def _dispatched(self, event: dict[str, Any]) -> None:
        """The dispatcher's memory of a task: its phase; and the task itself, when its submission is too long ago."""
        task_id = event["task_id"]
        task = self.tasks.get(task_id)
        if event["phase"] not in LIVE_PHASES:
            if self.catching_up and event["phase"] == "done" and not event["pool"]:  # with one it only went there
                self._over(task_id, task)
            return
        if task is None:
            if task_id in self._ended_before:
                return
            try:
                task = self._add(dict(decode_as("TaskSubmitted", event["task"])))
            except BadMessage:
                return
        told = _TAKEN if event["moved_from"] else _ROUTED
        past = task.ended or (told == _ROUTED and task.agent_told >= _TAKEN)
        if event["tenant_id"] == task.tenant_id and not past:
            before = told_of(task)
            task.state = intern(event["phase"])
            _give_agent(task, event["agent_id"], told)
            task.skill = _once(event["skill"]) or task.skill
            task.started_at = event["started_at"] or task.started_at
            task.attempts = event["attempt"]
            task.error = _short(event["error"])
            self.sessions.change(task, before)

    def _over(self, task_id: str, task: Task | None) -> None:
        """A task has ended, as the log says. One whose submission is known ends by its outcome."""
        if task is None:
            self._ended_before.add(task_id)
        elif not task.handed_in and not task.ended:
            self._ended_before.add(task_id)
            self._drop(task)
            del self.order[bisect_left(self.order, (task.submitted_at, task_id))]

    def _apply(self, task: Task, record: Record, raw: Raw) -> bool:
        """Whether the task ends by this."""
        event = record.event
        if not _is_of(event, task):
            return False
        if record.name not in ("TaskProgress", "FeedbackGiven") or task.events.size < STORY_BYTES_MAX:
            self._keep(task, raw)
        before = told_of(task)
        ends = self._tell(task, record)
        self.sessions.change(task, before)
        return ends

    def _tell(self, task: Task, record: Record) -> bool:
        event = record.event
        if record.name == "RoutingDecision":
            _give_agent(task, event["agent_id"], _ROUTED)
            task.skill = _once(event["skill"]) or task.skill
        elif record.name == "TaskMoved":
            _give_agent(task, event["agent_id"], _MOVED)
        elif record.name == "TaskProgress" and not task.ended:
            task.started_at = task.started_at or event["at"]
        elif record.name == "TaskOutcome" and not task.ended:
            task.state = intern(event["status"])
            _give_agent(task, event["agent_id"], _ENDED)
            task.started_at, task.finished_at = event["started_at"], event["finished_at"]
            task.attempts, task.redos, task.quality = event["attempts"], event["redos"], event["quality"]
            task.cost_usd_micros, task.error = event["cost_usd_micros"], _short(event["error"])
            self._ended.append(task.task_id)
            return True
        return False

    def _keep(self, task: Task, raw: Raw) -> None:
        packed, loose = task.events
        task.events = Events(packed, (*loose, raw))
        self._bytes += len(raw[3])
        if len(loose) >= _LOOSE_MAX:
            self._pack(task)

    def _pack(self, task: Task) -> None:
        before = task.events
        if before.loose:
            task.events = Events(packed_with(before.packed, before.loose), ())
            self._bytes += task.events.size - before.size

    def _pack_ended(self, left: int) -> None:
        while len(self._ended) > left:
            task = self.tasks.get(self._ended.popleft())
            if task is not None:
                self._pack(task)

    def _evict(self) -> None:
        if len(self.tasks) <= self._tasks_max * (1 + SPARE) and self._bytes <= self._bytes_max * (1 + SPARE):
            return
        if self._bytes > self._bytes_max:
            self._pack_ended(0)
        kept: list[tuple[int, str]] = []
        walked = 0
        for at, task_id in self.order:
            crowded = len(self.tasks) > self._tasks_max or self._bytes > self._bytes_max
            if not crowded:
                break
            walked += 1
            task = self.tasks[task_id]
            if task.ended or len(kept) >= self._tasks_max // 2:
                self._drop(task)
                self.floor = max(self.floor, at)
            else:
                kept.append((at, task_id))
        self.order = kept + self.order[walked:]


def _is_of(event: dict[str, Any], task: Task) -> bool:
    """An id is chosen by whoever hands in, so another tenant's events may carry it: they are none of this task."""
    return event.get("tenant_id") in (None, task.tenant_id)


def _give_agent(task: Task, agent_id: str | None, told: int) -> None:
    if agent_id is not None and told >= task.agent_told:
        task.agent_id, task.agent_told = intern(agent_id), told


def _once(name: str | None) -> str | None:
    """The same string for all tasks, for there are few names and many tasks."""
    return None if name is None else intern(name)


def _short(error: str | None) -> str | None:
    return None if error is None else short(error, 200)


def packed_with(packed: bytes, loose: Iterable[Raw]) -> bytes:
    parts = [zlib.decompress(packed) if packed else b""]
    for topic, partition, offset, value in loose:
        head = f"{topic} {partition} {offset} {len(value)}\n".encode()
        parts += (head, value)
    return zlib.compress(b"".join(parts), 1)


def unpacked(packed: bytes) -> Iterable[Raw]:
    data = zlib.decompress(packed) if packed else b""
    place = 0
    while place < len(data):
        end = data.index(b"\n", place)
        topic, partition, offset, size = data[place:end].decode().split(" ")
        place = end + 1 + int(size)
        yield topic, int(partition), int(offset), data[end + 1 : place]


Check = Callable[[Task], bool]


async def newest(recent: Recent, place: Place | None, checks: Sequence[Check], count: int) -> list[Task]:
    """The newest tasks before a place that all checks take. Others get their turn while it looks."""
    found: list[Task] = []
    for some in recent.back_from(place):
        for check in checks:
            some = [task for task in some if check(task)]
        found += some
        if len(found) >= count:
            return found[:count]
        await asyncio.sleep(0)
    return found
