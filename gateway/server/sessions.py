"""Sessions as a list shows them: their tasks counted by state, what they cost, when something was last heard."""

import asyncio
from collections.abc import Sequence
from typing import Any

from gateway.server.grouping import LOOK_AT, Place, Tally, heard_at, key_of, told_of
from gateway.server.recent import Check, Recent
from gateway.turns import TITLE_CHARS
from gateway.units import short

Key = tuple[str, str]
"""Tenant and session."""


def summary(recent: Recent, key: Key) -> dict[str, Any] | None:
    """What is remembered of a session; null when nothing is."""
    session = recent.sessions.find(*key)
    first_id = session.order[0][1] if session is not None and session.order else key[1]
    first = recent.tasks.get(first_id)
    if first is None or first.parent_id is not None or key_of(first) != key:
        return None
    tally = session.tally if session is not None else Tally().changed(None, told_of(first), heard_at(first))
    return {
        "session_id": key[1],
        "tenant_id": key[0],
        "title": short(first.text, TITLE_CHARS),
        "tasks": tally.tasks,
        "open": tally.open,
        "states": dict(tally.states),
        "agents": sorted(tally.agents),
        "cost_usd_micros": tally.cost_usd_micros,
        "started_at": first.submitted_at,
        "newest_at": tally.heard_at,
    }


async def page(
    recent: Recent, place: Place | None, checks: Sequence[Check], count: int
) -> tuple[list[dict[str, Any]], Place | None]:
    """Sessions with a task that all checks take, by the newest of those; and where the next page begins. Others get
    their turn while it looks.
    """
    rows: list[dict[str, Any]] = []
    told: set[Key] = set()
    for some in recent.back_from(place):
        for task in some:
            key = key_of(task)
            if task.parent_id is not None or key in told or not all(check(task) for check in checks):
                continue
            told.add(key)
            if place is not None and await _is_on_a_page_before(recent, key, place, checks):
                continue
            if (row := summary(recent, key)) is not None:
                rows.append(row)
            if len(rows) == count:
                return rows, (task.submitted_at, task.task_id)
        await asyncio.sleep(0)
    return rows, None


def tenants_of(recent: Recent, session_id: str) -> set[str]:
    """Those who have a session of this name."""
    named = recent.tasks.get(session_id)
    own = {named.tenant_id} if named is not None and named.session_id == session_id else set()
    return own | recent.sessions.tenants(session_id)


async def _is_on_a_page_before(recent: Recent, key: Key, place: Place, checks: Sequence[Check]) -> bool:
    for number, task in enumerate(recent.of_session(*key), 1):
        if (task.submitted_at, task.task_id) < place:
            return False
        if all(check(task) for check in checks):
            return True
        if number % LOOK_AT == 0:
            await asyncio.sleep(0)
    return False
