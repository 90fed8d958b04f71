"""`headway fleet decisions`: what the autoscaler changed, or would have changed, and why."""

from collections import deque
from typing import Any

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.history import reach, read
from gateway.units import moment
from infra.settings import Settings, load_settings

TOPIC = "scaling.decisions"
_MODES = {
    "off": "The autoscaler is off; scaling = dry_run or on in headway.toml starts it.",
    "dry_run": "This is a dry run: nothing is changed before scaling = on in headway.toml.",
    "on": "The autoscaler is on; what a person asks for stays for an hour.",
}


@click.command()
@click.option("--agent", metavar="AGENT", help="Only decisions about this agent.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, the newest.")
@json_option
def decisions(agent: str | None, limit: int, as_json: bool) -> None:
    """Show what the autoscaler decided, the newest first: how many instances, and why.

    Example: headway fleet decisions --agent code-writer
    """
    settings = load_settings()
    found = newest(settings, agent, limit)
    if as_json:
        for decision in found:
            print_json(decision)
        return
    if found:
        table(
            ["when", "agent", "instances", "done", "score", "why"],
            ([moment(d["at"]), d["agent_id"], _size(d), _done(d), f"{d['score']:.2f}", d["reason"]] for d in found),
            right=["score"],
            fold=True,
        )
    else:
        of = f" about {agent}" if agent else ""
        say(f"The autoscaler has decided nothing{of} in the last 30 days.")
    remark(_MODES[settings.scaling])


def newest(settings: Settings, agent: str | None, limit: int) -> list[dict[str, Any]]:
    reach(settings)
    events = (record.event for record in read(settings, TOPIC))
    kept = deque((event for event in events if agent in (None, event["agent_id"])), maxlen=limit)
    return list(reversed(kept))


def _size(decision: dict[str, Any]) -> str:
    return f"{decision['before']} → {decision['after']}"


def _done(decision: dict[str, Any]) -> str:
    if decision["after"] == decision["before"]:
        return "none, see why"
    return "yes" if decision["applied"] else "no, dry run"
