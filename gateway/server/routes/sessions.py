"""Sessions: the tasks that belong together, counted."""

from typing import Any

from gateway.listing import STATES
from gateway.server import lookup, sessions
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.problems import Problem
from gateway.server.recent import Recent
from gateway.server.routes.tasks import FILTERS, example_fresh, example_recent, wanted_of
from gateway.server.shapes import Schema, example, fields, flag, many, or_null, record, ref, text, whole

PAGE_MAX, PAGE = 500, 50


async def list_sessions(call: Call) -> Reply:
    services, recent = call.services, call.services.recent
    wanted = wanted_of(call)
    fresh = lookup.freshness(services, "memory") | {"whole": recent.floor == 0}
    if wanted is None:
        return Reply({"sessions": [], "next": None} | fresh)
    checks = [lookup.CHECKS[name](value) for name, value in wanted.items()]
    place = lookup.place_of(call.given["cursor"])
    rows, end = await sessions.page(recent, place, checks, call.given["limit"])
    cursor = None if end is None else lookup.cursor_of({"submitted_at": end[0], "task_id": end[1]})
    return Reply({"sessions": rows, "next": cursor} | fresh)


async def show(call: Call) -> Reply:
    services, session_id = call.services, call.given["session_id"]
    row = _found(services.recent, session_id, call.principal.tenant, call.given["tenant"])
    fresh = lookup.freshness(services, "memory")
    if row is None and not fresh["caught_up"]:
        raise Problem(503, "The gateway is still reading the topics; try again.", retry_after_s=1)
    if row is None:
        raise Problem(404, "There is no session of this id; GET /api/sessions lists those there are.")
    return Reply({"session": row} | fresh | {"whole": services.recent.floor == 0})


def _found(recent: Recent, session_id: str, own: str | None, asked: str | None) -> dict[str, Any] | None:
    """The newest of those who may be looked at, where several tenants have a session of this name."""
    tenants = sessions.tenants_of(recent, session_id) if own is None else {own}
    if asked is not None:
        tenants &= {asked}
    rows = [row for tenant in tenants if (row := sessions.summary(recent, (tenant, session_id))) is not None]
    return max(rows, key=lambda row: (row["newest_at"], row["tenant_id"]), default=None)


# --- the declarations

_SESSION: Schema = record(
    "A session, by those of its tasks that are remembered.",
    fields("task_submitted", "session_id", "tenant_id")
    | {
        "title": text("The beginning of the text of its oldest task."),
        "tasks": whole("Its tasks, items not counted."),
        "open": whole("Those without an outcome."),
        "states": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": f"How many are in which state: {', '.join(STATES[1:])}.",
        },
        "agents": many(text(""), "Agents that have or had its tasks, by name."),
        "cost_usd_micros": whole("Money spent on those that have ended, that of their items included [micro-dollars]"),
        "started_at": whole("When its oldest task was handed in [µs, UTC]"),
        "newest_at": whole("When a task of it was last handed in, started or ended [µs, UTC]"),
    },
)
PARTS: dict[str, Schema] = {"Session": _SESSION}
_WHOLE = flag("False where tasks before a time are forgotten: GET /api/tasks?session=… finds those, too.")
_FRESH: dict[str, Schema] = {
    "source": text("The gateway's memory of the newest tasks.", enum=["memory"]),
    "as_of": whole("Everything up to this time is in it [µs, UTC]"),
    "caught_up": flag("False while the gateway, just started, still reads what happened before."),
    "whole": _WHOLE,
}


def _example() -> dict[str, Any]:
    recent = example_recent()
    (task,) = recent.tasks.values()
    return sessions.summary(recent, (task.tenant_id, task.session_id)) or {}


ROUTES = [
    Route(
        "GET",
        "/api/sessions",
        list_sessions,
        "viewer",
        "List sessions, newest first",
        answer=record(
            "A page.",
            {
                "sessions": many(ref("Session"), "Newest first, by the newest task that the filters take."),
                "next": or_null(text("The cursor of the next page; null at the end.")),
                **_FRESH,
            },
        ),
        example=lambda: {"sessions": [_example()], "next": None} | example_fresh() | {"whole": True},
        doc="The filters are those of the tasks: a session is listed that has a task which all of them take.",
        parameters=FILTERS,
    ),
    Route(
        "GET",
        "/api/sessions/{session_id}",
        show,
        "viewer",
        "Tell of a session",
        answer=record("The session.", {"session": ref("Session"), **_FRESH}),
        example=lambda: {"session": _example()} | example_fresh() | {"whole": True},
        doc="Its tasks: GET /api/tasks?session=…; what was said in it: GET /api/conversations/….",
        parameters=[
            Parameter(
                "session_id",
                "path",
                text("a session's id", minLength=1, maxLength=200),
                example("task_submitted")["session_id"],
            ),
            Parameter("tenant", "query", text("Whose session of this name; else the newest there is.", maxLength=200)),
        ],
        errors=(404,),
    ),
]
