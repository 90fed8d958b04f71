"""`headway lab`: scenarios in virtual time, run by the lab of the line: started, watched, stopped, reported."""

import getpass
import time
from pathlib import Path
from typing import Any

import click

from gateway import lab as of_lab
from gateway.cli.output import console, json_option, print_json, remark, say, table
from gateway.errors import BadInput, GatewayError
from gateway.history import newest_by_key, reach
from gateway.ids import named
from gateway.reports.lab import as_text
from gateway.sending import Sender, now_us
from gateway.units import duration, many, moment
from infra import kafka
from infra.registry import LAB_RUNS, LAB_SCENARIOS
from infra.settings import Settings, load_settings
from processors.balancing import BALANCERS
from processors.lab_runs import AGENTS_MAX, AGENTS_MIN, MINUTES_MIN, OVER, SEED_MAX
from schemas.events import LabCommand, LabRun

LOOK_S = 0.5
FOLLOWS_S = 15.0
"""How long the lab may take to follow: longer than another process needs to take over."""
SHOWN = 15
run_argument = click.argument("run")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def lab(ctx: click.Context, as_json: bool) -> None:
    """Show what the lab can run, and its runs: scenarios in virtual time, on the line's own decisions.

    Example: headway lab
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@lab.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the scenarios and the runs, as `headway lab` does.

    Example: headway lab list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = _line()
    scenarios, runs = _known(settings, LAB_SCENARIOS), of_lab.newest_first(_known(settings, LAB_RUNS).values())
    if as_json:
        for one in [*scenarios.values(), *map(of_lab.row, runs)]:
            print_json(one)
        return
    shown = [one for _, one in sorted(scenarios.items()) if not one["removed"]]
    table(
        ["scenario", "minutes", "faults", "about"],
        ([o["scenario"], f"{o['plan']['minutes']:,g}", len(o["plan"]["faults"]), o["plan"]["about"]] for o in shown),
        right=["minutes", "faults"],
    )
    say()
    table(
        ["run", "scenario", "instances", "minutes", "seed", "it is", "targets", "asked for", "by"],
        (_cells(of_lab.row(run)) for run in runs[:SHOWN]),
        right=["instances", "minutes", "seed"],
        giving=["by", "asked for"],
    )
    if len(runs) > SHOWN:
        remark(f"and {many(len(runs) - SHOWN, 'older run')} (--json has all)")
    if not kafka.members(settings, kafka.LAB_GROUP):
        remark(of_lab.NOBODY)


@lab.command()
@click.argument("scenario")
@click.option(
    "--agents", type=click.IntRange(AGENTS_MIN, AGENTS_MAX), default=200, show_default=True, help="Instances."
)
@click.option(
    "--seed",
    type=click.IntRange(0, SEED_MAX),
    default=0,
    show_default=True,
    help="The same seed brings the same tasks.",
)
@click.option("--minutes", type=click.FloatRange(MINUTES_MIN), help="Only the first so many; else the whole scenario.")
@click.option("--balancer", type=click.Choice(list(BALANCERS)), help="How instances are chosen; else as shipped.")
@click.option("--scaling/--no-scaling", default=True, show_default=True, help="Whether the autoscaler changes sizes.")
@click.option("--quick", is_flag=True, help="Pass over stretches of which one minute is like another.")
@click.option("--wait", is_flag=True, help="Tell how it goes, and its report at the end.")
@json_option
def run(scenario: str, wait: bool, as_json: bool, **options: Any) -> None:
    """Run a SCENARIO: one of `headway lab`, or a YAML file of yours.

    AGENTS are the instances that the fleet begins with; the same SEED brings the same tasks and mishaps.
    With --wait the exit code is 1 when a target does not hold, or when there is no report.

    Example: headway lab run burst --agents 500 --minutes 20 --wait
    """
    settings = _line()
    given = {name: value for name, value in options.items() if value is not None} | _chosen(scenario)
    asked, _ = of_lab.asked_of(given, _known(settings, LAB_SCENARIOS))
    if not kafka.members(settings, kafka.LAB_GROUP):
        raise GatewayError(of_lab.NOBODY)
    if of_lab.is_full(_known(settings, LAB_RUNS).values()):
        raise GatewayError(of_lab.FULL)
    command = of_lab.start(of_lab.new_run_id(), asked, getpass.getuser(), now_us())
    found = _asked(settings, command, lambda one: True)
    if wait:
        found = _until_over(settings, found)
        _tell(found, as_json)
        report = found["report"]
        raise SystemExit(0 if report and all(target["holds"] for target in report["targets"]) else 1)
    if as_json:
        print_json(found)
        return
    say(found["run_id"])
    remark(f"`headway lab show {found['run_id']}` tells how it goes.")


@lab.command()
@run_argument
@json_option
def show(run: str, as_json: bool) -> None:
    """Show a run: how far it is, and its report once it has ended. Its id may be given in part.

    Example: headway lab show 5f2c1a77b0e4
    """
    _tell(_one(_line(), run), as_json)


@lab.command()
@run_argument
def stop(run: str) -> None:
    """Stop a run that waits or runs.

    Example: headway lab stop 5f2c1a77b0e4
    """
    settings = _line()
    found = _one(settings, run)
    if found["state"] in OVER:
        raise GatewayError(f"{found['run_id']} is over: {found['state']}.")
    if not kafka.members(settings, kafka.LAB_GROUP):
        raise GatewayError(of_lab.NOBODY)
    command = of_lab.stop(found["run_id"], getpass.getuser(), now_us())
    over = _asked(settings, command, lambda one: one["state"] in OVER)
    say(f"{over['run_id']} is {over['state']}.")


def _line() -> Settings:
    settings = load_settings()
    reach(settings)
    return settings


def _known(settings: Settings, topic: str) -> dict[str, Any]:
    return {key.decode(errors="replace"): one for key, one in newest_by_key(settings, topic).items()}


def _one(settings: Settings, part: str) -> LabRun:
    runs = _known(settings, LAB_RUNS)
    found = named(part, runs, "run")
    if found is None:
        raise GatewayError(f"There is no run {part}; `headway lab` lists those that are remembered.")
    one: LabRun = runs[found]
    return one


def _chosen(scenario: str) -> dict[str, str]:
    path = Path(scenario)
    if path.suffix not in (".yaml", ".yml"):
        return {"scenario": scenario}
    try:
        return {"scenario": path.stem, "yaml": path.read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{scenario} cannot be read: {error}.") from None


def _asked(settings: Settings, command: LabCommand, fits: Any) -> LabRun:
    """The run once the lab has followed."""
    Sender(settings).lab_command(command)
    until = time.monotonic() + FOLLOWS_S
    while time.monotonic() < until:
        found: LabRun | None = _known(settings, LAB_RUNS).get(command["run_id"])
        if found is not None and fits(found):
            return found
        time.sleep(LOOK_S / 5)
    raise GatewayError(f"The lab does not answer yet; `headway lab show {command['run_id']}` tells when it has.")


def _until_over(settings: Settings, found: LabRun) -> LabRun:
    told = ""
    while found["state"] not in OVER:
        words: str = found["state"]
        if found["state"] == "running" and found["plan"]:
            share = found["simulated_minutes"] / found["plan"]["minutes"]
            words = f"{min(1, share):4.0%}, minute {found['simulated_minutes']:,g}, {many(found['handed_in'], 'task')}"
        if words != told:
            remark(words)
        elif not kafka.members(settings, kafka.LAB_GROUP):
            remark(of_lab.NOBODY)
        told = words
        time.sleep(LOOK_S)
        found = _known(settings, LAB_RUNS)[found["run_id"]]
    return found


def _tell(found: LabRun, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(as_text(found, width=max(60, console.width), colour=console.is_terminal), nl=False)


def _cells(row: dict[str, Any]) -> list[Any]:
    state: str = row["state"]
    if state == "running" and row["minutes"]:
        state = f"running, {row['simulated_minutes'] / row['minutes']:.0%}"
    elif row["started_at"] and row["over_at"]:
        state = f"{state}, {duration(row['over_at'] - row['started_at'])}"
    held = None if row["targets"] is None else f"{row['targets_held']} of {row['targets']}"
    minutes = None if row["minutes"] is None else f"{row['minutes']:,g}"
    asked = moment(row["asked_at"])[:19]
    return [row["run_id"], row["scenario"], row["agents"], minutes, row["seed"], state, held, asked, row["asked_by"]]
