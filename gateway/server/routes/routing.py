"""What the line would do with a task now, and why: asked without handing it in."""

from typing import Any

from gateway import deciding
from gateway.deciding import NAME
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, example, fields, many, number, or_null, record, text, whole
from gateway.submission import task_from
from infra import embedding
from infra.settings import Settings
from processors.admission import Limits
from schemas.events import TaskSubmitted


async def route(call: Call) -> Reply:
    services, given = call.services, call.given
    if not (given["text"] or "").strip():
        raise Problem(400, "Say in text what is to be done, as in GET /api/route?text=Review+this+code.")
    limits = Limits(services.settings.text_bytes_max, services.settings.items_max)
    asked = {name: given[name] for name in ("text", "skill", "priority", "agent_id", "model", "task_id", "session_id")}
    task = task_from(asked, now_us(), limits=limits)
    known = services.registry
    registries = deciding.Registries(
        known.agents, dict(known.pools), known.skills, known.models, known.experiments, known.weights
    )
    told = await services.slow(_decide, services.settings, registries, task)
    return Reply(deciding.as_fields(told))


def _decide(settings: Settings, registries: deciding.Registries, task: TaskSubmitted) -> deciding.Told:
    return deciding.decide(settings, registries, task, embedding.load(settings.embedder))


# --- the declarations

_TAKEN = ("agent_id", "refusal", "reason", "skill", "complexity", "router", "confidence", "propensity", "alternative")
_TAKEN_TOO = ("model", "steps", "exposures", "settings")


def _answer() -> Schema:
    decision = fields("routing_decision", *_TAKEN, *_TAKEN_TOO, "candidates")
    candidate = decision["candidates"]["items"]
    with_chance = {**candidate["properties"], "propensity": number("Probability with which such tasks go to it.")}
    return record(
        "The decision.",
        {
            **{name: decision[name] for name in _TAKEN},
            "scorer": or_null(text("Learned model that was asked; null when only rules were.")),
            "expected": or_null(number("Quality that it expects of the agent; null when none was asked.")),
            **{name: decision[name] for name in _TAKEN_TOO},
            "candidates": many(record(candidate["description"], with_chance), "Every agent considered, best first."),
            "in_use": or_null(record("The learned model in use.", _IN_USE)),
        },
    )


_IN_USE: dict[str, Schema] = {
    "name": text("Its name; `rules`: the rules alone."),
    "kind": text("`mlp`, `clusters`, …"),
    "promoted_at": or_null(whole("When it was last put to use [µs, UTC]")),
    "samples": whole("Samples it was trained and held to."),
    "embedder": text("Embedder it was trained with."),
    "features": text("Version of the features it was trained with."),
}


def _example() -> dict[str, Any]:
    made: Any = example("routing_decision")
    model: Any = example("routing_model")
    return {
        **{name: made[name] for name in _TAKEN},
        "scorer": made["decided"]["scorer"],
        "expected": made["decided"]["expected"],
        **{name: made[name] for name in _TAKEN_TOO},
        "candidates": [
            {**one, "propensity": chance} for one, chance in zip(made["candidates"], (0.95, 0.05), strict=True)
        ],
        "in_use": {name: model[name] for name in deciding.IN_USE},
    }


PARTS: dict[str, Schema] = {}
ROUTES = [
    Route(
        "GET",
        "/api/route",
        route,
        "viewer",
        "Tell what the line would do with a task now, and why",
        answer=_answer(),
        example=_example,
        doc="Decides as the router does: by the rules, by the learned model in use, by queues and costs. Nothing is "
        "handed in. What is left to chance is drawn by task and session, which are the same when nobody names them.",
        parameters=[
            Parameter("text", "query", text("What is to be done.", minLength=1, maxLength=65_536), "Review this code"),
            Parameter("skill", "query", text("Kind of work asked for.", maxLength=200), "code_review"),
            Parameter("priority", "query", whole("1 (first) to 10 (last).", minimum=1, maximum=10, default=5)),
            Parameter("agent_id", "query", text("Agent asked for by name.", maxLength=200), "code-reviewer"),
            Parameter("model", "query", text("Model asked for.", maxLength=200), "claude-opus-5-5"),
            Parameter("task_id", "query", text("What is left to chance is drawn by it.", maxLength=200, default=NAME)),
            Parameter("session_id", "query", text("Its experiments decide.", maxLength=200, default=NAME)),
        ],
        errors=(400,),
    ),
]
