"""Learned routers: what there is, how each did on what it had not seen, and which one is used. They choose for all
tenants, so they are for admins."""

import time
from typing import TYPE_CHECKING, Any

from gateway import promoting
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.paging import NEXT, page, paged
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, event, example, flag, many, plain, record, ref, text, whole
from infra.settings import Settings
from schemas.events import RoutingModel

if TYPE_CHECKING:
    from gateway.server.services import Services

READ_BACK_S = 3.0
"""How long a change may take to be read back until it is answered all the same."""


async def list_models(call: Call) -> Reply:
    known = call.services.registry.models
    models, cursor = page(call, promoting.listed(known), "name")
    return Reply({"in_use": promoting.in_use(known), "models": models, "next": cursor})


async def show(call: Call) -> Reply:
    known = call.services.registry.models
    try:
        model = promoting.found(known, call.given["name"])
    except promoting.UnknownModel:
        raise _unknown() from None
    again = promoting.again(model) if model["weights"] else None
    return Reply({"model": promoting.told(model, promoting.in_use(known)), "again": again})


async def promote(call: Call) -> Reply:
    name, by, force = call.given["name"], call.principal.name, call.body.get("force", False)
    return await _changed(call, promoting.promote, name, by, _why(call.body), force)


async def roll_back(call: Call) -> Reply:
    def back(settings: Settings, *arguments: Any) -> RoutingModel:
        return promoting.roll_back(settings, *arguments)[0]

    return await _changed(call, back, call.principal.name, _why(call.body), call.body.get("name"))


async def _changed(call: Call, change: Any, *arguments: Any) -> Reply:
    try:
        made = await call.services.slow(_read_back, call.services, change, *arguments)
    except promoting.UnknownModel:
        raise _unknown() from None
    return Reply(promoting.told(made, made["name"]))


def _read_back(services: "Services", change: Any, *arguments: Any) -> RoutingModel:
    """Once this gateway knows of it: who asks next is told what they did."""
    made: RoutingModel = change(services.settings, *arguments)
    until = time.monotonic() + READ_BACK_S
    while services.registry.models.get(made["name"]) != made and time.monotonic() < until:
        time.sleep(0.02)
    return made


def _why(body: dict[str, Any]) -> str:
    return str(body.get("reason", ""))


def _unknown() -> Problem:
    return Problem(404, "There is no model of this name; GET /api/models lists them.")


# --- the declarations

_EVENT = event("routing_model")
PARTS: dict[str, Schema] = {
    "RoutingModel": record(
        _EVENT["description"],
        {
            **_EVENT["properties"],
            "weights_bytes": whole("Size of its weights; 0 for the rules."),
            "in_use": flag("Whether it is the one that routes now."),
        },
    )
}
_NAME = Parameter("name", "path", text("a model's name", maxLength=200), example("routing_model")["name"])
_REASON = text("Why, in words, for those who ask later.", maxLength=1000)


def _example(index: int = 0) -> dict[str, Any]:
    made = example("routing_model", index)
    return plain(made) | {"weights_bytes": len(made["weights"]), "in_use": index == 0}  # type: ignore[no-any-return]


ROUTES = [
    Route(
        "GET",
        "/api/models",
        list_models,
        "admin",
        "List the learned routers, newest first",
        answer=record(
            "The models.",
            {
                "in_use": text("Name of the one that routes now; `rules`: the rules alone."),
                "models": many(ref("RoutingModel"), "Newest first; the rules stand at the end."),
                "next": NEXT,
            },
        ),
        example=lambda: {"in_use": _NAME.example, "models": [_example(), _example(1)], "next": None},
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/models/{name}",
        show,
        "admin",
        "Tell what a model was made from, and what was measured of it",
        answer=record(
            "The model.",
            {
                "model": ref("RoutingModel"),
                "again": {**text("The command that makes the same weights anew."), "type": ["string", "null"]},
            },
        ),
        example=lambda: {
            "model": _example(),
            "again": promoting.again(example("routing_model")),  # type: ignore[arg-type]
        },
        parameters=[_NAME],
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/models/{name}/promote",
        promote,
        "admin",
        "Put a model to use",
        answer=ref("RoutingModel"),
        example=_example,
        doc="Routers take it within seconds. `rules` goes back to the rules alone; then nothing is promoted by itself.",
        parameters=[_NAME],
        body=record(
            "Why.",
            {"reason": _REASON, "force": flag("Also when the gate rejected it; it then needs a reason.")},
            optional=("reason", "force"),
        ),
        body_examples=lambda: {"as agreed": {"reason": "as agreed on Monday"}},
        body_optional=True,
        errors=(404, 409),
    ),
    Route(
        "POST",
        "/api/models/rollback",
        roll_back,
        "admin",
        "Go back to what was in use before",
        answer=ref("RoutingModel"),
        example=lambda: _example(1) | {"in_use": True},
        doc="To the model before this one, and at last to the rules alone. What was in use stays as a candidate.",
        body=record(
            "Why.",
            {"reason": _REASON, "name": text("Only if this one is in use; a newer one may be by now.", maxLength=200)},
            optional=("reason", "name"),
        ),
        body_examples=lambda: {"in a hurry": {"reason": "more redos since noon"}},
        body_optional=True,
        errors=(409,),
    ),
]
