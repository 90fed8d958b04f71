"""Runs of the lab as people ask for them and want to see them. Pure."""

import secrets
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from gateway.errors import BadInput
from infra.front_matter import BadFile
from infra.scenario_file import NAME, NAME_ACCEPTED, parse, plan_of
from processors.lab_runs import OVER, WAITING_MAX
from schemas.events import LabAsked, LabCommand, LabPlan, LabRun, LabScenario

STATES = ("waiting", "running", *OVER)
NOBODY = (
    "No lab process is there to run it: set labs to 1 (HEADWAY_LABS=1) and start the line again, or start "
    "`python -m lab.service` beside it."
)
FULL = f"{WAITING_MAX} runs of the lab wait already: stop one of them, or ask again when some are over."
OWN = "mine"
"""A scenario of one's own that has no name."""
PACE = 2_000.0
"""Tasks that a second simulates, as long as no run has told it."""
PACE_TASKS_MIN = 5_000
"""A shorter run tells of its start."""
PACE_RUNS = 5
_ROW = ("run_id", "state", "asked_at", "asked_by", "started_at", "over_at", "reason", "simulated_minutes", "handed_in")


def new_run_id() -> str:
    return secrets.token_hex(8)


def newest_first(runs: Iterable[LabRun]) -> list[LabRun]:
    return sorted(runs, key=lambda run: (run["asked_at"], run["run_id"]), reverse=True)


def row(run: LabRun) -> dict[str, Any]:
    """A run in a list: without what its report and its course say."""
    asked, report = run["asked"], run["report"]
    return {
        **{name: run[name] for name in _ROW},  # type: ignore[literal-required]
        "scenario": asked["scenario"],
        "own": asked["text"] is not None,
        "agents": asked["agents"],
        "seed": asked["seed"],
        "balancer": asked["balancer"],
        "scaling": asked["scaling"],
        "quick": asked["quick"],
        "minutes": run["plan"]["minutes"] if run["plan"] else None,
        "targets": len(report["targets"]) if report else None,
        "targets_held": sum(target["holds"] for target in report["targets"]) if report else None,
    }


def asked_of(given: Mapping[str, Any], scenarios: Mapping[str, LabScenario]) -> tuple[LabAsked, LabPlan]:
    """What somebody asks for, with all that they left out, and what it comes to. Raises BadInput."""
    name, text = given.get("scenario"), given.get("yaml")
    if text is None:
        if name is None:
            raise BadInput("Say which `scenario`, or give one of your own as `yaml`.")
        if name not in scenarios:
            raise BadInput(f"There is no scenario {name}; there are {', '.join(sorted(scenarios)) or 'none yet'}.")
        plan = _plan(name, scenarios[name]["text"], given)
    else:
        name = OWN if name is None else name
        if not NAME.fullmatch(name):
            raise BadInput(f"A scenario's name is {NAME_ACCEPTED}, not {name!r}.")
        plan = _plan(name, text, given)
    minutes = given.get("minutes")
    asked: LabAsked = {
        "scenario": name,
        "text": text,
        "agents": given.get("agents", 200),
        "seed": given.get("seed", 0),
        "minutes": None if minutes is None else float(minutes),
        "balancer": given.get("balancer"),
        "scaling": given.get("scaling", True),
        "quick": given.get("quick", False),
    }
    return asked, plan


def _plan(name: str, text: str, given: Mapping[str, Any]) -> LabPlan:
    try:
        return plan_of(parse(name, text, name).cut(given.get("minutes")))
    except BadFile as bad:
        raise BadInput(f"{bad}.") from None


def start(run_id: str, asked: LabAsked, by: str, now: int) -> LabCommand:
    made: LabCommand = {
        "event_id": f"{run_id}/start",
        "run_id": run_id,
        "kind": "start",
        "asked": asked,
        "at": now,
        "by": by,
    }
    return made


def stop(run_id: str, by: str, now: int) -> LabCommand:
    return {"event_id": f"{run_id}/stop/{now}", "run_id": run_id, "kind": "stop", "asked": None, "at": now, "by": by}


def is_full(runs: Iterable[LabRun]) -> bool:
    return sum(run["state"] == "waiting" for run in runs) >= WAITING_MAX


def pace(runs: Iterable[LabRun]) -> dict[str, Any]:
    """How many tasks a second simulates here, by the newest whole runs; `measured` false: it is a guess."""
    rates = []
    for run in newest_first(one for one in runs if not one["asked"]["quick"]):
        began, over, report = run["started_at"], run["over_at"], run["report"]
        if began and over and over > began and report and report["handed_in"] >= PACE_TASKS_MIN:
            rates.append(report["handed_in"] / ((over - began) / 1_000_000))
    found = median(rates[:PACE_RUNS]) if rates else PACE
    return {"tasks_per_s": round(found, 1), "measured": bool(rates)}
