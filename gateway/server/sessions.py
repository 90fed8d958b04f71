"""Sessions as a list shows them: their tasks counted by state, what they cost, when something was last heard. Pure.

A session of one tenant is another than the session of that name of another. Items are counted with their task.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gateway.server.recent import Check, Recent, Task
from gateway.turns import TITLE_CHARS
from gateway.units import short

Key = tuple[str, str]
"""Tenant and session."""


def summary(recent: Recent, key: Key) -> dict[str, Any] | None:
    """What is remembered of a session; null when nothing is."""
    tasks = recent.of_session(*key)
    if not tasks:
        return None
    states = Counter(task.state for task in tasks)
    return {
        "session_id": key[1],
        "tenant_id": key[0],
        "title": short(tasks[0].text, TITLE_CHARS),
        "tasks": len(tasks),
        "open": sum(not task.ended for task in tasks),
        "states": dict(states),
        "agents": sorted({task.agent_id for task in tasks if task.agent_id is not None}),
        "cost_usd_micros": sum(task.cost_usd_micros for task in tasks),
        "started_at": tasks[0].submitted_at,
        "newest_at": max(_heard_at(task) for task in tasks),
    }


def page(
    recent: Recent, place: tuple[int, str] | None, checks: Sequence[Check], count: int
) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    """Sessions with a task that all checks take, by the newest of those; and where the next page begins."""
    rows: list[dict[str, Any]] = []
    told: set[Key] = set()
    for at, task_id in reversed(recent.before(place)):
        task = recent.tasks.get(task_id)
        if task is None or task.parent_id is not None or not all(check(task) for check in checks):
            continue
        key = (task.tenant_id, task.session_id)
        if key in told:
            continue
        told.add(key)
        if place is not None and _is_on_a_page_before(recent, key, place, checks):
            continue
        if (row := summary(recent, key)) is not None:
            rows.append(row)
        if len(rows) == count:
            return rows, (at, task_id)
    return rows, None


def tenants_of(recent: Recent, session_id: str) -> set[str]:
    """Those who have a session of this name."""
    named = recent.tasks.get(session_id)
    own = {named.tenant_id} if named is not None and named.session_id == session_id else set()
    return own | {tenant for tenant, session in list(recent.sessions) if session == session_id}


def _is_on_a_page_before(recent: Recent, key: Key, place: tuple[int, str], checks: Sequence[Check]) -> bool:
    # Those that were read last first: they are most likely the newest.
    for task_id in (*reversed(recent.sessions.get(key, ())), key[1]):
        task = recent.tasks.get(task_id)
        if task is None or (task.submitted_at, task.task_id) < place or (task.tenant_id, task.session_id) != key:
            continue
        if task.parent_id is None and all(check(task) for check in checks):
            return True
    return False


def _heard_at(task: Task) -> int:
    return max(task.submitted_at, task.started_at or 0, task.finished_at or 0)
