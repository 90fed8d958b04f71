"""`headway dlq`: what was set aside, why, and how to hand it in again."""

from collections.abc import Sequence
from typing import Any

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import ATTEMPT
from gateway.dead_letters import as_json as letter_as_json
from gateway.dead_letters import redriven, task_in, told
from gateway.errors import BadInput, GatewayError
from gateway.history import CLOCK_SKEW_US, reach, read
from gateway.ids import named, redrive_id
from gateway.sending import Sender, now_us
from gateway.units import many, moment
from infra.settings import Settings, load_settings


@click.group()
def dlq() -> None:
    """Look at dead letters, and hand tasks in again.

    Example: headway dlq list
    """


@dlq.command(name="list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most this many.")
@json_option
def list_letters(limit: int, as_json: bool) -> None:
    """List dead letters, newest first.

    Example: headway dlq list --limit 10
    """
    settings = load_settings()
    letters = _letters(settings)[::-1]
    again = _redriven_at(settings, letters)
    if as_json:
        for letter in letters[:limit]:
            print_json(letter_as_json(letter, again.get(redrive_id(letter["event_id"]))))
        return
    table(
        ["task", "when", "redrive", "from", "reason", "id"],
        (_row(letter, again) for letter in letters[:limit]),
        giving=["id", "from", "when", "reason"],
    )
    more = f", {len(letters) - limit} more with --limit" if len(letters) > limit else ""
    remark(f"{many(len(letters), 'dead letter')}{more}.")


@dlq.command()
@click.argument("letter_id", metavar="ID")
@json_option
def show(letter_id: str, as_json: bool) -> None:
    """Show one dead letter whole. ID is the dead letter's, or its task's; a part that no other has will do.

    Example: headway dlq show tasks.submitted/0/42
    """
    settings = load_settings()
    letter = _found(_letters(settings), letter_id)
    again = _redriven_at(settings, [letter]).get(redrive_id(letter["event_id"]))
    if as_json:
        print_json(letter_as_json(letter, again))
        return
    for name, value in told(letter, again):
        say(f"{name}: {value}")


@dlq.command()
@click.argument("letter_id", metavar="ID", required=False)
@click.option("--all", "everything", is_flag=True, help="Every dead letter that holds a task.")
@click.option("--agent", help="Give it to this agent instead.")
@click.option("--timeout", type=ATTEMPT, metavar="DURATION", help="Longest run of one attempt instead, e.g. 5m.")
@json_option
def redrive(letter_id: str | None, everything: bool, agent: str | None, timeout: int | None, as_json: bool) -> None:
    """Hand the task of a dead letter in again, as a new task. Twice is harmless: the second is the same task.

    \b
    Example: headway dlq redrive --all
    Example: headway dlq redrive 5a3c1f0e8b11 --timeout 5m
    """
    if (letter_id is None) != everything:
        raise BadInput("Name one dead letter, or give --all.")
    settings = load_settings()
    letters = _letters(settings)
    chosen = [letter for letter in letters if task_in(letter)] if letter_id is None else [_found(letters, letter_id)]
    over: dict[str, Any] = {"agent_id": agent, "timeout_ms": timeout and timeout // 1000}
    over = {name: value for name, value in over.items() if value is not None}
    tasks = {task["task_id"]: task for task in (redriven(letter, now_us(), **over) for letter in chosen)}
    before = _redriven_at(settings, chosen)
    Sender(settings).submit([task for task_id, task in tasks.items() if task_id not in before])
    for task_id, task in tasks.items():
        if as_json:
            print_json({"task_id": task_id, "redrive_of": task["redrive_of"]})
        elif task_id in before:
            say(f"{task['redrive_of']} was handed in again at {moment(before[task_id])} already, as {task_id}")
        else:
            say(f"{task['redrive_of']} is handed in again as {task_id}")
    left = len(letters) - len(chosen)
    if everything and left:
        remark(f"{many(left, 'dead letter')} without a task left; `headway dlq list` shows why.")


def _letters(settings: Settings) -> list[dict[str, Any]]:
    """Oldest first; a repeat (the same event id) once."""
    reach(settings)
    records = read(settings, "dead.letters")
    return list({record.event["event_id"]: record.event for record in records if record.name == "DeadLetter"}.values())


def _redriven_at(settings: Settings, letters: Sequence[dict[str, Any]]) -> dict[str, int]:
    """New task id → when it was handed in [µs], of the letters that were redriven."""
    ids = {redrive_id(letter["event_id"]) for letter in letters}
    since = min((letter["at"] for letter in letters), default=0)
    only = next(iter(ids)) if len(ids) == 1 else None
    records = read(settings, "tasks.submitted", since_us=max(0, since - CLOCK_SKEW_US), containing=only) if ids else ()
    found: dict[str, int] = {}
    for record in records:
        if record.event["task_id"] in ids:
            found.setdefault(record.event["task_id"], record.event["submitted_at"])
    return found


def _found(letters: list[dict[str, Any]], letter_id: str) -> dict[str, Any]:
    """By its own id, else the newest of a task."""
    by_id = {name: letter for letter in letters for name in (letter["task_id"], letter["event_id"]) if name}
    tasks = {letter["task_id"] for letter in letters if letter["task_id"]}
    whole = letter_id if letter_id in by_id else named(letter_id, tasks, "dead letter")
    whole = whole or named(letter_id, by_id, "dead letter")
    if whole is None:
        raise GatewayError(f"No dead letter {letter_id}; `headway dlq list` lists them.")
    return by_id[whole]


def _row(letter: dict[str, Any], again: dict[str, int]) -> list[str | None]:
    """A dead letter without a task is told by its own id instead."""
    can_run = "no" if task_in(letter) is None else "done" if redrive_id(letter["event_id"]) in again else "yes"
    when, reason = moment(letter["at"])[:19].replace("T", " "), letter["reason"]
    return [letter["task_id"] or letter["event_id"], when, can_run, _source(letter), reason, letter["event_id"]]


def _source(letter: dict[str, Any]) -> str:
    if letter["partition"] < 0:
        return many(letter["attempts"], "attempt")
    return f"{letter['topic']}/{letter['partition']}@{letter['offset']}"
