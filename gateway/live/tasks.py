"""What the topics have told so far of tasks, pools and alerts: what a new subscriber is shown first. Pure."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gateway.alerts import listed, seen_by
from gateway.fleet import pools_left
from gateway.live.messages import ALL_TENANTS, Key, Told, cut
from gateway.live.order import Read, Task
from gateway.live.places import Places
from gateway.timeline import time_of_event
from gateway.units import short
from schemas.events import Alert

SHOWN_MAX = 50
"""Tasks in a snapshot, the newest: the HTTP API lists the rest."""

ALERTS_SHOWN_MAX = 30
"""Alerts in a snapshot, those that fire first: the HTTP API lists the rest."""

SHOWN_TOGETHER_MAX = 500
"""Tasks in all snapshots of one subscription to many things."""

TEXT_CHARS = 200
ANSWER_CHARS_MAX = 60_000
"""Of the text that an agent streams, kept while it runs."""

ANSWERS_CHARS_MAX = 32 * 1024 * 1024
"""Of all those texts together; beyond it a text is only shown as it goes on."""

POOLS_MAX = 10_000


@dataclass(slots=True)
class Known:
    """One task as far as it was told."""

    task_id: str
    session_id: str
    tenant_id: str
    state: str = "submitted"
    text: str = ""
    priority: int | None = None
    parent_id: str | None = None
    skill: str | None = None
    agent_id: str | None = None
    instance_id: str | None = None
    attempt: int = 0
    progress: float | None = None
    message: str | None = None
    submitted_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    changed_at: int = 0
    quality: float | None = None
    cost_usd_micros: int = 0
    error: str | None = None
    end: tuple[int, int] | None = None
    """Place and offset of its outcome."""
    newest_progress: tuple[int, int] | None = None
    answer: list[str] = field(default_factory=list)
    """Pieces of the text that the running attempt streams."""
    answer_chars: int = 0
    answer_whole: bool = True

    def row(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ROW}

    @property
    def ended(self) -> bool:
        return self.finished_at is not None


_INNER = ("end", "newest_progress", "answer", "answer_chars", "answer_whole")
_ROW = tuple(name for name in Known.__slots__ if name not in _INNER)


class Tasks:
    def __init__(self, tasks_max: int) -> None:
        self._tasks_max = tasks_max
        self._tasks: OrderedDict[Task, Known] = OrderedDict()
        """That which changed least lately first."""
        self._of_session: dict[str, dict[Task, None]] = {}
        self._of_id: dict[str, dict[Task, None]] = {}
        """Two tenants may have a session, or a task, of the same name."""
        self._answers_chars = 0
        self.pools: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.removed: frozenset[str] = frozenset()
        """Agents that were taken out."""
        self.alerts: dict[str, Alert] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def see(self, read: Read) -> None:
        """In order, as `Order` gives them."""
        event = read.event
        if read.name == "FeedbackGiven":
            return  # it changes nothing about the task
        known = self._tasks.get(read.task)
        if known is None:
            known = self._tasks[read.task] = Known(event["task_id"], event["session_id"], event["tenant_id"])
            self._of_session.setdefault(known.session_id, {})[read.task] = None
            self._of_id.setdefault(known.task_id, {})[read.task] = None
            if len(self._tasks) > self._tasks_max:
                self._forget(*self._tasks.popitem(last=False))
        else:
            self._tasks.move_to_end(read.task)
        known.changed_at = time_of_event(event)
        if read.name == "TaskProgress":
            known.newest_progress = (read.place, read.offset)
        elif read.name == "TaskOutcome":
            known.end = (read.place, read.offset)
        _CHANGE[read.name](self, known, event)

    def said_in(self, tenant_id: str, session_id: str) -> list[Known]:
        """The tasks of a session that are known here, without what they were split into."""
        found = self._among(self._of_session.get(session_id, {}), tenant_id)
        return [known for known in found if known.parent_id is None]

    def had_ended(self, task: Task, places: Places) -> bool:
        """Whether a task's end lies before these places."""
        known = self._tasks.get(task)
        return known is not None and known.end is not None and known.end[1] < places[known.end[0]]

    def is_newest_progress(self, told: Told) -> bool:
        known = self._tasks.get((told.tenant_id, told.task_id))
        return known is not None and known.newest_progress == (told.place, told.offset)

    def see_pool(self, status: dict[str, Any]) -> None:
        self.pools[status["pool"]] = status
        self.pools.move_to_end(status["pool"])
        if len(self.pools) > POOLS_MAX:
            self.pools.popitem(last=False)

    def see_alert(self, alert: Alert) -> None:
        self.alerts[alert["alert_id"]] = alert

    def snapshots(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """What a subscriber of these is shown before anything that happens from now on."""
        shown = max(1, min(SHOWN_MAX, SHOWN_TOGETHER_MAX // len(keys)))
        return [self._snapshot(key, shown, ANSWER_CHARS_MAX // len(keys)) for key in keys]

    def _snapshot(self, key: Key, shown: int, answer_chars: int) -> dict[str, Any]:
        kind, tenant, name = key
        if kind == "task":
            found = self._among(self._of_id.get(name, {}), tenant)[:shown]
            return {"tasks": [known.row() | _answer(known, answer_chars) for known in found], "more": False}
        if kind == "session":
            newest = sorted(self._among(self._of_session.get(name, {}), tenant), key=_changed_at, reverse=True)
            return _shown(newest, shown)
        if kind == "tenant":
            return _shown(self._newest(tenant if name == ALL_TENANTS else name, None, shown), shown)
        if kind == "agent":
            pools = [pool for pool in self.pools.values() if pool["agent_id"] == name]
            return _shown(self._newest(tenant, name, shown), shown) | {"pools": pools_left(pools, self.removed)}
        return {"pools": pools_left(self.pools.values(), self.removed)} if kind == "fleet" else self._alerts(tenant)

    def _alerts(self, tenant: str | None) -> dict[str, Any]:
        found = listed(self.alerts.values())
        return {
            "alerts": [seen_by(alert, tenant) for alert in found[:ALERTS_SHOWN_MAX]],
            "firing": sum(alert["state"] == "firing" for alert in found),
            "more": len(found) > ALERTS_SHOWN_MAX,
        }

    def _among(self, tasks: Iterable[Task], tenant: str | None) -> list[Known]:
        return [self._tasks[task] for task in tasks if tenant in (None, task[0])]

    def _newest(self, tenant: str | None, agent_id: str | None, count: int) -> list[Known]:
        found = (
            known
            for known in reversed(self._tasks.values())
            if tenant in (None, known.tenant_id) and agent_id in (None, known.agent_id)
        )
        return list(islice(found, count + 1))

    def _forget(self, task: Task, known: Known) -> None:
        self._drop_answer(known)
        for group, name in ((self._of_session, known.session_id), (self._of_id, known.task_id)):
            del group[name][task]
            if not group[name]:
                del group[name]

    def _drop_answer(self, known: Known) -> None:
        self._answers_chars -= known.answer_chars
        known.answer, known.answer_chars, known.answer_whole = [], 0, True

    def _add_answer(self, known: Known, piece: str) -> None:
        if known.answer_chars < ANSWER_CHARS_MAX and self._answers_chars < ANSWERS_CHARS_MAX:
            known.answer.append(piece)
            known.answer_chars += len(piece)
            self._answers_chars += len(piece)
        else:
            known.answer_whole = False

    def _submitted(self, known: Known, e: dict[str, Any]) -> None:
        known.text, known.priority, known.parent_id = short(e["text"], TEXT_CHARS), e["priority"], e["parent_id"]
        known.submitted_at, known.skill = e["submitted_at"], e["skill"]

    def _decided(self, known: Known, e: dict[str, Any]) -> None:
        known.state, known.agent_id, known.skill = "queued", e["agent_id"], e["skill"]

    def _moved(self, known: Known, e: dict[str, Any]) -> None:
        """Only what waits is moved; that an instance has it may be read first."""
        if known.state in ("submitted", "queued", "waiting to retry"):
            known.state, known.agent_id, known.instance_id = "queued", e["agent_id"], None

    def _assigned(self, known: Known, e: dict[str, Any]) -> None:
        if e["kind"] == "cancel":
            known.state = "cancelling"
            return
        known.state, known.agent_id, known.instance_id = "assigned", e["agent_id"], e["instance_id"]
        known.attempt, known.progress, known.message = e["attempt"], None, None
        self._drop_answer(known)

    def _progress(self, known: Known, e: dict[str, Any]) -> None:
        if e["attempt"] < known.attempt:
            return  # of an attempt that was given up
        known.attempt, known.agent_id, known.instance_id = e["attempt"], e["agent_id"], e["instance_id"]
        if e["kind"] == "started":
            known.state = "running"
            known.started_at = known.started_at or e["at"]
        if e["fraction"] is not None:
            known.progress = e["fraction"]
        if e["kind"] == "text":
            self._add_answer(known, e["message"])
        elif e["message"]:
            known.message = cut(e["message"], 4 * TEXT_CHARS)[0]

    def _result(self, known: Known, e: dict[str, Any]) -> None:
        if e["kind"] != "step" and e["attempt"] >= known.attempt:
            known.state = "judged" if e["kind"] == "completed" else "waiting to retry"
            known.error = e["error"] and short(e["error"], TEXT_CHARS)

    def _evaluated(self, known: Known, e: dict[str, Any]) -> None:
        known.quality = e["quality"]

    def _ended(self, known: Known, e: dict[str, Any]) -> None:
        known.state, known.agent_id, known.instance_id = e["status"], e["agent_id"], e["instance_id"]
        known.submitted_at, known.started_at, known.finished_at = e["submitted_at"], e["started_at"], e["finished_at"]
        known.quality, known.cost_usd_micros, known.attempt = e["quality"], e["cost_usd_micros"], e["attempts"]
        known.error = e["error"] and short(e["error"], TEXT_CHARS)
        known.priority, known.skill, known.parent_id = e["priority"], e["skill"], e["parent_id"]
        if e["status"] == "completed":
            known.progress = 1.0
        self._drop_answer(known)


_CHANGE = {
    "TaskSubmitted": Tasks._submitted,
    "RoutingDecision": Tasks._decided,
    "TaskMoved": Tasks._moved,
    "TaskAssigned": Tasks._assigned,
    "TaskProgress": Tasks._progress,
    "TaskResult": Tasks._result,
    "Evaluation": Tasks._evaluated,
    "TaskOutcome": Tasks._ended,
}


def _shown(found: list[Known], count: int) -> dict[str, Any]:
    return {"tasks": [known.row() for known in found[:count]], "more": len(found) > count}


def _changed_at(known: Known) -> int:
    return known.changed_at


def _answer(known: Known, chars_max: int) -> dict[str, str | None]:
    """What it has streamed so far; null when that is too long for the message, or not all of it is known."""
    whole = known.answer_whole and known.answer_chars <= chars_max
    return {"answer": "".join(known.answer) if whole else None}
