"""`headway experiment list`, `show`, `assign`, `parameters`: what experiments there are, and who is in which arm."""

from collections.abc import Sequence

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.experiments import find, now_us, value_now
from gateway.history import reach
from gateway.units import duration, moment
from infra import experiments
from infra.settings import FIELDS, load_settings, varying
from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS, arm_of, takes_part
from schemas.events import Experiment, ExperimentVerdict


@click.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the experiments, newest first.

    Example: headway experiment list
    """
    settings = load_settings()
    reach(settings)
    found = sorted(experiments.read(settings).values(), key=lambda e: e["created_at"], reverse=True)
    said = experiments.verdicts(settings)
    if as_json:
        for one in found:
            print_json({**one, "verdict": said.get(one["experiment"])})
        return
    if not found:
        say("There are no experiments yet; `headway experiment create --help` tells how to make one.")
        return
    columns = ["experiment", "status", "parameter", "arms", "ran", "of days", "verdict", "adopted"]
    table(columns, (_row(one, said.get(one["experiment"])) for one in found), right=["ran", "of days"])


def _row(one: Experiment, verdict: ExperimentVerdict | None) -> list[str | None]:
    said = None
    if verdict is not None:
        said = verdict["verdict"] + (f": {verdict['winner']}" if verdict["winner"] else "")
    ran = lifecycle.ran_ms(one, now_us())
    arms = ", ".join(f"{arm['name']}={arm['value']}" + (" (stopped)" if arm["stopped"] else "") for arm in one["arms"])
    shown_ran = duration(ran * 1000) if ran else None
    return [
        one["experiment"],
        one["status"],
        one["parameter"],
        arms,
        shown_ran,
        f"{one['days']:g}",
        said,
        one["adopted"],
    ]


@click.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show an experiment: its plan, its units, every change, its last verdict.

    Example: headway experiment show quick-balancing
    """
    settings = load_settings()
    reach(settings)
    one, changes = find(settings, name), experiments.history(settings, name)
    verdict = experiments.verdicts(settings).get(name)
    if as_json:
        print_json({**one, "changes": changes, "verdict": verdict})
        return
    if one["question"]:
        say(one["question"], style="bold")
    table(["", ""], _facts(one))
    say()
    rows = ([moment(c["at"]), c["change"], c["by"], c["reason"] or None] for c in changes)
    table(["when", "change", "by", "reason"], rows)
    if verdict is not None:
        say()
        say(f"Verdict of {moment(verdict['at'])}: {verdict['verdict']}. " + " ".join(verdict["reasons"]))
        remark(f"From {verdict['rows']:,} tasks; their hash is {verdict['data_hash'][:16]}….")


def _facts(one: Experiment) -> list[list[str]]:
    ran = duration(lifecycle.ran_ms(one, now_us()) * 1000)
    last = one["first_bucket"] + one["buckets"] - 1
    place = f", buckets {one['first_bucket']} to {last}" if one["first_bucket"] >= 0 else ""
    facts = [["status", one["status"]], ["varies", one["parameter"]]]
    for arm in one["arms"]:
        note = " (stopped)" if arm["stopped"] else ""
        facts.append([f"arm {arm['name']}", f"{arm['value']}  {arm['share'] / BUCKETS:.1%}{note}"])
    return [
        *facts,
        ["unit", one["unit"]],
        ["layer", f"{one['layer']}: {one['buckets'] / BUCKETS:.0%} of its units{place}"],
        ["metrics", ", ".join(one["metrics"])],
        ["guardrails", ", ".join(one["guardrails"]) or "none"],
        ["covariates", ", ".join(one["covariates"]) or "none"],
        ["verdict", one["mode"] + (", a winner is adopted by itself" if one["adopt_winner"] else "")],
        ["ran", f"{ran} of {one['days']:g} days"],
        ["adopted", one["adopted"] or "nothing"],
    ]


@click.command()
@click.argument("name")
@click.argument("units", nargs=-1, required=True, metavar="UNIT...")
@json_option
def assign(name: str, units: Sequence[str], as_json: bool) -> None:
    """Tell which arm sessions, tasks or tenants are in. docs/experiments.md tells how any program can find it out.

    Example: headway experiment assign quick-balancing session-1 session-2
    """
    settings = load_settings()
    reach(settings)
    one = find(settings, name)
    found = [(unit, arm_of(one, unit)["name"] if takes_part(one, unit) else None) for unit in units]
    if as_json:
        for unit, arm in found:
            print_json({"unit": unit, "arm": arm})
        return
    table([one["unit"], "arm"], ([unit, arm or "takes no part"] for unit, arm in found))
    if one["status"] != "running":
        remark(f"{name} is {one['status']}: nobody takes part now.")


@click.command()
@json_option
def parameters(as_json: bool) -> None:
    """List the settings that experiments can vary, with the value of now; and what can be measured.

    Example: headway experiment parameters
    """
    from infra.warehouse.exposed import COLUMNS

    settings = load_settings()
    reach(settings)
    known = experiments.read(settings)
    rows = [[name, value_now(settings, known, name), FIELDS[name].metadata["doc"]] for name in varying()]
    if as_json:
        for name, value, doc in rows:
            print_json({"parameter": name, "value": value, "doc": doc})
        for name, doc in COLUMNS.items():
            print_json({"metric": name, "doc": doc})
        return
    table(["parameter", "value now", "meaning"], rows)
    say()
    table(["metric or covariate", "meaning"], COLUMNS.items())
