"""`headway cancel`: ask for a task to be stopped, and say what came of it."""

import getpass
import sys
import time

import click

from gateway.cli.output import json_option, print_json, say
from gateway.cli.submit import Duration
from gateway.errors import GatewayError
from gateway.history import Follower, find, reach, whole_id
from gateway.sending import Sender, now_us
from infra.settings import load_settings
from schemas.events import TaskCommand


@click.command()
@click.argument("task_id", metavar="ID")
@click.option("--reason", default="", help="Why; kept in the task's outcome.")
@click.option(
    "--wait", "wait_us", type=Duration(), default="5s", show_default=True, help="Wait this long for the outcome."
)
@json_option
def cancel(task_id: str, reason: str, wait_us: int, as_json: bool) -> None:
    """Stop a task wherever it is. Exit code 0 only when it is cancelled.

    ID may be the beginning or the end of the task's id when no other has the same.

    Example: headway cancel 0192f3c4-7a1e-7b55-9d52-5a3c1f0e8b11 --reason "wrong branch"
    """
    settings = load_settings()
    reach(settings)
    task_id = whole_id(settings, task_id)
    with Follower(settings, ["tasks.outcomes"]) as follower:
        if find(settings, "tasks.submitted", "TaskSubmitted", task_id) is None:
            raise GatewayError(f"No task {task_id} was ever handed in; `headway tasks` lists ids.")
        before = find(settings, "tasks.outcomes", "TaskOutcome", task_id)
        if before is None:
            Sender(settings).command(_command(task_id, reason))
        status = before["status"] if before else _await_outcome(follower, task_id, wait_us)
    if as_json:
        print_json({"task_id": task_id, "status": status, "already": before is not None})
    else:
        say(_told(task_id, status, before is not None))
    if status != "cancelled":
        sys.exit(1)


def _command(task_id: str, reason: str) -> TaskCommand:
    at = now_us()
    return TaskCommand(
        event_id=f"{task_id}/cancel/{at}", task_id=task_id, kind="cancel", at=at, by=getpass.getuser(), reason=reason
    )


def _await_outcome(follower: Follower, task_id: str, wait_us: int) -> str:
    until = time.monotonic() + wait_us / 1_000_000
    while time.monotonic() < until:
        for record in follower.poll(0.1):
            if record.event.get("task_id") == task_id:
                return str(record.event["status"])
    return "open"


def _told(task_id: str, status: str, already: bool) -> str:
    if status == "open":
        return f"Task {task_id} has no outcome yet; the cancellation is on its way. See `headway task {task_id}`."
    if already:
        return f"Task {task_id} was {status} already; nothing is left to cancel."
    if status == "cancelled":
        return f"Task {task_id} is cancelled."
    return f"Task {task_id} was {status} before the cancellation reached it."
