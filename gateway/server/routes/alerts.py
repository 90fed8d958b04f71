"""Alerts: what is wrong with the line, taking one on, asking for quiet; and the rules that raise them.

Everybody sees them, as they are about the line and its pools; the tasks that show one are told to who may see them.
"""

import asyncio
import time
from typing import Any

from gateway import alerts
from gateway.errors import BadInput
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.defined import READ_BACK_S, STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, event, example, many, or_null, record, ref, text, whole
from infra.definitions import RULE
from schemas.events import Alert, AlertCommand

DEFINED = Defined(RULE, "alert_rule", "AlertRule", lambda services: services.registry.rules)


async def list_alerts(call: Call) -> Reply:
    known, state = call.services.registry.alerts, call.given["state"]
    found = alerts.listed(known.values(), None if state == "all" else state)
    shown, cursor = page(call, found, "alert_id")
    firing = sum(alert["state"] == "firing" for alert in known.values())
    return Reply(
        {
            "alerts": [_seen(call, alert) for alert in shown],
            "next": cursor,
            "firing": firing,
            "silences": alerts.lasting(call.services.registry.silences, now_us()),
        }
    )


async def show(call: Call) -> Reply:
    alert = _one(call)
    return Reply({"alert": _seen(call, alert), "rule": call.services.registry.rules.get(alert["rule"])})


async def acknowledge(call: Call) -> Reply:
    try:
        command = alerts.acknowledgement(_one(call), call.principal.name, call.body.get("comment", ""), now_us())
    except BadInput as error:
        raise Problem(409, str(error)) from None
    await _obeyed(call, command)
    return Reply(_seen(call, _one(call)))


async def silence(call: Call) -> Reply:
    known, target = call.services.registry, call.given["alert_id"]
    for_s, comment = call.body["for_s"], call.body.get("comment", "")
    command = alerts.silence(target, known.alerts, known.rules, for_s, call.principal.name, comment, now_us())
    if command is None:
        raise Problem(404, "There is no alert and no rule of this name; GET /api/alerts lists the alerts.")
    await _obeyed(call, command)
    return Reply({"target": target, "until_at": command["until_at"]})


async def list_rules(call: Call) -> Reply:
    rules, cursor = page(call, [rule for _, rule in sorted(call.services.registry.rules.items())], "rule")
    return Reply({"rules": rules, "next": cursor})


async def show_rule(call: Call) -> Reply:
    return Reply({"definition": DEFINED.known(call), "stays": await DEFINED.stays(call)})


def _one(call: Call) -> Alert:
    found = call.services.registry.alerts.get(call.given["alert_id"])
    if found is None:
        raise Problem(404, "There is no alert of this id; GET /api/alerts lists them.")
    return found


def _seen(call: Call, alert: Alert) -> Alert:
    return alerts.seen_by(alert, call.principal.tenant)


async def _obeyed(call: Call, command: AlertCommand) -> None:
    """Returns when the monitor has followed, so that who asks next sees it; or after a while, for it will."""
    known = call.services.registry
    await call.services.outbox.alert_command(command)
    until = time.monotonic() + READ_BACK_S

    def seen() -> bool:
        told = command["kind"] != "silence" or known.silences.get(command["target"]) == command
        return told and alerts.obeyed(command, known.alerts)

    while not seen() and time.monotonic() < until:  # noqa: ASYNC110  a thread
        await asyncio.sleep(0.02)


# --- the declarations

PARTS: dict[str, Schema] = {
    "Alert": event("alert"),
    "AlertRule": event("alert_rule"),
    "AlertCommand": event("alert_command"),
}
_ID = Parameter("alert_id", "path", text("an alert's id", minLength=1, maxLength=400), example("alert")["alert_id"])
_TARGET = Parameter(
    "alert_id",
    "path",
    text("an alert's id, or the name of a rule", minLength=1, maxLength=400),
    example("alert")["rule"],
)
_COMMENT = text("Why, in words, for those who look later.", maxLength=alerts.COMMENT_CHARS_MAX)
_FOLLOWS = "The monitor follows within a second or two; the id has a slash, so it is written with %2F."


def _example() -> Any:
    return example("alert")


ROUTES = [
    Route(
        "GET",
        "/api/alerts",
        list_alerts,
        "viewer",
        "List the alerts: those that fire first, the worst and newest of them",
        answer=record(
            "The alerts.",
            {
                "alerts": many(ref("Alert"), "Then those that were resolved, the last first."),
                "next": NEXT,
                "firing": whole("How many fire."),
                "silences": many(
                    ref("AlertCommand"), "Those that last, of alerts and of rules; of a rule also while nothing fires."
                ),
            },
        ),
        example=lambda: {
            "alerts": [_example()],
            "next": None,
            "firing": 1,
            "silences": [example("alert_command")],
        },
        doc="Tasks that show an alert are left out for who may not see them.",
        parameters=[
            Parameter("state", "query", text("state", enum=["firing", "resolved", "all"], default="all"), "firing"),
            *paged(200, 1000),
        ],
    ),
    Route(
        "GET",
        "/api/alerts/{alert_id}",
        show,
        "viewer",
        "Tell one alert, with the rule that raised it",
        answer=record("The alert.", {"alert": ref("Alert"), "rule": {"anyOf": [ref("AlertRule"), {"type": "null"}]}}),
        example=lambda: {"alert": _example(), "rule": example("alert_rule")},
        doc=_FOLLOWS.partition("; ")[2].capitalize(),
        parameters=[_ID],
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/alerts/{alert_id}/ack",
        acknowledge,
        "admin",
        "Take an alert on",
        answer=ref("Alert"),
        example=_example,
        doc=_FOLLOWS,
        parameters=[_ID],
        body=record("What you have to say.", {"comment": _COMMENT}, optional=("comment",)),
        body_examples=lambda: {"in a word": {"comment": "looking at it"}},
        body_optional=True,
        errors=(404, 409),
    ),
    Route(
        "POST",
        "/api/alerts/{alert_id}/silence",
        silence,
        "admin",
        "Notify nobody for a while: of an alert, or of all alerts of a rule",
        answer=record(
            "It is written down.",
            {"target": text("What is silent."), "until_at": or_null(whole("Until when [µs, UTC]."))},
        ),
        example=lambda: {"target": "errors", "until_at": example("alert_command")["until_at"]},
        doc=f"The alerts are seen all the same. {_FOLLOWS}",
        parameters=[_TARGET],
        body=record(
            "How long.",
            {
                "for_s": whole("Seconds from now; 0 ends a silence.", minimum=0, maximum=alerts.SILENCE_S_MAX),
                "comment": _COMMENT,
            },
            optional=("comment",),
        ),
        body_examples=lambda: {"for a load test": {"for_s": 7200, "comment": "a load test"}},
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/rules",
        list_rules,
        "viewer",
        "List the rules: what is watched, and from when on it is an alert",
        answer=record("The rules.", {"rules": many(ref("AlertRule"), "By name."), "next": NEXT}),
        example=lambda: {"rules": [example("alert_rule")], "next": None},
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/rules/{rule}",
        show_rule,
        "viewer",
        "Tell how a rule is defined",
        answer=record("The rule.", {"definition": ref("AlertRule"), "stays": STAYS}),
        example=lambda: {"definition": example("alert_rule"), "stays": None},
        parameters=[DEFINED.named],
        errors=(404,),
    ),
    *DEFINED.routes(
        {
            "description": "Many fail.",
            "measure": "error_rate",
            "above": 0.1,
            "severity": "warning",
            "actions": ["notify"],
        }
    ),
]
