"""`headway fleet predict`: what each agent's load is expected to reach within the hour, and what could be moved."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.history import newest_by_key, reach, read
from gateway.sending import now_us
from infra.settings import load_settings
from processors.predicting.standing import standing
from schemas.events import LoadMove, PoolStatus

TOPIC = "load.predictions"
NEW_US = 900_000_000
"""A prediction that is older is none any more; there is one every ten minutes."""


class Row(NamedTuple):
    agent_id: str
    load: float | None
    """Null: no instance of it lives."""
    expected: float | None
    low: float | None
    high: float | None
    expected_at: int | None
    predicted_at: int | None
    moves: list[LoadMove]
    instances_more: int
    suggestion: str


@click.command()
@json_option
def predict(as_json: bool) -> None:
    """Show what load each agent is expected to reach in the next hour, and what to do where it is above 70.

    100 is full. The interval is to hold 80 % of what comes. docs/scaling.md tells how it is predicted and judged.

    Example: headway fleet predict --json
    """
    settings = load_settings()
    reach(settings)
    predictions = [
        record.event
        for record in read(settings, TOPIC, since_us=now_us() - NEW_US)
        if record.name == "LoadPrediction" and record.event["at"] > now_us() - NEW_US
    ]
    agents = newest_by_key(settings, "agents.registry").values()
    found = rows_of(agents, newest_by_key(settings, "pools.status").values(), predictions)
    if as_json:
        for row in found:
            print_json(row._asdict())
        return
    table(
        ["agent", "load", "expected", "interval", "about", "suggestion"],
        (
            [r.agent_id, _score(r.load), _score(r.expected), _interval(r), _clock(r), r.suggestion or None]
            for r in found
        ),
        right=["load", "expected", "interval"],
        fold=True,
    )
    if all(row.expected is None for row in found):
        say()
        say(
            "Nothing is predicted: that takes two days of outcomes, tasks that run, and the monitor (`headway status`)."
        )
    remark("Whether predictions come true: `headway ask preventive_alerts`.")


def rows_of(
    agents: Iterable[dict[str, Any]], pools: Iterable[dict[str, Any]], predictions: Iterable[dict[str, Any]]
) -> list[Row]:
    """Of the agents there are, by the newest prediction of each; the most loaded first, now or soon."""
    newest = {one["agent_id"]: one for one in predictions}
    statuses: dict[str, list[PoolStatus]] = {}
    for pool in pools:
        statuses.setdefault(pool["agent_id"], []).append(cast(PoolStatus, pool))
    rows = []
    for name in (one["agent_id"] for one in agents if not one["removed"]):
        now, said = standing(name, statuses.get(name, [])), newest.get(name)
        load = now.load if now else None
        if said is None:
            rows.append(Row(name, load, None, None, None, None, None, [], 0, ""))
            continue
        row = Row(
            name,
            load,
            said["expected"],
            said["low"],
            said["high"],
            said["expected_at"],
            said["at"],
            said["moves"],
            said["instances_more"],
            said["suggestion"],
        )
        rows.append(row)
    return sorted(rows, key=lambda row: (-max(row.load or 0.0, row.expected or 0.0), row.agent_id))


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _interval(row: Row) -> str | None:
    return None if row.low is None or row.high is None else f"{row.low:.0f}–{row.high:.0f}"


def _clock(row: Row) -> str | None:
    return None if row.expected_at is None else f"{datetime.fromtimestamp(row.expected_at / 1e6, UTC):%H:%M} UTC"
