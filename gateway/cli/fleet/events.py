"""`headway fleet events`: what happened to instances, step by step: who fell silent, was left out, works again."""

from heapq import nlargest
from typing import Any

import click

from gateway.cli.output import json_option, print_json, say, table
from gateway.history import reach, read
from gateway.units import many, moment
from infra.settings import load_settings

TOPIC = "fleet.events"


@click.command()
@click.option("--agent", metavar="AGENT", help="Only events of this agent and of its instances.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, the newest.")
@json_option
def events(agent: str | None, limit: int, as_json: bool) -> None:
    """Show what happened to instances, the newest last: found ill, left out, started again, verified, well.

    docs/fleet.md tells what each step means and what follows from it.

    Example: headway fleet events --agent code-writer
    """
    settings = load_settings()
    reach(settings)
    told = (record.event for record in read(settings, TOPIC))
    of_agent = (event for event in told if agent in (None, event["pool"]))
    found = list(reversed(nlargest(limit, of_agent, key=lambda event: event["at"])))
    if as_json:
        for event in found:
            print_json(event)
    elif found:
        table(
            ["when", "instance", "host", "what", "detail"],
            ([moment(e["at"]), e["subject"], e["host_id"] or None, e["what"], _detail(e)] for e in found),
            giving=["detail"],
            fold=True,
        )
    else:
        say(f"Nothing has happened to {f'instances of {agent}' if agent else 'any instance'} of late.")


def _detail(event: dict[str, Any]) -> str | None:
    tasks = f"{many(len(event['tasks']), 'task')}: {', '.join(event['tasks'])}" if event["tasks"] else ""
    return "; ".join(part for part in (event["detail"], tasks) if part) or None
