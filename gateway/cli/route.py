"""`headway route`: what the line would do with a task now, and why, without handing it in."""

from collections.abc import Sequence
from typing import Any

import click

from gateway import deciding
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Text
from gateway.history import newest_by_key, reach
from gateway.sending import now_us
from gateway.submission import task_from
from gateway.units import duration
from infra import embedding
from infra.settings import Settings, load_settings
from processors.admission import Limits
from processors.routing import RULES

NAME = "route"
"""Task and session, when none is named: the same each time, so that the same is drawn each time."""


@click.command(cls=Text)
@click.argument("text")
@click.option("--agent", help="Agent asked for by name.")
@click.option("--skill", help="Kind of work asked for, e.g. code_review.")
@click.option("--priority", type=int, help="1 (first) to 10 (last); 5 when not given.")
@click.option("--item", "items", multiple=True, metavar="TEXT", help="An item to run as a subtask; repeat for more.")
@click.option("--model", help="Model asked for.")
@click.option("--session", help="Session of the task: its experiments decide with it.")
@click.option("--id", "task_id", help="Task id: what is left to chance is drawn by it.")
@json_option
def route(text: str, as_json: bool, **options: Any) -> None:
    """Show what the line would do with a task now, and why. Nothing is handed in.

    It reads the registries and decides as the router does: by the rules, by the learned model in use, and by what is
    known of queues and costs. No router need be running.

    \b
    Example: headway route "Review the login module"
    Example: headway route "Translate the release notes" --priority 2 --json
    """
    settings = load_settings()
    fields = {
        "text": text,
        "task_id": options["task_id"] or NAME,
        "session_id": options["session"] or NAME,
        "agent_id": options["agent"],
        "skill": options["skill"],
        "priority": options["priority"],
        "items": list(options["items"]),
        "model": options["model"],
    }
    task = task_from(fields, now_us(), limits=Limits(settings.text_bytes_max, settings.items_max))
    reach(settings)
    told = deciding.decide(settings, _registries(settings), task, embedding.load(settings.embedder))
    if as_json:
        print_json(deciding.as_fields(told))
        return
    _show(told)


def _registries(settings: Settings) -> deciding.Registries:
    def newest(topic: str) -> dict[str, Any]:
        found = {key.decode(errors="replace"): event for key, event in newest_by_key(settings, topic).items()}
        return {key: event for key, event in found.items() if not event.get("removed")}

    return deciding.Registries(
        agents=newest("agents.registry"),
        pools=newest("pools.status"),
        skills=newest("skills.registry"),
        models=newest("models"),
        experiments=newest("experiments"),
    )


def _show(told: deciding.Told) -> None:
    choice, decision = told.decision.choice, told.decision
    say(choice.agent_id or choice.pool, style="bold")
    say(choice.refusal or choice.reason)
    if choice.steps:
        say()
        table(
            ["step", "result", "why"],
            ([step["step"], step["result"], step["reason"]] for step in choice.steps),
            fold=True,
        )
    if choice.candidates:
        say()
        table(
            ["agent", "rules", "learned", "cost", "wait", "utility", "propensity", "why"],
            (
                [
                    one["agent_id"],
                    f"{one['score']:.2f}",
                    _number(one["learned"]),
                    None if one["cost_usd_micros"] is None else f"${one['cost_usd_micros'] / 1e6:.4f}",
                    None if one["wait_ms"] is None else duration(one["wait_ms"] * 1000),
                    _number(one["utility"]),
                    f"{decision.propensity(one['agent_id']):.3f}",
                    one["reason"],
                ]
                for one in choice.candidates
            ),
            right=["rules", "learned", "cost", "wait", "utility", "propensity"],
        )
    for line in _versions(told):
        remark(line)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _versions(told: deciding.Told) -> Sequence[str]:
    choice, used = told.decision.choice, told.model
    model = f"{used['name']} ({used['samples']:,} samples, {used['embedder']})" if used else "none"
    found = [f"Decided by {choice.router} with confidence {choice.confidence:.2f}; learned model in use: {model}."]
    if told.decision.drawn is not None and (choice.alternative or choice.router != RULES):
        found.append(f"The other router would have chosen {choice.alternative or 'nobody'}.")
    if told.exposures:
        arms = ", ".join(f"{one['experiment']} ({one['arm']})" for one in told.exposures)
        found.append(f"It would take part in {arms}.")
    return found
