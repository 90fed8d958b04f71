"""`headway dlq`: what was set aside, why, and how to hand it in again."""

from typing import Any

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.dead_letters import as_json as letter_as_json
from gateway.dead_letters import redriven, task_in
from gateway.errors import BadInput, GatewayError
from gateway.history import reach, read
from gateway.sending import Sender, now_us
from gateway.units import many, moment, short
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
    letters = _letters(load_settings())[::-1]
    if as_json:
        for letter in letters[:limit]:
            print_json(letter_as_json(letter))
        return
    table(["id", "at", "from", "redrive", "reason"], map(_row, letters[:limit]))
    more = f", {len(letters) - limit} more with --limit" if len(letters) > limit else ""
    remark(f"{many(len(letters), 'dead letter')}{more}.")


@dlq.command()
@click.argument("letter_id", metavar="ID")
@json_option
def show(letter_id: str, as_json: bool) -> None:
    """Show one dead letter whole. ID is the dead letter's, or its task's.

    Example: headway dlq show tasks.submitted/0/42
    """
    letter = _found(_letters(load_settings()), letter_id)
    if as_json:
        print_json(letter_as_json(letter))
        return
    for name, value in letter_as_json(letter).items():
        if name == "task" and value:
            say("task:")
            for field, part in value.items():
                say(f"  {field}: {part}")
        elif value is not None:
            say(f"{name}: {moment(value) if name == 'at' else value}")


@dlq.command()
@click.argument("letter_id", metavar="ID", required=False)
@click.option("--all", "everything", is_flag=True, help="Every dead letter that holds a task.")
@json_option
def redrive(letter_id: str | None, everything: bool, as_json: bool) -> None:
    """Hand the task of a dead letter in again, as a new task. Twice is harmless: the second is the same task.

    Example: headway dlq redrive --all
    """
    if (letter_id is None) != everything:
        raise BadInput("Name one dead letter, or give --all.")
    settings = load_settings()
    letters = _letters(settings)
    chosen = [letter for letter in letters if task_in(letter)] if letter_id is None else [_found(letters, letter_id)]
    tasks = {task["task_id"]: task for task in (redriven(letter, now_us()) for letter in chosen)}
    Sender(settings).submit(list(tasks.values()))
    for task in tasks.values():
        if as_json:
            print_json({"task_id": task["task_id"], "redrive_of": task["redrive_of"]})
        else:
            say(f"{task['redrive_of']} is handed in again as {task['task_id']}")
    left = len(letters) - len(chosen)
    if everything and left:
        remark(f"{many(left, 'dead letter')} without a task left; `headway dlq list` shows why.")


def _letters(settings: Settings) -> list[dict[str, Any]]:
    """Oldest first; a repeat (the same event id) once."""
    reach(settings)
    records = read(settings, "dead.letters")
    return list({record.event["event_id"]: record.event for record in records if record.name == "DeadLetter"}.values())


def _found(letters: list[dict[str, Any]], letter_id: str) -> dict[str, Any]:
    """By its own id, else the newest of a task."""
    matches = [letter for letter in letters if letter_id in (letter["event_id"], letter["task_id"])]
    if matches:
        return matches[-1]
    raise GatewayError(f"No dead letter {letter_id}; `headway dlq list` lists them.")


def _row(letter: dict[str, Any]) -> list[str]:
    can_run = "yes" if task_in(letter) else "no"
    return [letter["event_id"], moment(letter["at"]), _source(letter), can_run, short(letter["reason"], 80)]


def _source(letter: dict[str, Any]) -> str:
    if letter["partition"] < 0:
        return f"task {letter['task_id']} after {letter['attempts']} attempts"
    return f"{letter['topic']}/{letter['partition']}@{letter['offset']}"
