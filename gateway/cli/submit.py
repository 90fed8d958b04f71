"""`headway submit`: every task is checked before the first is sent; ids are printed when Kafka has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click

from gateway.cli.feeding import feed
from gateway.cli.output import json_option, print_json, remark, say
from gateway.cli.waiting import conclude, followed, wait_for
from gateway.errors import BadInput
from gateway.history import RESTART_S, Follower, newest_by_key, reach, read
from gateway.ids import time_of
from gateway.sending import Sender, now_us
from gateway.skills import nobody_has
from gateway.submission import duration_us, task_from, tasks_from_lines
from gateway.units import duration, moment
from gateway.watching import Watch
from infra.settings import Settings, load_settings
from processors.admission import Limits
from schemas.events import TaskSubmitted


class Duration(click.ParamType):
    """Microseconds, typed as 30s, 5m or 2h."""

    name = "duration"

    def __init__(self, minimum_us: int = 0) -> None:
        self._minimum_us = minimum_us

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            found = value if isinstance(value, int) else duration_us(value)
        except ValueError as accepted:
            self.fail(f"{value!r} is not accepted; it takes {accepted}.", param, ctx)
        if found < self._minimum_us:
            self.fail(f"{value!r} is not accepted; it takes {duration(self._minimum_us)} at least.", param, ctx)
        return found


ATTEMPT = Duration(minimum_us=1000)


class Text(click.Command):
    """Tells who writes a text that looks like an option how to hand it in."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        texts = [each for each in args if each.startswith("-") and " " in each.strip()]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if texts and "--" not in args:
                error.message += " A text that begins with - needs -- before it: headway submit --wait -- '- a text'."
            raise


@click.command(cls=Text)
@click.argument("text", required=False)
@click.option("--file", "path", metavar="FILE", help="JSON Lines file of tasks (fields of TaskSubmitted); - is stdin.")
@click.option("--agent", help="Agent asked for by name; else the router chooses.")
@click.option("--skill", help="Kind of work, e.g. code_review; else the router finds out.")
@click.option("--priority", type=int, help="1 (first) to 10 (last); 5 when not given.")
@click.option("--tenant", help="Tenant who pays; `default` when not given.")
@click.option("--session", help="Session the task belongs to; one of its own when not given.")
@click.option("--deadline", help="Do not start after this: 2026-01-31T12:00:00Z, or from now on: 30s, 5m, 2h.")
@click.option("--timeout", type=ATTEMPT, metavar="DURATION", help="Longest run of one attempt, e.g. 30s.")
@click.option("--retries", type=int, help="Most retries after errors that may pass.")
@click.option("--redos", type=int, help="Most redos after a poor evaluation.")
@click.option("--item", "items", multiple=True, metavar="TEXT", help="An item to run as a subtask; repeat for more.")
@click.option("--model", help="Model asked for; else the agent's.")
@click.option(
    "--id", "task_id", help="Task id of your own: handed in twice under one id and session, a task runs once."
)
@click.option("--wait", is_flag=True, help="Wait for the outcomes; exit code 0 if all completed.")
@click.option("--timeout-wait", type=Duration(), metavar="DURATION", help="Wait at most this long, e.g. 5m.")
@click.option("--no-resubmit", is_flag=True, help="With --wait: do not hand a refused task in again.")
@json_option
def submit(text: str | None, path: str | None, as_json: bool, **options: Any) -> None:
    """Hand in one task (TEXT), or many (--file, or - for stdin).

    Prints a task id a line once Kafka has the task on disk. With --wait it shows progress and prints the answers.
    A file is checked whole before anything is sent; options fill in what its lines leave out.

    \b
    Example: headway submit "Review the login module" --priority 2 --wait
    Example: echo '{"text": "Summarise the log"}' | headway submit - --json
    """
    settings = load_settings()
    tasks = _tasks(text, path, options, settings)
    limit_us = options["timeout_wait"]
    patience_s = RESTART_S if limit_us is None else limit_us / 1_000_000
    reach(settings, patience_s if options["wait"] else 0.0)
    _tell_earlier(settings, tasks)
    if options["skill"]:
        _tell_unknown_skill(settings, options["skill"])
    if not options["wait"]:
        for chunk in feed(settings, Sender(settings), tasks):
            _print_ids(chunk, as_json)
        return
    watch = Watch(resubmit=not options["no_resubmit"])
    watch.add(tasks)
    with Follower(settings, followed(len(tasks))) as follower:
        sender = Sender(settings)
        for _ in feed(settings, sender, tasks):
            pass
        if with_own_ids(tasks):
            _see_earlier(settings, watch)
        ended = wait_for(watch, follower, sender, settings, limit_us=limit_us)
    conclude(watch, as_json=as_json, ended=ended)


def _tasks(text: str | None, path: str | None, options: dict[str, Any], settings: Settings) -> list[TaskSubmitted]:
    if text == "-" and path is None:
        text, path = None, "-"
    if (text is None) == (path is None):
        raise BadInput("Give either the text of one task, or --file FILE (- for stdin).")
    given = {
        "agent_id": options["agent"],
        "skill": options["skill"],
        "priority": options["priority"],
        "tenant_id": options["tenant"],
        "session_id": options["session"],
        "deadline_at": options["deadline"],
        "timeout_ms": None if options["timeout"] is None else options["timeout"] // 1000,
        "retries_max": options["retries"],
        "redos_max": options["redos"],
        "items": list(options["items"]),
        "model": options["model"],
    }
    limits = Limits(settings.text_bytes_max, settings.items_max)
    if path is None:
        fields = {**given, "task_id": options["task_id"], "text": text}
        return [task_from(fields, now_us(), limits=limits)]
    if options["task_id"]:
        raise BadInput("--id names one task; in a file, give each line its own task_id.")
    source = "stdin" if path == "-" else path
    with _open(path) as lines:
        return tasks_from_lines(lines, now_us(), source=source, limits=limits, defaults=given)


def _open(path: str) -> BinaryIO:
    if path == "-":
        return click.get_binary_stream("stdin")
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None


def with_own_ids(tasks: Sequence[TaskSubmitted]) -> dict[str, TaskSubmitted]:
    """Tasks whose id was chosen by who hands them in, and may have been used before."""
    return {t["task_id"]: t for t in tasks if time_of(t["task_id"]) != t["submitted_at"] // 1000 * 1000}


def _tell_earlier(settings: Settings, tasks: Sequence[TaskSubmitted]) -> None:
    """Says which tasks were handed in before and then said something else: it is what they said first that counts.

    Under another session an id may be unknown where that session is worked on, so such a task is refused.
    """
    own = with_own_ids(tasks)
    only = next(iter(own)) if len(own) == 1 else None
    for record in read(settings, "tasks.submitted", containing=only) if own else ():
        task = own.pop(record.event["task_id"], None)
        if task is None:
            continue
        before, when = record.event, moment(record.event["submitted_at"])
        if before["session_id"] != task["session_id"]:
            raise BadInput(
                f"{task['task_id']} was handed in at {when} in session {before['session_id']}; name that session "
                "to mean the same task, or choose another id."
            )
        if before["text"] != task["text"]:
            remark(f"{task['task_id']} was handed in before with another text, at {when}; that task counts.")


def _tell_unknown_skill(settings: Settings, skill: str) -> None:
    topics = ("agents.registry", "skills.registry")
    agents, skills = ([d for d in newest_by_key(settings, t).values() if not d["removed"]] for t in topics)
    if said := nobody_has(skill, agents, skills):
        remark(said)


def _see_earlier(settings: Settings, watch: Watch) -> None:
    """Tasks with ids of their own may have their outcome from an earlier run."""
    for record in read(settings, "tasks.outcomes"):
        watch.see(record, now_us())


def _print_ids(tasks: Sequence[TaskSubmitted], as_json: bool) -> None:
    for task in tasks:
        if as_json:
            print_json({"task_id": task["task_id"], "session_id": task["session_id"]})
        else:
            say(task["task_id"])
