"""The line itself: whether the gateway is well, who is asking, the settings."""

import time

from gateway.server.codes import HOLDS_S
from gateway.server.declare import Call, Reply, Route
from gateway.server.principal import ROLES
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, flag, many, number, or_null, record, ref, text, whole
from infra.settings import DEFAULTS, FIELDS, accepted, shown


async def health(call: Call) -> Reply:
    fresh = call.services.following.freshness
    return Reply({"state": "ready" if fresh.caught_up else "catching up", "as_of": fresh.as_of})


async def me(call: Call) -> Reply:
    who = call.principal
    return Reply({name: getattr(who, name) for name in ("token_id", "name", "tenant_id", "role", "expires_at")})


async def make_code(call: Call) -> Reply:
    token = call.request.headers["Authorization"].partition(" ")[2].strip()
    return Reply({"code": call.services.codes.make(token, time.monotonic()), "holds_s": HOLDS_S}, 201)


async def redeem(call: Call) -> Reply:
    token = call.services.codes.redeem(call.body["code"], time.monotonic())
    if token is None:
        raise Problem(403, "This code was used before, or its time is over; `headway open` makes another.")
    return Reply({"token": token})


async def config(call: Call) -> Reply:
    settings = call.services.settings
    return Reply(
        {
            "settings": [
                {
                    "name": name,
                    "value": shown(settings, name),
                    "is_default": getattr(settings, name) == getattr(DEFAULTS, name),
                    "doc": field.metadata["doc"],
                    "accepts": _accepts(name),
                }
                for name, field in FIELDS.items()
            ]
        }
    )


def _accepts(name: str) -> dict[str, object]:
    told = accepted(name)
    return {**told._asdict(), "choices": list(told.choices)}


# --- the declarations

PARTS: dict[str, Schema] = {
    "Setting": record(
        "A setting of the gateway's process.",
        {
            "name": text("Its name."),
            "value": text("Its value as text; secrets are masked."),
            "is_default": flag("Whether it is the default."),
            "doc": text("What it means."),
            "accepts": record(
                "What it takes.",
                {
                    "kind": text("What its value is read as.", enum=["text", "whole", "number", "table"]),
                    "choices": many(text(""), "The values there are; empty: any of its kind."),
                    "minimum": or_null(number("Least value; null: none.")),
                    "maximum": or_null(number("Greatest value; null: none.")),
                },
            ),
        },
    )
}

ROUTES = [
    Route(
        "GET",
        "/healthz",
        health,
        None,
        "Tell whether the gateway is up",
        answer=record(
            "It answers.",
            {
                "state": text("Whether it knows what happened before its start.", enum=["ready", "catching up"]),
                "as_of": whole("Everything up to this time is known [µs, UTC]"),
            },
        ),
        example=lambda: {"state": "ready", "as_of": 1_790_000_009_640_000},
    ),
    Route(
        "GET",
        "/api/me",
        me,
        "viewer",
        "Tell whom the token stands for",
        answer=record(
            "The token.",
            {
                "token_id": text("Its id."),
                "name": text("What it was made for."),
                "tenant_id": text("Its tenant."),
                "role": text("What it may do.", enum=list(ROLES)),
                "expires_at": or_null(whole("When it ends; null: never [µs, UTC]")),
            },
        ),
        example=lambda: {
            "token_id": "3f9c01ab",
            "name": "checkout pipeline",
            "tenant_id": "acme",
            "role": "submitter",
            "expires_at": None,
        },
    ),
    Route(
        "POST",
        "/api/codes",
        make_code,
        "viewer",
        "Make a code for an address",
        answer=record(
            "A code that stands for the request's token.",
            {"code": text("Goes behind the # of the page's address, as code=…"), "holds_s": number("How long [s]")},
        ),
        example=lambda: {"code": "q8m0yHqkCDAk2vJwQ1vV5mJ0tJ6cD1aX", "holds_s": HOLDS_S},
        doc="It can be exchanged once, and shortly: a token itself must not be in an address, which browsers keep.",
        status=201,
    ),
    Route(
        "POST",
        "/api/codes/redeem",
        redeem,
        None,
        "Exchange a code for its token",
        answer=record("What the code stood for.", {"token": text("The token.")}),
        example=lambda: {"token": "hw_3f9c01ab_…"},
        body=record("The code.", {"code": text("As it was made.", maxLength=100)}),
        body_examples=lambda: {"a code": {"code": "q8m0yHqkCDAk2vJwQ1vV5mJ0tJ6cD1aX"}},
        errors=(403,),
    ),
    Route(
        "GET",
        "/api/config",
        config,
        "admin",
        "Tell every setting",
        answer=record("The settings.", {"settings": many(ref("Setting"), "In the order of `headway config`.")}),
        example=lambda: {
            "settings": [
                {
                    "name": "queue_max",
                    "value": "1000",
                    "is_default": True,
                    "doc": FIELDS["queue_max"].metadata["doc"],
                    "accepts": _accepts("queue_max"),
                }
            ]
        },
    ),
]
