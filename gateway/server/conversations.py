"""Conversations of a tenant: found in memory, else in the warehouse; told as of a place in the topics; gone on with.

A conversation is a session, and each message of a person is a task of it; so what another tenant says under the same
name is another conversation, for nothing here is looked up without the tenant.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from gateway.errors import Unreachable
from gateway.live.hub import Hub
from gateway.live.messages import as_json
from gateway.live.places import Layout, Places
from gateway.record import Record
from gateway.sending import now_us
from gateway.server.handing_in import hand_in, limits_of
from gateway.server.keys import new_key, task_id_of
from gateway.server.lookup import cursor_of, place_of
from gateway.server.principal import Principal
from gateway.server.problems import Problem
from gateway.server.recent import Recent, Task
from gateway.server.services import Services
from gateway.server.shapes import Schema, or_null, text
from gateway.submission import task_from
from gateway.turns import ASKED, TITLE_CHARS, exchange_of, turn_of
from gateway.units import short
from infra.warehouse.errors import WarehouseDown
from processors.conversation import Exchange, remembered
from schemas.events import ConversationMessage

SHOWN_MAX = 50
"""Turns that are shown at once, the newest; older ones are asked for page by page."""

SHOWN_BYTES = 262_144
"""Of those turns together, so that the message stays below what clients take; the newest is there in any case."""

MESSAGE: dict[str, Schema] = {
    "text": text("What is said."),
    "agent_id": or_null(text("Agent asked for; null lets the router choose.", maxLength=200)),
    "skill": or_null(text("Kind of work; null lets the router find out.", maxLength=200)),
    "model": or_null(text("Model asked for; null takes the agent's.", maxLength=200)),
}
"""What may be said."""

CATCH_UP_S = 10.0
"""How long a message waits for a gateway that was just started, until its sender is told to try again."""

SETTLE_S = 2.0
"""How long a message waits for what came before it to be read back; most often it is there."""

_LOOK_S = 0.005

_SAID = ("tasks.submitted", "tasks.outcomes")
"""Topics that hold the messages of both sides."""

Taken = Callable[[Record], bool]


def before(layout: Layout, places: Places) -> Taken:
    """Whether a record lies before these places."""
    upto = dict(zip(layout.pairs, places, strict=True))
    return lambda record: record.offset < upto.get((record.topic, record.partition), 0)


async def reached(services: Services, layout: Layout, places: Places, timeout_s: float) -> bool:
    """Waits until everything before these places has been read."""
    until = time.monotonic() + timeout_s
    following = services.following
    missing = dict(zip(layout.pairs, places, strict=True))
    while time.monotonic() < until:
        if following.freshness.caught_up:
            now = following.reached
            missing = {pair: offset for pair, offset in missing.items() if now.get(pair, 0) < offset}
            if not missing:
                return True
        await asyncio.sleep(_LOOK_S)
    return False


async def conversation(
    services: Services,
    tenant_id: str,
    conversation_id: str,
    *,
    cursor: str | None = None,
    limit: int = SHOWN_MAX,
    taken: Taken | None = None,
) -> dict[str, Any]:
    """The newest turns, before a cursor if there is one, oldest first; `taken`: as of there. Raises Problem."""
    place = place_of(cursor)
    turns, more = await asyncio.to_thread(_in_memory, services, tenant_id, conversation_id, place, limit, taken)
    oldest = (turns[0]["submitted_at"], turns[0]["task_id"]) if turns else place
    if not more and services.recent.floor and services.older.there:
        try:
            older = await services.older.turns(tenant_id, conversation_id, oldest, limit - len(turns) + 1)
        except (Unreachable, WarehouseDown):
            if taken is None:
                raise
            more = True  # nobody's chat waits for the warehouse
        else:
            more = len(older) > limit - len(turns)
            turns = older[: limit - len(turns)][::-1] + turns
    asked = turns[-1]["asked"] if turns else dict.fromkeys(ASKED)
    return {
        "conversation_id": conversation_id,
        "title": short(turns[0]["text"], TITLE_CHARS) if turns else "",
        "turns": turns,
        "more": more,
        "preferences": asked,
        "next": cursor_of(turns[0]) if more and turns else None,
    }


def _in_memory(
    services: Services,
    tenant_id: str,
    conversation_id: str,
    place: tuple[int, str] | None,
    limit: int,
    taken: Taken | None,
) -> tuple[list[dict[str, Any]], bool]:
    """Turns, oldest first, and whether there are older ones."""
    turns: list[dict[str, Any]] = []
    room = SHOWN_BYTES
    for task in services.recent.of_session(tenant_id, conversation_id, place):
        turn = _turn(services, task, taken)
        if turn is None:
            continue
        room -= len(as_json(turn))
        if len(turns) == limit or (room < 0 and turns):
            return turns[::-1], True
        turns.append(turn)
    return turns[::-1], False


def _turn(services: Services, task: Task, taken: Taken | None) -> dict[str, Any] | None:
    records = services.recent.records(task)
    known = records if taken is None else [record for record in records if taken(record)]
    if task.handed_in and not any(record.name == "TaskSubmitted" for record in known):
        return None  # it was handed in after that place
    turn = turn_of(task.task_id, known)
    if not task.handed_in:  # its submission is too long ago for Kafka; the dispatcher still knows of it
        turn |= {"text": task.text, "at": task.submitted_at, "submitted_at": task.submitted_at, "state": task.state}
    return turn


async def listed(
    services: Services, tenant_id: str, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Sessions in which something was said, rather than handed in by a program, the one with the newest message first;
    and the cursor of the next page. Raises Problem."""
    place = place_of(cursor)
    floor = services.recent.floor if services.older.there else 0
    if floor == 0 or place is None or place[0] > floor:
        newest = list(islice(_newest_of_each(services, tenant_id, place, floor), limit + 1))
        rows = [row for _, session_id in newest[:limit] if (row := _row(services, tenant_id, session_id))]
        if len(newest) > limit:
            return rows, cursor_of({"submitted_at": newest[limit - 1][0], "task_id": newest[limit - 1][1]})
        if rows or floor == 0:
            return rows, cursor_of({"submitted_at": floor + 1, "task_id": ""}) if floor else None
        place = floor + 1, ""
    rows = await services.older.conversations(tenant_id, place, limit)
    if len(rows) < limit:
        return rows, None
    return rows, cursor_of({"submitted_at": rows[-1]["newest_at"], "task_id": rows[-1]["conversation_id"]})


def _newest_of_each(
    services: Services, tenant_id: str, place: tuple[int, str] | None, floor: int
) -> Iterator[tuple[int, str]]:
    """When the newest message of each conversation in memory was, and its id, newest first."""
    return takewhile(lambda found: found[0] > floor, services.recent.sessions.talks(tenant_id, place))


def _row(services: Services, tenant_id: str, conversation_id: str) -> dict[str, Any] | None:
    session, tasks = services.recent.sessions.find(tenant_id, conversation_id), services.recent.tasks
    first = tasks.get(session.order[0][1]) if session is not None and session.order else None
    if session is None or first is None:
        return None  # the thread that reads has just let it go
    return {
        "conversation_id": conversation_id,
        "title": short(first.text, TITLE_CHARS),
        "turns": session.tally.tasks,
        "started_at": first.submitted_at,
        "newest_at": session.order[-1][0],
        "open": session.tally.open,
    }


# --- going on


async def say(
    services: Services,
    hub: Hub | None,
    principal: Principal,
    conversation_id: str,
    asked: Mapping[str, Any],
    key: str | None,
) -> dict[str, Any]:
    """Hands a message in, with what was said before it. The same key again is the same message. Raises Problem."""
    tenant_id, now = principal.tenant_id, now_us()
    safe_key = key or new_key(now)
    task_id = task_id_of(tenant_id, safe_key, 0, f"message {{key}} of {conversation_id}")
    heard: Sequence[ConversationMessage] = []
    if task_id not in services.recent.tasks:
        await settle(services, hub, tenant_id, conversation_id)
        heard = await asyncio.to_thread(_remembered, services, tenant_id, conversation_id, now)
    fields = {name: asked.get(name) for name in ("text", *ASKED)}
    own = {"task_id": task_id, "session_id": conversation_id, "tenant_id": tenant_id, "conversation": heard}
    task = task_from({**fields, **own}, now, limits=limits_of(services))
    task["by"] = principal.name
    (told,) = await hand_in(services, [(task, {**fields, "session_id": conversation_id})], key, safe_key)
    services.said.remember(tenant_id, conversation_id, task_id)
    return told


async def settle(services: Services, hub: Hub | None, tenant_id: str, conversation_id: str) -> None:
    """Waits until all is in memory that whoever asks now may know of: told by the live side, or said here. Raises
    Problem.
    """
    until = time.monotonic() + CATCH_UP_S
    while not services.following.freshness.caught_up and time.monotonic() < until:  # noqa: ASYNC110  a thread does it
        await asyncio.sleep(_LOOK_S)
    if not services.following.freshness.caught_up:
        raise Problem(503, "The gateway is still reading the topics; try again.", retry_after_s=1)
    known = hub.tasks.said_in(tenant_id, conversation_id) if hub is not None else []
    told = [(one.task_id, one.submitted_at or 0, one.ended) for one in known]  # as of now
    last = services.said.task_id(tenant_id, conversation_id)
    recent, until = services.recent, time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        if not any(_is_unread(recent, *one) for one in told) and (last is None or last in recent.tasks):
            break
        await asyncio.sleep(_LOOK_S)
    if last is not None:
        services.said.was_read(tenant_id, conversation_id, last)


def _is_unread(recent: Recent, task_id: str, submitted_at: int, has_ended: bool) -> bool:
    """Whether memory is to have a task, or its end, and has not yet; one that is older than memory never will."""
    task = recent.tasks.get(task_id)
    return submitted_at > recent.floor if task is None else has_ended and not task.ended


def _remembered(services: Services, tenant_id: str, conversation_id: str, now: int) -> list[ConversationMessage]:
    return remembered(_exchanges(services, tenant_id, conversation_id), now)


def _exchanges(services: Services, tenant_id: str, conversation_id: str) -> Iterator[Exchange]:
    for task in services.recent.of_session(tenant_id, conversation_id):
        # What was streamed matters only where there is no answer.
        topics = _SAID if task.state != "cancelled" else None
        yield exchange_of(turn_of(task.task_id, services.recent.records(task, topics)))
