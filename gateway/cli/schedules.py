"""`headway schedules`: work that is handed in again and again, when it is due, and how its runs ended."""

import getpass
from typing import Any

import click

from gateway import schedules as of_schedules
from gateway.cli import defined
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.history import newest_by_key, reach
from gateway.sending import now_us
from gateway.units import moment
from infra.definitions import SCHEDULE
from infra.registry import RUNS
from infra.settings import Settings, load_settings
from processors.scheduling.due import in_words
from schemas.events import ScheduledRun

name_argument = click.argument("name")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def schedules(ctx: click.Context, as_json: bool) -> None:
    """Show the schedules: when each is due next, and how its last run ended.

    Example: headway schedules
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@schedules.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the schedules, as `headway schedules` does.

    Example: headway schedules list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    found, kept, now = defined.known(SCHEDULE, settings), _kept(settings), now_us()
    seen = [of_schedules.shown(found[name], kept.get(name), now) for name in sorted(found)]
    if as_json:
        for one in seen:
            print_json(one)
        return
    table(
        ["schedule", "runs", "next due", "last run", "it is", "description"],
        (
            [
                one["definition"]["schedule"],
                in_words(one["definition"]),
                _next(one),
                _at(one["runs"][0]["submitted_at"]) if one["runs"] else None,
                _ended(one["runs"][0]) if one["runs"] else None,
                one["definition"]["description"],
            ]
            for one in seen
        ),
        giving=["description"],
    )
    defined.tell_problems(settings)


@schedules.command()
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one schedule: what it hands in and when, and its last runs.

    Example: headway schedules show daily-report
    """
    settings = load_settings()
    reach(settings)
    schedule: Any = defined.one_of(SCHEDULE, settings, name)
    seen = of_schedules.shown(schedule, _kept(settings).get(name), now_us())
    if as_json:
        print_json(seen)
        return
    facts = {
        "description": schedule["description"],
        "runs": in_words(schedule),
        "next due": _next(seen),
        "missed runs": schedule["missed"],
        "over an open run": schedule["overlap"],
        "passed over": f"{seen['passed_over']:,}",
        "priority": schedule["priority"],
        "agent": schedule["agent"],
        "skill": schedule["skill"],
        "tenant": schedule["tenant"],
        "escalates": _escalates(schedule["escalate"]),
        "published": moment(schedule["updated_at"]),
    }
    table(["", ""], ([key, value] for key, value in facts.items()), fold=True)
    say()
    say(schedule["text"])
    if seen["runs"]:
        say()
        table(
            ["task", "due", "handed in", "it is", "error"],
            ([r["task_id"], _at(r["due_at"]), _at(r["submitted_at"]), _ended(r), r["error"]] for r in seen["runs"]),
        )


@schedules.command()
@name_argument
def run(name: str) -> None:
    """Hand in a run now, besides those that are due.

    Example: headway schedules run daily-report
    """
    settings = load_settings()
    reach(settings)
    defined.one_of(SCHEDULE, settings, name)
    task_id = of_schedules.run_now(settings, name, getpass.getuser())
    say(task_id)
    remark(f"`headway task {task_id} --follow` tells what becomes of it.")


@schedules.command()
@name_argument
def pause(name: str) -> None:
    """Run a schedule no more until it is resumed; what is due meanwhile is not made up for.

    Example: headway schedules pause daily-report
    """
    _switch(name, False)
    say(f"{name} is paused.")


@schedules.command()
@name_argument
def resume(name: str) -> None:
    """Let a schedule run that is paused, as those that are shipped are.

    Example: headway schedules resume daily-report
    """
    due = of_schedules.next_due(_switch(name, True), now_us())
    say(f"{name} runs; it is due next at {_at(due)}." if due else f"{name} runs.")


def _switch(name: str, enabled: bool) -> Any:
    settings = load_settings()
    reach(settings)
    published: Any = defined.one_of(SCHEDULE, settings, name)
    if published["enabled"] != enabled:
        of_schedules.switch(settings, published, enabled)
    return {**published, "enabled": enabled}


defined.keeping(schedules, SCHEDULE, "nightly-review", "daily-report")


def _kept(settings: Settings) -> dict[str, Any]:
    return {one["schedule"]: one for one in newest_by_key(settings, RUNS).values()}


def _next(seen: dict[str, Any]) -> str | None:
    if not seen["definition"]["enabled"]:
        return "paused"
    return _at(seen["next_due_at"]) if seen["next_due_at"] else None


def _at(us: int) -> str:
    return moment(us).replace(".000Z", "Z")


def _ended(run: ScheduledRun) -> str:
    return run["status"] or "open"


def _escalates(escalate: Any) -> str | None:
    if escalate is None:
        return None
    to = [f"priority {escalate['priority']}" if escalate["priority"] else "", escalate["agent"] or ""]
    return f"after {escalate['after_failures']} in a row that did not complete, to {' and '.join(filter(None, to))}"
