"""Schedules: work that is handed in again and again, when it is due, and how its runs ended.

For admins alone: what a schedule hands in is some tenant's.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway import schedules
from gateway.sending import now_us
from gateway.server.declare import Call, Reply, Route
from gateway.server.defined import STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.shapes import Schema, event, example, fields, many, or_null, record, ref, text, whole
from infra.definitions import SCHEDULE

DEFINED = Defined(SCHEDULE, "schedule", "ScheduleDefinition", lambda services: services.registry.schedules)


async def list_schedules(call: Call) -> Reply:
    known, now = call.services.registry, now_us()
    shown, cursor = page(call, [one for _, one in sorted(known.schedules.items())], "schedule")
    rows = [schedules.shown(one, known.schedule_runs.get(one["schedule"]), now) for one in shown]
    return Reply({"schedules": rows, "next": cursor})


async def show(call: Call) -> Reply:
    schedule = DEFINED.known(call)
    kept = call.services.registry.schedule_runs.get(schedule["schedule"])
    return Reply(schedules.shown(schedule, kept, now_us()) | {"stays": await DEFINED.stays(call)})


async def run(call: Call) -> Reply:
    services, name = call.services, DEFINED.known(call)["schedule"]
    return Reply({"task_id": await services.slow(schedules.run_now, services.settings, name, call.principal.name)}, 202)


def switching(enabled: bool) -> Callable[[Call], Awaitable[Reply]]:
    """Pausing and resuming, which are no error where it is so already."""

    async def switch(call: Call) -> Reply:
        services, published = call.services, DEFINED.known(call)
        name = published["schedule"]
        if published["enabled"] != enabled:
            await services.slow(schedules.switch, services.settings, published, enabled)
            await DEFINED.followed(services, name, lambda now: now is None or now["enabled"] == enabled)
        known = services.registry
        return Reply(schedules.shown(DEFINED.known(call), known.schedule_runs.get(name), now_us()))

    return switch


# --- the declarations

_SHOWN: dict[str, Schema] = {
    "definition": ref("ScheduleDefinition"),
    "when": text("When it runs: an interval, or a cron expression with its time zone."),
    "next_due_at": or_null(whole("When it is due next [µs, UTC]; null: it is paused.")),
    **fields("schedule_runs", "passed_over", "runs"),
}
PARTS: dict[str, Schema] = {
    "ScheduleDefinition": event("schedule"),
    "Schedule": record("A schedule, and what became of it; the newest run first.", _SHOWN),
}


def _example() -> dict[str, Any]:
    definition: Any = example("schedule")
    kept: Any = example("schedule_runs")
    return schedules.shown(definition, kept, kept["through_at"])


ROUTES = [
    Route(
        "GET",
        "/api/schedules",
        list_schedules,
        "admin",
        "List the schedules: when each is due next, and its last runs",
        answer=record("The schedules.", {"schedules": many(ref("Schedule"), "By name."), "next": NEXT}),
        example=lambda: {"schedules": [_example()], "next": None},
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/schedules/{schedule}",
        show,
        "admin",
        "Tell how a schedule is defined, and its last runs",
        answer=record("The schedule.", _SHOWN | {"stays": STAYS}),
        example=lambda: _example() | {"stays": None},
        parameters=[DEFINED.named],
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/schedules/{schedule}/run",
        run,
        "admin",
        "Hand in a run now, besides those that are due",
        answer=record("It is handed in.", {"task_id": text("Its task.")}),
        example=lambda: {"task_id": example("schedule_runs")["runs"][1]["task_id"]},
        doc="Also of one that is paused. Each request is a run of its own.",
        parameters=[DEFINED.named],
        status=202,
        errors=(404, 409),
    ),
    *(
        Route(
            "POST",
            f"/api/schedules/{{schedule}}/{act}",
            switching(act == "resume"),
            "admin",
            summary,
            answer=ref("Schedule"),
            example=_example,
            doc="As in its file, of which a copy is made for one that is shipped.",
            parameters=[DEFINED.named],
            errors=(404, 409),
        )
        for act, summary in (
            ("pause", "Run a schedule no more until it is resumed; what is due meanwhile is not made up for"),
            ("resume", "Let a schedule run that is paused"),
        )
    ),
    *DEFINED.routes(
        {
            "description": "Looks whether all is well.",
            "every": "15m",
            "missed": "skip",
            "escalate": {"after_failures": 2, "priority": 1, "agent": None},
            "text": "Look whether all is well.",
        }
    ),
]
