"""What the gateway has told so far, as the board shows it: figures, pools, open tasks, those that ended last. Pure."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gateway.client import Message

OPEN_MAX = 5_000
"""Open tasks kept, the newest: a board shows some dozens, and counts of the whole line come from the gateway."""

ENDED_MAX = 200
GONE_MAX = 5_000
"""Ids of tasks that have ended, so that an older list does not bring them back."""

EVENTS_MAX = 2_000
"""Events kept for who looks at one task, session or agent."""

FRESH_US = 5_000_000
"""A task that changed within this time may be too new for a list that was asked for meanwhile."""

ENDS = ("task_completed", "task_failed", "task_cancelled")
UNSEEN = ("board", "pool", "snapshot", "status", "resumed", "gap", "presence", "pong", "unsubscribed")
"""Events that are of no task."""


@dataclass(slots=True)
class Task:
    task_id: str
    session_id: str
    tenant_id: str
    state: str = "submitted"
    text: str = ""
    agent_id: str | None = None
    instance_id: str | None = None
    attempt: int = 0
    progress: float | None = None
    message: str | None = None
    submitted_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    changed_at: int = 0
    cost_usd_micros: int = 0
    error: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.tenant_id, self.task_id

    @property
    def runs(self) -> bool:
        return self.state in ("running", "judged", "cancelling")


_NAMES = tuple(field.name for field in fields(Task))


@dataclass(slots=True)
class Session:
    """Open tasks that belong together."""

    session_id: str
    tenant_id: str
    tasks: list[Task] = field(default_factory=list)

    @property
    def changed_at(self) -> int:
        return max(task.changed_at for task in self.tasks)

    @property
    def since(self) -> int:
        return min(task.submitted_at or task.changed_at for task in self.tasks)

    @property
    def newest(self) -> Task:
        return max(self.tasks, key=lambda task: task.submitted_at or 0)


class Seen:
    def __init__(self) -> None:
        self.board: dict[str, Any] | None = None
        self.pools: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, int] = {}
        """Instances of each agent as defined."""
        self.zones: dict[str, int] = {}
        """Instances that each zone should have."""
        self.open: OrderedDict[tuple[str, str], Task] = OrderedDict()
        """The one that changed last is last."""
        self.ended: deque[Task] = deque(maxlen=ENDED_MAX)
        """Newest first."""
        self.events: deque[Message] = deque(maxlen=EVENTS_MAX)
        self.skew_us = 0
        """How much the gateway's clock is ahead of ours."""
        self._gone: OrderedDict[tuple[str, str], None] = OrderedDict()

    def see(self, message: Message, now_us: int) -> None:
        """`now_us`: by our own clock."""
        if message.event == "board":
            self.board, self.skew_us = message.data, message.timestamp - now_us
        elif message.event == "pool":
            self._take_pool(message.data)
        elif message.event == "snapshot":
            self._snapshot(message.data)
        elif message.event == "gap":
            self.open.clear()
        elif message.event not in UNSEEN and "task_id" in message.data:
            self.events.append(message)
            self._change(message)

    def listed(self, rows: Iterable[Mapping[str, Any]], *, all_open: bool, as_of: int) -> None:
        """The open tasks as a list of the gateway has them; `all_open`: it has every one of them."""
        keys = set()
        for row in rows:
            task = _task_of(row, as_of)
            keys.add(task.key)
            if task.key not in self.open and task.key not in self._gone:
                self.open[task.key] = task
                self.open.move_to_end(task.key, last=False)
        if all_open:
            for key, task in list(self.open.items()):
                if key not in keys and task.changed_at < as_of - FRESH_US:
                    del self.open[key]
        self._bound()

    def sessions(self) -> list[Session]:
        """Those with open tasks; that in which something happened last is first."""
        found: dict[tuple[str, str], Session] = {}
        for task in self.open.values():
            session = found.setdefault((task.tenant_id, task.session_id), Session(task.session_id, task.tenant_id))
            session.tasks.append(task)
        return sorted(found.values(), key=lambda session: -session.changed_at)

    def tasks(self) -> list[Task]:
        """Those that run, the newest first; then those that wait; then those that have ended."""
        newest = list(reversed(self.open.values()))
        newest.sort(key=lambda task: -(task.started_at or task.submitted_at or 0))
        return [*(t for t in newest if t.runs), *(t for t in newest if not t.runs), *self.ended]

    def _snapshot(self, data: Mapping[str, Any]) -> None:
        if data.get("board"):
            self.board = data["board"]
        for pool in data.get("pools", ()):
            self._take_pool(pool)
        for row in reversed(data.get("tasks", ())):
            task = _task_of(row, row["changed_at"])
            if task.finished_at is None:
                self.open[task.key] = task
                self.open.move_to_end(task.key)
            else:
                self._end(task)
        self._bound()

    def _take_pool(self, pool: dict[str, Any]) -> None:
        """One of a removed agent is over when it holds nothing any more."""
        if pool.get("removed") and not pool["waiting"] and not pool["running"]:
            self.pools.pop(pool["pool"], None)
        else:
            self.pools[pool["pool"]] = pool

    def _change(self, message: Message) -> None:
        data = message.data
        key = (data["tenant_id"], data["task_id"])
        if key in self._gone or message.event == "feedback_received":
            return  # neither makes a task open
        task = self.open.get(key) or Task(data["task_id"], message.session_id or "", data["tenant_id"])
        self.open[key] = task
        self.open.move_to_end(key)
        task.changed_at = message.timestamp
        _APPLY.get(message.event, _nothing)(task, message)
        if message.event in ENDS:
            self._end(task)
        self._bound()

    def _end(self, task: Task) -> None:
        self.open.pop(task.key, None)
        if task.key not in self._gone:
            self.ended.appendleft(task)
        self._gone[task.key] = None
        while len(self._gone) > GONE_MAX:
            self._gone.popitem(last=False)

    def _bound(self) -> None:
        while len(self.open) > OPEN_MAX:
            self.open.popitem(last=False)


def _task_of(row: Mapping[str, Any], changed_at: int) -> Task:
    """A task as a snapshot or a list has it: lists know less."""
    return Task(**{"changed_at": changed_at} | {name: row[name] for name in _NAMES if name in row})


def _nothing(_task: Task, _message: Message) -> None:
    pass


def _submitted(task: Task, message: Message) -> None:
    task.text, task.submitted_at = message.data["text"], message.timestamp


def _queued(task: Task, message: Message) -> None:
    task.state, task.agent_id = "queued", message.data["agent_id"]


def _moved(task: Task, message: Message) -> None:
    if task.state in ("submitted", "queued", "waiting to retry"):
        task.state, task.agent_id, task.instance_id = "queued", message.data["agent_id"], None


def _assigned(task: Task, message: Message) -> None:
    task.state, task.progress, task.message = "assigned", None, None
    task.agent_id, task.instance_id = message.data["agent_id"], message.data["instance_id"]
    task.attempt = message.data["attempt"]


def _started(task: Task, message: Message) -> None:
    _at_work(task, message)
    task.started_at = task.started_at or message.timestamp


def _at_work(task: Task, message: Message) -> None:
    data = message.data
    if data["attempt"] < task.attempt:
        return  # of an attempt that was given up
    task.state, task.attempt = "running", data["attempt"]
    task.agent_id, task.instance_id = data["agent_id"], data["instance_id"]
    if message.progress is not None:
        task.progress = message.progress
    if data["message"] and data["kind"] != "text":
        task.message = data["message"]


def _attempt_ended(task: Task, message: Message) -> None:
    if message.data["attempt"] >= task.attempt:
        task.state = "judged" if message.data["kind"] == "completed" else "waiting to retry"
        task.error = message.data["error"]


def _cancelling(task: Task, _message: Message) -> None:
    task.state = "cancelling"


def _ended(task: Task, message: Message) -> None:
    for name in ("agent_id", "instance_id", "submitted_at", "started_at", "finished_at", "cost_usd_micros", "error"):
        setattr(task, name, message.data[name])
    task.state = message.data["status"]
    task.progress = message.progress if message.progress is not None else task.progress


_APPLY = {
    "task_submitted": _submitted,
    "task_queued": _queued,
    "task_moved": _moved,
    "agent_assigned": _assigned,
    "task_started": _started,
    "progress_update": _at_work,
    "attempt_ended": _attempt_ended,
    "task_cancelling": _cancelling,
    "task_completed": _ended,
    "task_failed": _ended,
    "task_cancelled": _ended,
}
