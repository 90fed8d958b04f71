"""Finding tasks for somebody: in memory, else in the warehouse; and never one of another tenant.

Whether a task is of another tenant or of nobody, the way through here is the same, and so is the answer.
"""

import asyncio
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.listing import STATUSES, is_asked_for
from gateway.record import Record
from gateway.server.keys import READ_BACK_S
from gateway.server.principal import Principal
from gateway.server.problems import Problem
from gateway.server.recent import Check, Task, as_json, newest
from gateway.server.services import Services

_LOOK_AGAIN_S = 0.005

Source = Literal["memory", "warehouse"]


@dataclass(frozen=True)
class Found:
    row: dict[str, Any]
    """As a list shows it."""
    source: Source
    task: Task | None
    """Null for one of the warehouse."""

    @property
    def ended(self) -> bool:
        return self.row["state"] in STATUSES


@dataclass(frozen=True)
class Page:
    rows: list[dict[str, Any]]
    next: str | None
    source: Source


async def find(services: Services, principal: Principal, task_id: str) -> Found:
    """Raises Problem: 404 for every id that is no task of theirs."""
    task = await _in_memory(services, principal, task_id)
    if task is not None and principal.sees(task.tenant_id):
        return Found(as_json(task), "memory", task)
    if not services.following.freshness.caught_up:
        raise Problem(503, "The gateway is still reading the topics; try again.", retry_after_s=1)
    if services.older.there:
        row = await services.older.find(task_id, principal.tenant)
        if row is not None:
            return Found(row, "warehouse", None)
    raise Problem(404, "There is no task of this id; GET /api/tasks lists those there are.")


async def _in_memory(services: Services, principal: Principal, task_id: str) -> Task | None:
    """Who has just handed a task in is not told that there is none: it is waited for until it is read back."""
    tasks, keys = services.recent.tasks, services.keys
    unread = keys.unread(task_id, time.monotonic())
    if unread is None or not principal.sees(unread[0]):
        return tasks.get(task_id)
    began = time.monotonic()
    while task_id not in tasks and unread[1] + time.monotonic() - began < READ_BACK_S:  # noqa: ASYNC110  a thread
        await asyncio.sleep(_LOOK_AGAIN_S)
    ago_s = unread[1] + time.monotonic() - began
    if task_id not in tasks and time.time() - services.following.freshness.as_of / 1e6 > ago_s - READ_BACK_S:
        raise Problem(503, "This task is accepted, and not read back yet: Kafka is slow. Try again.", retry_after_s=1)
    keys.was_read(task_id)
    return tasks.get(task_id)


async def story(services: Services, found: Found) -> tuple[list[Record], dict[str, str]]:
    """The events about a task that are kept, and its items' states."""
    if found.task is None:
        return await services.older.records(found.row), await services.older.children(found.row["task_id"])
    tasks = services.recent.tasks
    children = (tasks.get(child) for child in services.recent.children.get(found.task.task_id, ()))
    return services.recent.records(found.task), {c.task_id: c.state for c in children if c is not None}


async def page(services: Services, wanted: Mapping[str, Any], cursor: str | None, count: int) -> Page:
    """`wanted`: the filters by name, those of Older. Raises Problem."""
    recent, place = services.recent, place_of(cursor)
    # What is still open is in memory whenever it was handed in.
    of_open = wanted.get("state") not in (None, "went_wrong", *STATUSES)
    everything = recent.floor == 0 or of_open or not services.older.there
    floor = 0 if everything else recent.floor
    if everything or place is None or place[0] > floor:
        checks = [CHECKS[name](value) for name, value in wanted.items()]
        if floor:
            checks.append(lambda task: task.submitted_at > floor)
        found = await newest(recent, place, checks, count)
        rows = [as_json(task) for task in found]
        if len(rows) == count:
            return Page(rows, cursor_of(rows[-1]), "memory")
        if rows or everything:
            return Page(rows, None if everything else cursor_of({"submitted_at": floor + 1, "task_id": ""}), "memory")
        place = (floor + 1, "")
    rows = await services.older.page(wanted, place, count)
    return Page(rows, cursor_of(rows[-1]) if len(rows) == count else None, "warehouse")


def _state(state: str) -> Check:
    return lambda task: is_asked_for(task.state, state)


def _text(text: str) -> Check:
    lowered = text.lower()
    return lambda task: lowered in task.text.lower() or task.task_id.startswith(text)


CHECKS: dict[str, Callable[[Any], Check]] = {
    "state": _state,
    "agent": lambda agent: lambda task: task.agent_id == agent,
    "skill": lambda skill: lambda task: task.skill == skill,
    "tenant": lambda tenant: lambda task: task.tenant_id == tenant,
    "session": lambda session: lambda task: task.session_id == session,
    "parent": lambda parent: lambda task: task.parent_id == parent,
    "priority": lambda priority: lambda task: task.priority == priority,
    "cost_min": lambda least: lambda task: task.cost_usd_micros >= least,
    "since": lambda since: lambda task: task.submitted_at >= since,
    "until": lambda until: lambda task: task.submitted_at < until,
    "text": _text,
}
"""What a list may be asked for, in memory."""


def freshness(services: Services, source: Source) -> dict[str, Any]:
    """From where an answer is, and up to when that is complete."""
    fresh = services.following.freshness
    if source == "memory":
        return {"source": source, "as_of": fresh.as_of, "caught_up": fresh.caught_up}
    return {"source": source, "as_of": time.time_ns() // 1000, "caught_up": True}


def cursor_of(row: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(f"{row['submitted_at']}.{row['task_id']}".encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    try:
        at, _, task_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(".")
        place = int(at), task_id
    except ValueError:
        place = -1, ""
    if not 0 <= place[0] < 2**62:
        raise Problem(400, "This cursor is none of ours; start without one.")
    return place
