"""`headway route`: what the line would do with a task now, and why, without handing it in."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import click

from gateway import deciding, history
from gateway.cli import door
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Text
from gateway.errors import GatewayError
from gateway.sending import now_us
from gateway.skills import nobody_has
from gateway.submission import task_from
from gateway.units import duration
from infra import embedding
from infra.settings import Settings, load_settings
from processors.admission import Limits
from processors.routing import RULES
from schemas.events import TaskSubmitted

TARGET_BYTES_MAX = 8000
"""The gateway takes no longer address of a request."""


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

    It decides as the router does: by the rules, by the learned model in use, and by what is known of queues and costs.
    The gateway is asked, which has the settings of the line; where none answers, it reads the registries itself and
    says that it decides with the settings of this shell. No router need be running.

    \b
    Example: headway route "Review the login module"
    Example: headway route "Translate the release notes" --priority 2 --json
    """
    settings = load_settings()
    fields = {
        "text": text,
        "task_id": options["task_id"] or deciding.NAME,
        "session_id": options["session"] or deciding.NAME,
        "agent_id": options["agent"],
        "skill": options["skill"],
        "priority": options["priority"],
        "items": list(options["items"]),
        "model": options["model"],
    }
    task = task_from(fields, now_us(), limits=Limits(settings.text_bytes_max, settings.items_max))
    try:
        told, unknown = _asked(settings, fields)
    except GatewayError as error:
        history.reach(settings)
        told, unknown = _decided(settings, task)
        remark(f"This is decided with the settings of this shell, which may differ from the line's: {error}")
    if unknown:
        remark(unknown)
    if as_json:
        print_json(told)
        return
    _show(told)


Answer = tuple[Mapping[str, Any], str | None]
"""The decision, and what to say of a skill that nobody has."""


def _asked(settings: Settings, fields: Mapping[str, Any]) -> Answer:
    """The gateway's answer. Raises GatewayError where it gives none."""
    given = {name: value for name, value in fields.items() if value not in (None, [])}
    path = f"/api/route?{urlencode(given, errors='replace')}"
    if fields["items"] or len(path) > TARGET_BYTES_MAX:
        what = "items" if fields["items"] else "a text of this length"
        raise GatewayError(f"the gateway cannot be asked about {what}.")
    door.reach(settings)
    token, skill = door.token_of(settings), fields["skill"]
    told = door.ask(settings, token, path)
    if not skill:
        return told, None
    agents, skills = (door.ask(settings, token, f"/api/{kind}")[kind] for kind in ("agents", "skills"))
    return told, nobody_has(skill, agents, skills)


def _decided(settings: Settings, task: TaskSubmitted) -> Answer:
    """The decision made here, from what the topics say."""

    def newest(topic: str) -> dict[str, Any]:
        found = {key.decode(errors="replace"): event for key, event in history.newest_by_key(settings, topic).items()}
        return {key: event for key, event in found.items() if not event.get("removed")}

    known = deciding.Registries(
        agents=newest("agents.registry"),
        pools=newest("pools.status"),
        skills=newest("skills.registry"),
        models=newest("models"),
        experiments=newest("experiments"),
        weights=newest("agents.weights"),
    )
    told = deciding.as_fields(deciding.decide(settings, known, task, embedding.load(settings.embedder)))
    skill = task["skill"]
    return told, nobody_has(skill, known.agents.values(), known.skills.values()) if skill else None


def _show(told: Mapping[str, Any]) -> None:
    say(told["agent_id"] or ("refused" if told["refusal"] else "join"), style="bold")
    say(told["refusal"] or told["reason"])
    if told["steps"]:
        say()
        table(
            ["step", "result", "why"],
            ([step["step"], step["result"], step["reason"]] for step in told["steps"]),
            fold=True,
        )
    if told["candidates"]:
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
                    f"{one['propensity']:.3f}",
                    one["reason"],
                ]
                for one in told["candidates"]
            ),
            right=["rules", "learned", "cost", "wait", "utility", "propensity"],
        )
    for line in _versions(told):
        remark(line)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _versions(told: Mapping[str, Any]) -> Sequence[str]:
    used = told["in_use"]
    model = f"{used['name']} ({used['samples']:,} samples, {used['embedder']})" if used else "none"
    found = [f"Decided by {told['router']} with confidence {told['confidence']:.2f}; learned model in use: {model}."]
    if told["candidates"] and (told["alternative"] or told["router"] != RULES):
        found.append(f"The other router would have chosen {told['alternative'] or 'nobody'}.")
    if told["exposures"]:
        arms = ", ".join(f"{one['experiment']} ({one['arm']})" for one in told["exposures"])
        found.append(f"It would take part in {arms}.")
    return found
