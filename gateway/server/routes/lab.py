"""The lab: its scenarios, and runs of them that are started, watched, stopped and reported.

Everybody sees them, as they are about no tenant's work; admins start and stop.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from gateway import lab
from gateway.reports.lab import as_markdown
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.defined import READ_BACK_S
from gateway.server.handing_in import USED
from gateway.server.keys import task_id_of
from gateway.server.lookup import cursor_of, place_of
from gateway.server.problems import Problem
from gateway.server.routes.tasks import KEY
from gateway.server.shapes import (
    Schema,
    event,
    example,
    fields,
    flag,
    many,
    number,
    or_null,
    record,
    ref,
    text,
    whole,
)
from infra.front_matter import BadFile
from infra.scenario_file import MINUTES_MAX, TEXT_BYTES_MAX, parse, plan_of
from processors.balancing import BALANCERS
from processors.lab_runs import AGENTS_MAX, AGENTS_MIN, MINUTES_MIN, OVER, SEED_MAX, Runs
from schemas.events import LabCommand, LabRun

FULL_AGAIN_S = 30
"""When to come again while too many wait."""


async def scenarios(call: Call) -> Reply:
    known = call.services.registry
    found = [one for _, one in sorted(known.lab_scenarios.items())]
    return Reply({"scenarios": found, "pace": lab.pace(known.lab_runs.values()), **await _there(call)})


async def check(call: Call) -> Reply:
    try:
        plan = plan_of(parse(lab.OWN, call.body["yaml"]).cut(call.body.get("minutes")))
    except BadFile as bad:
        return Reply({"plan": None, "problems": [{"line": bad.line, "said": bad.said}]})
    return Reply({"plan": plan, "problems": []})


async def runs(call: Call) -> Reply:
    place, limit = place_of(call.given["cursor"]), call.given["limit"]
    found = lab.newest_first(call.services.registry.lab_runs.values())
    if call.given["scenario"] is not None:
        found = [run for run in found if run["asked"]["scenario"] == call.given["scenario"]]
    if place is not None:
        found = [run for run in found if (run["asked_at"], run["run_id"]) < place]
    rows = [lab.row(run) for run in found[:limit]]
    more = None
    if len(found) > limit:
        more = cursor_of({"submitted_at": rows[-1]["asked_at"], "task_id": rows[-1]["run_id"]})
    return Reply({"runs": rows, "next": more, **await _there(call)})


async def start(call: Call) -> Reply:
    services, key = call.services, call.given["Idempotency-Key"]
    asked, plan = lab.asked_of(call.body, services.registry.lab_scenarios)
    run_id = _id_of(call, key) if key else lab.new_run_id()
    known = services.registry.lab_runs.get(run_id)
    if known is None:
        await _somebody_there(call)
        if lab.is_full(services.registry.lab_runs.values()):
            raise Problem(429, lab.FULL, retry_after_s=FULL_AGAIN_S)
        command = lab.start(run_id, asked, call.principal.name, now_us())
        known = await _follows(call, command, lambda run: True)
        # Nobody has answered yet: it stands where the lab will find it.
        known = known or Runs().start(command, plan, "", command["at"])[0]
    if known["asked"] != asked:
        raise Problem(409, USED.replace("task", "run"))
    return Reply(known, 202, {"Location": f"/api/lab/runs/{run_id}"})


async def show(call: Call) -> Reply:
    return Reply(_one(call))


async def tell(call: Call) -> Reply:
    return Reply(as_markdown(_one(call)))


async def stop(call: Call) -> Reply:
    run = _one(call)
    if run["state"] in OVER:
        raise Problem(409, f"The run has {_been(run)} already; nothing is left to stop.")
    await _somebody_there(call)
    command = lab.stop(run["run_id"], call.principal.name, now_us())
    return Reply(await _follows(call, command, lambda now: now["state"] in OVER) or _one(call))


def _been(run: LabRun) -> str:
    return {"stopped": "been stopped"}.get(run["state"], run["state"])


def _one(call: Call) -> LabRun:
    found = call.services.registry.lab_runs.get(call.given["run_id"])
    if found is None:
        raise Problem(404, "There is no run of this id; GET /api/lab/runs lists those that are remembered.")
    return found


def _id_of(call: Call, key: str) -> str:
    """The same key of the same person always means the same run."""
    return task_id_of(f"lab {call.principal.tenant_id}", key, 0).replace("-", "")[:16]


async def _there(call: Call) -> dict[str, Any]:
    count = await call.services.lab.count()
    return {"processes": count, "advice": lab.NOBODY if count == 0 else ""}


async def _somebody_there(call: Call) -> None:
    """Raises Problem when there is nobody, rather than have a run wait for ever."""
    if await call.services.lab.count() == 0:
        raise Problem(503, lab.NOBODY)


async def _follows(call: Call, command: LabCommand, fits: Callable[[LabRun], bool]) -> LabRun | None:
    """The run when the lab has followed, so that who asks next sees it; null when it has not yet, for it will."""
    await call.services.outbox.lab_command(command)
    until = time.monotonic() + READ_BACK_S
    while time.monotonic() < until:
        run = call.services.registry.lab_runs.get(command["run_id"])
        if run is not None and fits(run):
            return run
        await asyncio.sleep(0.02)
    return None


# --- the declarations

_ASKED = {name: schema for name, schema in fields("lab_run")["asked"]["properties"].items() if name != "text"}
_ROW: dict[str, Schema] = {
    **fields("lab_run", "run_id", "state", "asked_at", "asked_by", "started_at", "over_at", "reason"),
    **fields("lab_run", "simulated_minutes", "handed_in"),
    **{name: _ASKED[name] for name in ("scenario", "agents", "seed", "balancer", "scaling", "quick")},
    "own": flag("Whether the scenario is one's own, given with the run."),
    "minutes": or_null(number("How long tasks come; null: the scenario makes no sense [simulated min]")),
    "targets": or_null(whole("How many targets its report holds it to; null: it has not ended.")),
    "targets_held": or_null(whole("How many of them hold; null: it has not ended.")),
}
_THERE: dict[str, Schema] = {
    "processes": or_null(whole("How many lab processes there are; 0: nothing is run; null: Kafka does not say.")),
    "advice": text("What to do when there is none; else empty."),
}
_PACE = record(
    "How long a run may take.",
    {
        "tasks_per_s": number("Tasks that a second simulates here."),
        "measured": flag("Whether the newest runs told it; false: it is a guess."),
    },
)
PARTS: dict[str, Schema] = {
    "LabScenario": event("lab_scenario"),
    "LabRun": event("lab_run"),
    "LabRunRow": record("A run in a list.", _ROW),
}
_ID = Parameter("run_id", "path", text("a run's id", minLength=1, maxLength=64), example("lab_run")["run_id"])
_YAML = text(
    "A scenario of your own, in the format of lab/scale/scenarios; its mistakes are told with their line.",
    maxLength=TEXT_BYTES_MAX,
)
_MINUTES = number("Only the first so many simulated minutes.", minimum=MINUTES_MIN, maximum=MINUTES_MAX)
_NEW = record(
    "What is to be run.",
    {
        "scenario": text("Name of a scenario; with `yaml`, what yours is called.", maxLength=40),
        "yaml": _YAML,
        "agents": whole("Instances the fleet begins with; 200 by default.", minimum=AGENTS_MIN, maximum=AGENTS_MAX),
        "seed": whole("The same seed brings the same tasks; 0 by default.", minimum=0, maximum=SEED_MAX),
        "minutes": or_null(_MINUTES),
        "balancer": or_null(text("How instances are chosen; as shipped by default.", enum=list(BALANCERS))),
        "scaling": flag("Whether the autoscaler changes sizes; true by default."),
        "quick": flag(
            "Whether stretches of which one minute is like another are passed over, and told as an estimate; false by "
            "default."
        ),
    },
    optional=("scenario", "yaml", "agents", "seed", "minutes", "balancer", "scaling", "quick"),
)
_PROBLEM = record(
    "A mistake.",
    {"line": or_null(whole("Line of the text, from 1.")), "said": text("What is wrong, and what is accepted.")},
)


def _run_example() -> dict[str, Any]:
    return example("lab_run")


def _there_example() -> dict[str, Any]:
    return {"processes": 1, "advice": ""}


def _own_example() -> str:
    return str(example("lab_scenario")["text"])


ROUTES = [
    Route(
        "GET",
        "/api/lab/scenarios",
        scenarios,
        "viewer",
        "List the scenarios: what comes and what is broken meanwhile, before anything runs",
        answer=record("The scenarios.", {"scenarios": many(ref("LabScenario"), "By name."), "pace": _PACE, **_THERE}),
        example=lambda: {
            "scenarios": [example("lab_scenario")],
            "pace": {"tasks_per_s": 2000.0, "measured": False},
            **_there_example(),
        },
        doc="They run in virtual time on the line's own decisions; the line itself is not touched.",
    ),
    Route(
        "POST",
        "/api/lab/check",
        check,
        "admin",
        "Tell what a scenario of one's own comes to, or what is wrong with it, without running it",
        answer=record(
            "The plan, or the mistake.",
            {
                "plan": {"anyOf": [event("lab_scenario")["properties"]["plan"], {"type": "null"}]},
                "problems": many(_PROBLEM, "None: it can be run."),
            },
        ),
        example=lambda: {"plan": example("lab_scenario")["plan"], "problems": []},
        body=record("The scenario.", {"yaml": _YAML, "minutes": or_null(_MINUTES)}, optional=("minutes",)),
        body_examples=lambda: {"a scenario": {"yaml": _own_example()}},
    ),
    Route(
        "GET",
        "/api/lab/runs",
        runs,
        "viewer",
        "List the runs, newest first",
        answer=record(
            "A page.",
            {
                "runs": many(ref("LabRunRow"), "The newest first."),
                "next": or_null(text("The cursor of the next page; null at the end.")),
                **_THERE,
            },
        ),
        example=lambda: {"runs": [lab.row(cast(LabRun, _run_example()))], "next": None, **_there_example()},
        doc="The newest 100 that are over are remembered.",
        parameters=[
            Parameter("scenario", "query", text("only of this scenario", maxLength=40), "burst"),
            Parameter("cursor", "query", text("The `next` of the page before.", maxLength=1000)),
            Parameter("limit", "query", whole("at most so many", minimum=1, maximum=100, default=50), 50),
        ],
    ),
    Route(
        "POST",
        "/api/lab/runs",
        start,
        "admin",
        "Start a run",
        answer=ref("LabRun"),
        example=_run_example,
        doc="One runs at a time, at low priority, and up to ten wait. The same arguments give the same result. "
        "503: no lab process is there. 429: too many wait.",
        parameters=[KEY],
        body=_NEW,
        body_examples=lambda: {
            "one of ours": {"scenario": "burst", "agents": 200, "seed": 7, "minutes": 20},
            "one of your own": {"scenario": "mine", "yaml": _own_example(), "balancer": "adaptive", "scaling": False},
        },
        status=202,
        errors=(409,),
    ),
    Route(
        "GET",
        "/api/lab/runs/{run_id}",
        show,
        "viewer",
        "Tell a run: how far it has come, how it went so far, and its report once it has ended",
        answer=ref("LabRun"),
        example=_run_example,
        parameters=[_ID],
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/lab/runs/{run_id}/markdown",
        tell,
        "viewer",
        "Tell a run as a document",
        answer=text("Markdown."),
        example=lambda: as_markdown(cast(LabRun, _run_example())),
        parameters=[_ID],
        errors=(404,),
        media_type="text/markdown",
    ),
    Route(
        "POST",
        "/api/lab/runs/{run_id}/stop",
        stop,
        "admin",
        "Stop a run that waits or runs",
        answer=ref("LabRun"),
        example=_run_example,
        doc="Its report is never made; how it went until then stays.",
        parameters=[_ID],
        errors=(404, 409),
    ),
]
