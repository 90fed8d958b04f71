"""A/B experiments on the line. They look at all tenants' tasks and change how these are worked on, so they are for
admins. Each change is made from the experiment's newest record, or not at all."""

import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, get_args

from gateway.errors import BadInput
from gateway.experiments import Asked, change, in_a_sentence, now_us
from gateway.experiments import create as write_draft
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.paging import NEXT, page, paged
from gateway.server.problems import Problem
from gateway.server.shapes import (
    Schema,
    event,
    example,
    flag,
    many,
    number,
    or_null,
    record,
    ref,
    text,
    whole,
)
from infra import experiments
from infra.settings import Settings, varying
from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS
from schemas.events import Experiment, ExperimentMode, ExperimentUnit, ExperimentVerdict

READ_BACK_S = 3.0
"""How long a change may take to be read back until it is answered all the same."""
LOOKS_MAX = 500
"""Verdicts that are told: three weeks of hourly ones."""

Act = Callable[[Experiment, dict[str, Experiment], dict[str, Any], str], Experiment]
"""The newest record, all others, what was sent, and by whom: the next record."""


async def list_experiments(call: Call) -> Reply:
    said = await call.services.slow(experiments.verdicts, call.services.settings)
    known = sorted(call.services.registry.experiments.values(), key=lambda e: e["created_at"], reverse=True)
    shown, cursor = page(call, known, "experiment")
    return Reply({"experiments": [{**one, "verdict": said.get(one["experiment"])} for one in shown], "next": cursor})


async def show(call: Call) -> Reply:
    return Reply(await call.services.slow(_shown, call.services.settings, call.given["name"]))


def _shown(settings: Settings, name: str) -> dict[str, Any]:
    changes = experiments.history(settings, name)
    if not changes:
        raise _unknown()
    return _told(changes, experiments.verdicts_on(settings, name)[-LOOKS_MAX:])


def _told(changes: list[Experiment], said: list[ExperimentVerdict]) -> dict[str, Any]:
    one, verdict = changes[-1], said[-1] if said else None
    first = (
        [figure for figure in verdict["figures"] if figure["metric"] == verdict["figures"][0]["metric"]]
        if verdict
        else []
    )
    return {
        "experiment": one,
        "changes": changes,
        "verdict": verdict,
        "verdicts": said,
        "sentence": in_a_sentence(one, verdict),
        "sample_ratio": {
            "p": verdict["srm_p"] if verdict else None,
            "alarm": verdict is not None and verdict["verdict"] == "invalid",
            "units": {figure["arm"]: figure["units"] for figure in first},
            "planned": {arm["name"]: arm["share"] / BUCKETS for arm in one["arms"]},
        },
        "guardrails": {
            "metrics": one["guardrails"],
            "stopped": [
                {"arm": arm, "at": after["at"], "reason": after["reason"]}
                for before, after in pairwise(changes)
                for arm in _stopped(after) - _stopped(before)
            ],
        },
    }


def _stopped(one: Experiment) -> set[str]:
    return {arm["name"] for arm in one["arms"] if arm["stopped"]}


async def report(call: Call) -> Reply:
    return Reply(await call.services.slow(_reported, call.services.settings, call.given["name"], call.given["as_of"]))


def _reported(settings: Settings, name: str, as_of: int | None) -> dict[str, Any]:
    from gateway.reports.told import data_of  # numpy and scipy: 60 MB that a gateway without experiments does not need
    from gateway.telling import told

    if name not in experiments.read(settings):
        raise _unknown()
    return data_of(told(settings, name, as_of))


async def create(call: Call) -> Reply:
    made = await call.services.slow(_created, call.services.settings, call.body, call.principal.name)
    return Reply(made, 201, {"Location": f"/api/experiments/{made['experiment']}"})


def _created(settings: Settings, body: dict[str, Any], by: str) -> Experiment:
    from infra.warehouse.exposed import COLUMNS
    from processors.experiments import line
    from processors.experiments.estimates import BadData

    metrics, guardrails = body.get("metrics") or line.METRICS, body.get("guardrails", [])
    covariates = body.get("covariates", line.COVARIATES)
    try:
        line.checked([*metrics, *guardrails, *covariates], list(COLUMNS))
    except BadData as error:
        raise BadInput(str(error)) from error
    asked = Asked(
        by=by,
        name=body["name"],
        parameter=body["parameter"],
        arms=[f"{name}={value}" for name, value in body["arms"].items()],
        split=body.get("split"),
        unit=body.get("unit", "session"),
        layer=body.get("layer"),
        traffic=body.get("traffic", 1.0),
        metrics=metrics,
        guardrails=guardrails,
        covariates=covariates,
        cluster=body.get("cluster"),
        mode=body.get("mode", "sequential"),
        days=body.get("days", 14.0),
        adopt_winner=body.get("adopt_winner", False),
        question=body.get("question", ""),
    )
    return _readable(settings, write_draft(settings, asked))


def changing(act: Act) -> Callable[[Call], Awaitable[Reply]]:
    """The handler of a change."""

    async def handler(call: Call) -> Reply:
        settings, name = call.services.settings, call.given["name"]
        return Reply(await call.services.slow(_changed, settings, name, call.body, call.principal.name, act))

    return handler


def _changed(settings: Settings, name: str, body: dict[str, Any], by: str, act: Act) -> Experiment:
    if name not in experiments.read(settings):
        raise _unknown()
    return _readable(settings, change(settings, name, lambda one, known: act(one, known, body, by)))


def _readable(settings: Settings, made: Experiment) -> Experiment:
    """Once everybody can read it: a transaction that is committed is closed in the topic a moment later."""
    until = time.monotonic() + READ_BACK_S
    while time.monotonic() < until:
        known = experiments.read(settings).get(made["experiment"])
        if known is not None and known["version"] >= made["version"]:
            break
        time.sleep(0.02)
    return made


async def adopt(call: Call) -> Reply:
    settings = call.services.settings

    def act(one: Experiment, _known: dict[str, Experiment], body: dict[str, Any], by: str) -> Experiment:
        if body.get("none"):
            return lifecycle.given_back(one, now_us(), by, _why(body))
        arm = body.get("arm") or _winner(settings, one["experiment"])
        return lifecycle.adopted(one, arm, now_us(), by, _why(body))

    return await changing(act)(call)


def _winner(settings: Settings, name: str) -> str:
    verdict = experiments.verdicts(settings).get(name)
    if verdict is None or verdict["winner"] is None:
        raise BadInput("There is no winner yet: name the arm.")
    return verdict["winner"]


def _unknown() -> Problem:
    return Problem(404, "There is no experiment of this name; GET /api/experiments lists them.")


# --- the declarations

_VERDICT: Schema = {"anyOf": [ref("ExperimentVerdict"), {"type": "null"}]}
_NAMES = {"type": "array", "items": {"type": "string"}, "maxItems": 50}
NEW: Schema = record(
    "What is to be found out. Left out, a field is as in `headway experiment create --help`.",
    {
        "name": text("Its name: a-z, 0-9, _ and -.", maxLength=63),
        "parameter": text("Setting of the line to vary.", enum=varying()),
        "arms": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 10_000},
            "description": "Arms with their values; without one called control, it is added with the value of now.",
        },
        "question": text("What it is to find out, in words.", maxLength=2000),
        "split": {
            "type": "object",
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            "description": "Shares of all arms, control included; equal when left out.",
        },
        "unit": text("What is assigned to an arm.", enum=[u for u in get_args(ExperimentUnit) if u != "unknown"]),
        "layer": text("Experiments of a layer share its units.", maxLength=200),
        "traffic": number("Share of the layer's units that take part.", minimum=0.001, maximum=1),
        "metrics": _NAMES | {"description": "What to compare: NAME[:KIND][:lower]."},
        "guardrails": _NAMES | {"description": "What must not get worse."},
        "covariates": _NAMES | {"description": "What is known before."},
        "cluster": or_null(text("Groups of units that are alike.", enum=["session_id", "tenant_id"])),
        "mode": text("How it is judged.", enum=[m for m in get_args(ExperimentMode) if m != "unknown"]),
        "days": number("How long it runs.", exclusiveMinimum=0, maximum=365),
        "adopt_winner": flag("Whether a winner is adopted without asking."),
    },
    optional=(
        *("question", "split", "unit", "layer", "traffic", "metrics", "guardrails", "covariates", "cluster"),
        *("mode", "days", "adopt_winner"),
    ),
)
_WHY = {"reason": text("Why, in words, for those who ask later.", maxLength=1000)}
_REASON = record("Why.", _WHY, optional=("reason",))
_EXTENSION = record(
    "How much longer.",
    {"days": number("Days more.", exclusiveMinimum=0, maximum=365), **_WHY},
    optional=("reason",),
)
_ADOPTION = record(
    "Which arm.",
    {
        "arm": text("Arm whose value the line works with from now on; else the winner of the last verdict."),
        "none": flag("True: what was adopted is given back."),
        **_WHY,
    },
    optional=("arm", "none", "reason"),
)
PARTS: dict[str, Schema] = {
    "Experiment": event("experiment"),
    "ExperimentVerdict": event("experiment_verdict"),
    "NewExperiment": NEW,
}
_NAME = Parameter("name", "path", text("an experiment's name", maxLength=63), example("experiment")["experiment"])


def _example_new() -> dict[str, Any]:
    made = example("experiment")
    arms = {arm["name"]: arm["value"] for arm in made["arms"] if arm["name"] != "control"}
    return {"name": made["experiment"], "parameter": made["parameter"], "arms": arms, "question": made["question"]}


def _example_told() -> dict[str, Any]:
    return _told([example("experiment")], [example("experiment_verdict")])  # type: ignore[list-item]


def _change(
    verb: str,
    summary: str,
    act: Act,
    body: Schema = _REASON,
    shown: dict[str, Any] | None = None,
    optional: bool = True,
) -> Route:
    return Route(
        "POST",
        f"/api/experiments/{{name}}/{verb}",
        changing(act),
        "admin",
        summary,
        answer=ref("Experiment"),
        example=lambda: example("experiment"),
        parameters=[_NAME],
        body=body,
        body_examples=lambda: {verb: shown or {"reason": "as agreed on Monday"}},
        body_optional=optional,
        errors=(404, 409),
    )


def _why(body: dict[str, Any]) -> str:
    return str(body.get("reason", ""))


ROUTES = [
    Route(
        "GET",
        "/api/experiments",
        list_experiments,
        "admin",
        "List the experiments, newest first",
        answer=record(
            "The experiments.",
            {
                "experiments": many(
                    {
                        **event("experiment"),
                        "properties": event("experiment")["properties"] | {"verdict": _VERDICT},
                    },
                    "Each with the newest verdict on it.",
                ),
                "next": NEXT,
            },
        ),
        example=lambda: {
            "experiments": [example("experiment") | {"verdict": example("experiment_verdict")}],
            "next": None,
        },
        parameters=paged(),
    ),
    Route(
        "POST",
        "/api/experiments",
        create,
        "admin",
        "Draft an experiment",
        answer=ref("Experiment"),
        example=lambda: example("experiment"),
        doc="Until it is started it changes nothing, and may be drafted anew under its name.",
        body=ref("NewExperiment"),
        body_examples=lambda: {"two values of a setting": _example_new()},
        status=201,
        errors=(409,),
    ),
    Route(
        "GET",
        "/api/experiments/{name}",
        show,
        "admin",
        "Tell an experiment's plan, every change of it, and what it has said so far",
        answer=record(
            "The experiment.",
            {
                "experiment": ref("Experiment"),
                "changes": many(ref("Experiment"), "Its record after each change, oldest first."),
                "verdict": _VERDICT,
                "verdicts": many(
                    ref("ExperimentVerdict"),
                    f"The newest {LOOKS_MAX}, oldest first: the effects with their intervals, over time.",
                ),
                "sentence": text("What it says, in a sentence."),
                "sample_ratio": record(
                    "Whether the arms have the shares of units that were planned.",
                    {
                        "p": or_null(number("Of the chi-square test; null with too few data.")),
                        "alarm": flag("True: they have not, and no effect can be believed."),
                        "units": {
                            "type": "object",
                            "additionalProperties": {"type": "integer"},
                            "description": "Units by arm with a value of the first metric.",
                        },
                        "planned": {
                            "type": "object",
                            "additionalProperties": {"type": "number"},
                            "description": "Planned share by arm.",
                        },
                    },
                ),
                "guardrails": record(
                    "What must not get worse. Its figures are in the report.",
                    {
                        "metrics": many(text(""), "As they were written."),
                        "stopped": many(
                            record(
                                "An arm that was stopped.",
                                {
                                    "arm": text("The arm."),
                                    "at": whole("When [µs, UTC]"),
                                    "reason": text("Why, with the guardrail."),
                                },
                            ),
                            "Arms that were certainly worse on one.",
                        ),
                    },
                ),
            },
        ),
        example=_example_told,
        parameters=[_NAME],
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/experiments/{name}/report",
        report,
        "admin",
        "Report on an experiment, from the warehouse",
        answer={"type": "object", "description": "As `headway experiment report --format json` writes it."},
        example=lambda: {"name": example("experiment")["experiment"], "verdict": "winner", "winner": "adaptive"},
        parameters=[
            _NAME,
            Parameter("as_of", "query", whole("With the data up to this time [µs, UTC]", minimum=0)),
        ],
        errors=(404, 409),
    ),
    _change(
        "start",
        "Start a draft: from now on its units get their arms",
        lambda one, known, body, by: lifecycle.started(one, known, now_us(), by, _why(body)),
    ),
    _change(
        "pause",
        "Pause: tasks get what the line has, units and data are kept",
        lambda one, known, body, by: lifecycle.paused(one, now_us(), by, _why(body)),
    ),
    _change(
        "resume",
        "Go on: every unit has the arm it had",
        lambda one, known, body, by: lifecycle.resumed(one, now_us(), by, _why(body)),
    ),
    _change(
        "stop",
        "End it for good, whatever it says",
        lambda one, known, body, by: lifecycle.stopped(one, now_us(), by, _why(body)),
    ),
    _change(
        "extend",
        "Let it run longer; one that is over runs again",
        lambda one, known, body, by: lifecycle.extended(one, known, body["days"], now_us(), by, _why(body)),
        _EXTENSION,
        {"days": 7},
        optional=False,
    ),
    Route(
        "POST",
        "/api/experiments/{name}/adopt",
        adopt,
        "admin",
        "Make the line work with an arm's value, for every task",
        answer=ref("Experiment"),
        example=lambda: example("experiment"),
        parameters=[_NAME],
        body=_ADOPTION,
        body_examples=lambda: {"an arm": {"arm": "adaptive"}, "back": {"none": True}},
        body_optional=True,
        errors=(404, 409),
    ),
]
