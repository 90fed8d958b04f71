"""`headway experiment create`, `start`, `pause`, `resume`, `extend`, `stop`, `adopt`: the life of an experiment."""

import getpass
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.experiment.analyze import shares_of
from gateway.cli.output import json_option, print_json, remark, say
from gateway.errors import BadInput
from gateway.experiments import Asked, change, now_us, value_now
from gateway.experiments import create as write_draft
from gateway.history import reach
from infra import experiments
from infra.settings import load_settings
from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS

if TYPE_CHECKING:
    from schemas.events import Experiment

name_argument = click.argument("name")
reason_option = click.option("--reason", default="", help="Why, in words, for those who ask later.")


@click.command()
@name_argument
@click.option(
    "--parameter", required=True, help="Setting of the line to vary; `headway experiment parameters` lists them."
)
@click.option(
    "--arm",
    "arms",
    multiple=True,
    required=True,
    metavar="ARM=VALUE",
    help="An arm and its value. Without an arm called control, one is added with the value of now.",
)
@click.option("--question", default="", help="What it is to find out, in words.")
@click.option(
    "--unit",
    type=click.Choice(["session", "task", "tenant"]),
    default="session",
    show_default=True,
    help="What is assigned to an arm, and counted.",
)
@click.option("--split", metavar="ARM=SHARE,...", help="Shares of the arms, as in control=0.8,b=0.2; equal by default.")
@click.option("--layer", help="Experiments of a layer share its units; the parameter's own by default.")
@click.option(
    "--traffic",
    type=click.FloatRange(0.001, 1),
    default=1.0,
    show_default=True,
    help="Share of the layer's units that take part.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="METRIC[:KIND][:lower]",
    help="What to compare, as in analyze; by default routing_success, redone and completion_ms.",
)
@click.option(
    "--guardrail", "guardrails", multiple=True, metavar="METRIC[:KIND][:lower]", help="What must not get worse."
)
@click.option(
    "--covariate",
    "covariates",
    multiple=True,
    metavar="NAME",
    help="What is known before, for CUPED: usual_ms (default), before_ms, complexity, priority; none turns it off.",
)
@click.option("--cluster", type=click.Choice(["session_id", "tenant_id"]), help="Groups of units that are alike.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), default=14.0, show_default=True, help="How long it runs."
)
@click.option(
    "--sequential",
    "mode",
    flag_value="sequential",
    default=True,
    help="Verdict at any time, by confidence sequences (default).",
)
@click.option("--fixed", "mode", flag_value="fixed", help="Verdict once, at the planned end.")
@click.option(
    "--bandit", "mode", flag_value="bandit", help="The better arm gets more units as it goes; needs --unit task."
)
@click.option("--adopt-winner", is_flag=True, help="Adopt a winner without asking.")
@click.option("--start", "start_now", is_flag=True, help="Start it at once.")
@json_option
def create(
    name: str,
    parameter: str,
    arms: Sequence[str],
    question: str,
    unit: Any,
    split: str | None,
    layer: str | None,
    traffic: float,
    metrics: Sequence[str],
    guardrails: Sequence[str],
    covariates: Sequence[str],
    cluster: str | None,
    days: float,
    mode: Any,
    adopt_winner: bool,
    start_now: bool,
    as_json: bool,
) -> None:
    """Draft an experiment on a setting of the line.

    Until it is started it changes nothing, and may be drafted anew under its name.

    Example: headway experiment create quick-balancing --parameter balancer --arm quick=adaptive --start
    """
    from infra.warehouse.exposed import COLUMNS
    from processors.experiments import line
    from processors.experiments.estimates import BadData

    settings = load_settings()
    try:
        line.checked([*(metrics or line.METRICS), *guardrails, *(c for c in covariates if c != "none")], list(COLUMNS))
    except BadData as error:
        raise BadInput(str(error)) from error
    asked = Asked(
        by=getpass.getuser(),
        name=name,
        parameter=parameter,
        arms=arms,
        split=shares_of(split) if split else None,
        unit=unit,
        layer=layer,
        traffic=traffic,
        metrics=metrics or line.METRICS,
        guardrails=guardrails,
        covariates=[c for c in covariates or line.COVARIATES if c != "none"],
        cluster=cluster,
        mode=mode,
        days=days,
        adopt_winner=adopt_winner,
        question=question,
    )
    reach(settings)
    made = write_draft(settings, asked)
    if start_now:
        made = change(settings, name, lambda e, known: lifecycle.started(e, known, now_us(), getpass.getuser()))
    _tell(made, as_json)


def _tell(made: "Experiment", as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    name, status = made["experiment"], made["status"]
    arms = ", ".join(f"{a['name']} {a['share'] / BUCKETS:.0%} ({made['parameter']}={a['value']})" for a in made["arms"])
    say(f"{name} is {status}: {arms}.")
    if status == "draft":
        remark(f"`headway experiment start {name}` starts it.")
    elif status == "running":
        remark(
            f"It runs for {made['days']:g} days on {made['buckets'] / BUCKETS:.0%} of the {made['unit']}s of layer "
            f"{made['layer']}. `headway experiment report {name}` shows what it says."
        )
    elif status == "paused":
        remark(f"Nothing takes part until `headway experiment resume {name}`; what did is kept.")


def _command(
    verb: str, doc: str, act: Callable[["Experiment", dict[str, "Experiment"], str], "Experiment"]
) -> click.Command:
    """The commands that take nothing but a name and a reason."""

    @click.command(verb, help=f"{doc}\n\nExample: headway experiment {verb} quick-balancing")
    @name_argument
    @reason_option
    @json_option
    def command(name: str, reason: str, as_json: bool) -> None:
        settings = load_settings()
        reach(settings)
        _tell(change(settings, name, lambda e, known: act(e, known, reason)), as_json)

    return command


start = _command(
    "start",
    "Start a draft: from now on its units get their arms.",
    lambda e, known, reason: lifecycle.started(e, known, now_us(), getpass.getuser(), reason),
)
pause = _command(
    "pause",
    "Pause a running experiment: tasks get what the line has; its units and data are kept.",
    lambda e, known, reason: lifecycle.paused(e, now_us(), getpass.getuser(), reason),
)
resume = _command(
    "resume",
    "Go on with a paused experiment: every unit has the arm it had.",
    lambda e, known, reason: lifecycle.resumed(e, now_us(), getpass.getuser(), reason),
)
stop = _command(
    "stop",
    "End an experiment for good, whatever it says.",
    lambda e, known, reason: lifecycle.stopped(e, now_us(), getpass.getuser(), reason),
)


@click.command()
@name_argument
@click.option("--days", type=click.FloatRange(min=0, min_open=True), required=True, help="How much longer it runs.")
@reason_option
@json_option
def extend(name: str, days: float, reason: str, as_json: bool) -> None:
    """Let an experiment run longer than planned; one that is over runs again.

    Example: headway experiment extend quick-balancing --days 7
    """
    settings = load_settings()
    reach(settings)
    made = change(
        settings, name, lambda e, known: lifecycle.extended(e, known, days, now_us(), getpass.getuser(), reason)
    )
    _tell(made, as_json)


@click.command()
@name_argument
@click.option(
    "--arm", help="Arm whose value the line works with from now on; by default the winner of the last verdict."
)
@click.option("--none", "give_back", is_flag=True, help="Give back what was adopted: the configured value holds again.")
@reason_option
@json_option
def adopt(name: str, arm: str | None, give_back: bool, reason: str, as_json: bool) -> None:
    """Make the line work with the value of an arm, for every task; a running experiment ends.

    Example: headway experiment adopt quick-balancing --arm quick
    """
    settings = load_settings()
    reach(settings)
    if give_back:
        made = change(settings, name, lambda e, known: lifecycle.given_back(e, now_us(), getpass.getuser(), reason))
    else:
        chosen = arm or _winner(settings, name)
        made = change(
            settings, name, lambda e, known: lifecycle.adopted(e, chosen, now_us(), getpass.getuser(), reason)
        )
    _tell(made, as_json)
    if not as_json:
        value = value_now(settings, experiments.read(settings), made["parameter"])
        remark(f"The line now works with {made['parameter']}={value}, for tasks handed in from now on.")


def _winner(settings: Any, name: str) -> str:
    verdict = experiments.verdicts(settings).get(name)
    if verdict is None or verdict["winner"] is None:
        said = f"its last verdict is {verdict['verdict']!r}" if verdict else "there is no verdict on it yet"
        raise BadInput(f"{name} has no winner ({said}): name the arm with --arm.")
    return verdict["winner"]
