"""Tasks: handing in, looking at, waiting for, cancelling, doing again."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.errors import BadInput
from gateway.listing import ASKED_FOR, STATES, WENT_WRONG
from gateway.record import Record
from gateway.sending import now_us
from gateway.server import lookup
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.handing_in import Made, hand_in, limits_of
from gateway.server.keys import new_key, task_id_of
from gateway.server.principal import Principal
from gateway.server.problems import Problem
from gateway.server.recent import TEXT_CHARS, Raw, Recent, as_json
from gateway.server.shapes import (
    Schema,
    event,
    example,
    fields,
    flag,
    many,
    number,
    or_null,
    plain,
    record,
    ref,
    text,
    whole,
)
from gateway.submission import FIELDS, task_from
from gateway.timeline import Story, story_of
from processors.admission import Limits
from schemas.codec import encode
from schemas.events import TaskCommand

MANY_MAX = 500
ONE_TURN = 20
"""So many tasks are checked in a millisecond; for more a thread does it."""
PAGE_MAX, PAGE = 500, 50
WAIT_MAX_S, WAIT_S = 60.0, 30.0
LATEST = 8_000_000_000_000_000
"""In the year 2223 [µs, UTC]: later times are as good as this one, and not every store has them."""


async def submit(call: Call) -> Reply:
    asked, several = _asked(call.body)
    key, limits = call.given["Idempotency-Key"], limits_of(call.services)
    safe_key = key or new_key(now_us())
    if len(asked) > ONE_TURN:
        made = await asyncio.to_thread(_made, call.principal, asked, safe_key, limits, several)
    else:
        made = _made(call.principal, asked, safe_key, limits, several)
    told = await hand_in(call.services, made, key, safe_key)
    if several:
        return Reply({"tasks": told}, 202)
    return Reply(told[0], 202, {"Location": f"/api/tasks/{told[0]['task_id']}"})


async def list_tasks(call: Call) -> Reply:
    wanted = wanted_of(call)
    if wanted is None:
        return Reply({"tasks": [], "next": None} | lookup.freshness(call.services, "memory"))
    page = await lookup.page(call.services, wanted, call.given["cursor"], call.given["limit"])
    return Reply({"tasks": page.rows, "next": page.next} | lookup.freshness(call.services, page.source))


def wanted_of(call: Call) -> dict[str, Any] | None:
    """What a list is asked for, by FILTERS, among what may be seen; null when that has none of it."""
    given = call.given
    wanted = {name: given[name] for name in lookup.CHECKS if given.get(name) is not None}
    wanted |= {name: _moment(name, given[name]) for name in ("since", "until") if given[name] is not None}
    tenant = call.principal.tenant
    if tenant is None:
        return wanted
    return wanted | {"tenant": tenant} if wanted.get("tenant", tenant) == tenant else None


async def show(call: Call) -> Reply:
    found = await lookup.find(call.services, call.principal, call.given["task_id"])
    records, children = await lookup.story(call.services, found)
    told = _told(found.row, story_of(found.row["task_id"], records), children)
    return Reply(told | lookup.freshness(call.services, found.source))


async def wait(call: Call) -> Reply:
    task_id = call.given["task_id"]
    with call.services.waiting.of(task_id) as end:
        found = await lookup.find(call.services, call.principal, task_id)
        if not found.ended:
            await asyncio.wait([end], timeout=call.given["timeout"])
            found = await lookup.find(call.services, call.principal, task_id)
    outcome = None
    if found.ended:
        records, _ = await lookup.story(call.services, found)
        outcome = next((plain(r.event) for r in records if r.name == "TaskOutcome"), None)
    return Reply({"task": found.row, "ended": found.ended, "outcome": outcome})


async def cancel(call: Call) -> Reply:
    found = await lookup.find(call.services, call.principal, call.given["task_id"])
    task_id = found.row["task_id"]
    if found.ended:
        raise Problem(409, f"The task was {found.row['state']} already; nothing is left to cancel.")
    at = now_us()
    by, reason = call.principal.name, call.body.get("reason", "")
    await call.services.outbox.command(
        TaskCommand(event_id=f"{task_id}/cancel/{at}", task_id=task_id, kind="cancel", at=at, by=by, reason=reason)
    )
    return Reply({"task_id": task_id, "state": found.row["state"], "cancel": "asked"}, 202)


async def redo(call: Call) -> Reply:
    found = await lookup.find(call.services, call.principal, call.given["task_id"])
    if not found.ended:
        raise Problem(409, "The task has not ended yet; cancel it first, or wait for its outcome.")
    records, _ = await lookup.story(call.services, found)
    submitted = story_of(found.row["task_id"], records).submitted
    if submitted is None:
        raise Problem(409, "The words of this task are kept nowhere any more; hand it in anew.")
    now, key = now_us(), call.given["Idempotency-Key"]
    safe_key = key or new_key(now)
    over = submitted["deadline_at"] is not None and submitted["deadline_at"] <= now
    task: Any = {
        **submitted,
        "task_id": task_id_of(submitted["tenant_id"], safe_key, 0, f"redo {submitted['task_id']} {{key}}"),
        "submitted_at": now,
        "deadline_at": None if over else submitted["deadline_at"],
        # Its parent has ended without it.
        "parent_id": None,
        "item_index": None,
        "redrive_of": submitted["task_id"],
        "by": call.principal.name,
    }
    told = await hand_in(call.services, [(task, {"redo": submitted["task_id"]})], key, safe_key)
    return Reply(told[0], 202, {"Location": f"/api/tasks/{task['task_id']}"})


# --- handing in


def _asked(body: Any) -> tuple[list[dict[str, Any]], bool]:
    """What was asked for, and whether as a list."""
    several = isinstance(body, dict) and "tasks" in body
    asked = body["tasks"] if several else [body]
    if several and (len(body) > 1 or not isinstance(asked, list) or not 1 <= len(asked) <= MANY_MAX):
        raise Problem(400, f'Several tasks are {{"tasks": […]}} with 1 to {MANY_MAX} of them, and nothing beside.')
    for index, one in enumerate(asked):
        if not isinstance(one, dict):
            raise Problem(400, f'{_place(several, index)}a task is an object such as {{"text": "Summarise the log"}}.')
    return asked, several


def _place(several: bool, index: int) -> str:
    return f"tasks[{index}]: " if several else ""


def _made(principal: Principal, asked: Sequence[dict[str, Any]], key: str, limits: Limits, several: bool) -> list[Made]:
    now = now_us()
    made: list[Made] = []
    for index, one in enumerate(asked):
        where = _place(several, index)
        if "task_id" in one:
            raise Problem(400, f"{where}task ids are made here: to hand in safely twice, send an Idempotency-Key.")
        tenant = one.get("tenant_id") or principal.tenant_id
        if not isinstance(tenant, str) or not principal.sees(tenant):
            raise Problem(403, f"{where}this token is of tenant {principal.tenant_id}: leave tenant_id out.")
        own = {"tenant_id": tenant, "task_id": task_id_of(tenant, key, index)}
        task = task_from({**one, **own}, now, limits=limits, where=where)
        made.append(({**task, "by": principal.name}, one))
    return made


# --- telling


def _told(row: dict[str, Any], story: Story, children: Mapping[str, str]) -> dict[str, Any]:
    submitted, outcome = story.submitted, story.outcome
    start = row["submitted_at"]
    return {
        "task": row,
        "text": submitted["text"] if submitted else row["text"],
        "items": submitted["items"] if submitted else [],
        "output": outcome["output"] if outcome else "",
        "to_start_ms": _ms(start, story.started_at or row["started_at"]),
        "to_finish_ms": _ms(start, row["finished_at"]),
        "children": [{"task_id": child, "state": state} for child, state in children.items()],
        "timeline": [
            {
                "at": entry.at,
                "event": entry.record.name,
                "title": entry.title,
                "details": entry.details,
                "topic": entry.record.topic,
                "partition": entry.record.partition,
                "offset": entry.record.offset,
                # Messages within messages are bytes, and are told as events of their own.
                "fields": plain(entry.record.event),
            }
            for entry in story.entries
        ],
    }


def _ms(start: int, end: int | None) -> float | None:
    return None if end is None else (end - start) / 1000


def _moment(name: str, given: str) -> int:
    if given.isascii() and given.isdecimal() and len(given) < 19:
        return min(int(given), LATEST)
    try:
        found = datetime.fromisoformat(given)
        at = round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        raise BadInput(f"{name} takes a time such as 2026-11-21T10:00:00Z, or whole microseconds.") from None
    return min(max(at, 0), LATEST)


# --- the declarations

_TASK: Schema = record(
    "A task as a list shows it.",
    fields("task_submitted", "task_id", "session_id", "tenant_id", "parent_id", "redrive_of")
    | {
        "text": text(f"The task in words; the first {TEXT_CHARS} characters."),
        "items": whole("Items it decomposes into; 0: one piece."),
    }
    | fields("task_submitted", "priority", "submitted_at", "agent_id", "skill")
    | {
        "agent_id": or_null(text("Agent that has it, or had it last, else the one asked for; null while none has it.")),
        "skill": or_null(text("Kind of work as understood by the router, else the one asked for.")),
        "state": text("Where it is; `open` where only that is known.", enum=list(STATES)),
        "started_at": or_null(whole("First start of an attempt; null when none started [µs, UTC]")),
        "finished_at": or_null(whole("When it ended; null while open [µs, UTC]")),
    }
    | fields("task_outcome", "attempts", "quality", "cost_usd_micros")
    | {"error": or_null(text("Why it did not complete, or the error of the last attempt; null when there is none."))},
)
_FRESH: dict[str, Schema] = {
    "source": text(
        "Where the answer is from: the gateway's memory of the newest tasks, or the warehouse.",
        enum=["memory", "warehouse"],
    ),
    "as_of": whole("Everything up to this time is in it [µs, UTC]"),
    "caught_up": flag("False while the gateway, just started, still reads what happened before."),
}
_ENTRY = record(
    "An event of a task, told in words, with its place and its own fields.",
    {
        "at": whole("When it happened [µs, UTC]"),
        "event": text("Name of the event, such as RoutingDecision."),
        "title": text("What happened, in a sentence."),
        "details": many(text(""), "More about it, a line each."),
        "topic": text("Topic on which it lies."),
        "partition": whole("Partition of the topic."),
        "offset": whole("Offset in the partition."),
        "fields": {"type": "object", "description": "The event's own fields; see its schema at /subjects."},
    },
)
_STORY = record(
    "A task with all that happened to it.",
    {
        "task": ref("Task"),
        "text": text("The task in words, whole."),
        "items": many(text(""), "Its items in words."),
        "output": text("The answer; empty while there is none."),
        "to_start_ms": or_null(number("From handed in to the first start [ms]")),
        "to_finish_ms": or_null(number("From handed in to the end [ms]")),
        "children": many(
            record("An item.", {"task_id": text("The item's own task."), "state": text("Where it is.")}), "Its items."
        ),
        "timeline": many(ref("Entry"), "What happened, in the order of time."),
        **_FRESH,
    },
)
_NEW: Schema = record(
    "A task to hand in. Only `text` is needed; what is left out or null is up to the line.",
    {
        name: schema if name in ("text", "items") else or_null(schema) if "null" not in schema["type"] else schema
        for name, schema in fields("task_submitted", *(name for name in FIELDS if name != "task_id")).items()
    }
    | {
        "deadline_at": {
            "type": ["integer", "string", "null"],
            "description": "Do not start after this: microseconds UTC, ISO 8601, or from now on such as 30s, 5m, 2h.",
        }
    },
    optional=tuple(name for name in FIELDS if name != "text"),
)
_ACCEPTED = record(
    "A task that Kafka has on every copy.",
    fields("task_submitted", "task_id", "session_id", "tenant_id")
    | {
        "state": text("Where it is.", enum=list(STATES)),
        "repeated": flag("Whether it was handed in under this Idempotency-Key before, and is that same task."),
    },
)
PARTS: dict[str, Schema] = {
    "Task": _TASK,
    "Entry": _ENTRY,
    "Story": _STORY,
    "NewTask": _NEW,
    "Accepted": _ACCEPTED,
    "TaskOutcome": event("task_outcome"),
}

_ID = Parameter(
    "task_id", "path", text("a task's id", minLength=1, maxLength=200), example("task_submitted")["task_id"]
)
KEY = Parameter(
    "Idempotency-Key",
    "header",
    text(
        "1 to 255 visible characters of your choice: sent again with the same key, the request is done once.",
        pattern=r"^[\x21-\x7e]{1,255}$",
    ),
    "order-4711",
)
_REASON = record("Why.", {"reason": text("Why, in words; kept with the task.", maxLength=1000)}, optional=("reason",))


def _filter(name: str, schema: Schema, shown: Any = None) -> Parameter:
    return Parameter(name, "query", schema, shown)


FILTERS = (
    _filter(
        "state",
        text(
            f"In this state; `open`: without an outcome; `went_wrong`: {', '.join(WENT_WRONG)}.", enum=list(ASKED_FOR)
        ),
        "completed",
    ),
    _filter("agent", text("Of this agent."), "code-reviewer"),
    _filter("skill", text("Of this skill."), "code_review"),
    _filter("tenant", text("Of this tenant; one other than the token's has no tasks for it."), "acme"),
    _filter("session", text("Of this session."), "checkout-team"),
    _filter("parent", text("Items of this task.")),
    _filter("priority", whole("Of this priority.", minimum=1, maximum=10), 2),
    _filter("cost_min", whole("That cost at least so much [millionths of a dollar]", minimum=0, maximum=2**62), 5000),
    _filter("since", text("Handed in at this time or later: ISO 8601, or microseconds."), "2026-09-21T00:00:00Z"),
    _filter("until", text("Handed in before this time.")),
    _filter(
        "text",
        text(f"With these words in the first {TEXT_CHARS} characters, or with an id that begins so.", maxLength=200),
        "payment",
    ),
    _filter("limit", whole("Most tasks on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE)),
    _filter("cursor", text("The `next` of the page before.", maxLength=1000)),
)


def _example_row() -> dict[str, Any]:
    return as_json(example_recent().tasks[example("task_submitted")["task_id"]])


def example_recent() -> Recent:
    """The examples of the events, folded as those of the topics are."""
    recent = Recent(10, 1 << 20)
    for offset, (folder, name, topic) in enumerate(
        (
            ("task_submitted", "TaskSubmitted", "tasks.submitted"),
            ("routing_decision", "RoutingDecision", "routing.decisions"),
            ("task_outcome", "TaskOutcome", "tasks.outcomes"),
        )
    ):
        made = example(folder)
        raw: Raw = (topic, 0, offset, encode(name, made))
        recent.see(Record(topic, 0, offset, name, made), raw)
    return recent


def example_fresh() -> dict[str, Any]:
    return {"source": "memory", "as_of": example("task_outcome")["finished_at"] + 40_000, "caught_up": True}


def _example_story() -> dict[str, Any]:
    recent, task_id = example_recent(), example("task_submitted")["task_id"]
    task = recent.tasks[task_id]
    return _told(as_json(task), story_of(task_id, recent.records(task)), {}) | example_fresh()


def _example_accepted() -> dict[str, Any]:
    names = ("task_id", "session_id", "tenant_id")
    return {name: example("task_submitted")[name] for name in names} | {"state": "submitted", "repeated": False}


def _example_new() -> Mapping[str, Any]:
    whole_one = {name: value for name, value in example("task_submitted").items() if name in _NEW["properties"]}
    short_one = {"text": example("task_submitted", 1)["text"]}
    return {"one": short_one, "all fields": whole_one, "several": {"tasks": [short_one, {**short_one, "priority": 8}]}}


ROUTES = [
    Route(
        "POST",
        "/api/tasks",
        submit,
        "submitter",
        "Hand in one task, or several",
        answer={"anyOf": [ref("Accepted"), record("Several.", {"tasks": many(ref("Accepted"), "In the same order.")})]},
        example=_example_accepted,
        doc="Answered once Kafka has all of them on every copy; if one breaks a rule, none is handed in. A full queue "
        "may still refuse a task: its outcome is then `refused`, with the time to wait.",
        parameters=[KEY],
        body={
            "anyOf": [
                ref("NewTask"),
                record("Several.", {"tasks": many(ref("NewTask"), "Tasks.", minItems=1, maxItems=MANY_MAX)}),
            ]
        },
        body_examples=_example_new,
        body_checked_by_handler=True,
        status=202,
        errors=(409,),
    ),
    Route(
        "GET",
        "/api/tasks",
        list_tasks,
        "viewer",
        "List tasks, newest first",
        answer=record(
            "A page.",
            {
                "tasks": many(ref("Task"), "Newest first."),
                "next": or_null(text("The cursor of the next page; null at the end.")),
                **_FRESH,
            },
        ),
        example=lambda: {"tasks": [_example_row()], "next": None} | example_fresh(),
        doc="A page is from one source: the newest tasks from memory, the pages after them from the warehouse.",
        parameters=FILTERS,
    ),
    Route(
        "GET",
        "/api/tasks/{task_id}",
        show,
        "viewer",
        "Tell all that happened to a task",
        answer=ref("Story"),
        example=_example_story,
        parameters=[_ID],
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/tasks/{task_id}/wait",
        wait,
        "viewer",
        "Wait until a task has ended",
        answer=record(
            "The task as it is now.",
            {
                "task": ref("Task"),
                "ended": flag("False when the time was over first; ask again."),
                "outcome": {"anyOf": [ref("TaskOutcome"), {"type": "null"}]},
            },
        ),
        example=lambda: {"task": _example_row(), "ended": True, "outcome": plain(example("task_outcome"))},
        parameters=[
            _ID,
            Parameter(
                "timeout", "query", number("Most seconds to wait.", minimum=0, maximum=WAIT_MAX_S, default=WAIT_S), 10
            ),
        ],
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/tasks/{task_id}/cancel",
        cancel,
        "submitter",
        "Stop a task wherever it is",
        answer=record(
            "The cancellation is with Kafka; the outcome tells whether it came in time.",
            {
                "task_id": text("The task."),
                "state": text("Where it was."),
                "cancel": text("asked", enum=["asked"]),
            },
        ),
        example=lambda: {"task_id": example("task_submitted")["task_id"], "state": "running", "cancel": "asked"},
        parameters=[_ID],
        body=_REASON,
        body_examples=lambda: {"with a reason": {"reason": "wrong branch"}},
        body_optional=True,
        status=202,
        errors=(404, 409),
    ),
    Route(
        "POST",
        "/api/tasks/{task_id}/redo",
        redo,
        "submitter",
        "Hand a task that has ended in again, as a new one",
        answer=ref("Accepted"),
        example=_example_accepted,
        doc="The new task names the old one in `redrive_of`. A deadline that has passed is left out.",
        parameters=[_ID, KEY],
        status=202,
        errors=(404, 409),
    ),
]
