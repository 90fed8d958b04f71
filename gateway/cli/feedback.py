"""`headway feedback`: say how good a task's answer is."""

import getpass

import click

from gateway.cli.output import json_option, print_json, say
from gateway.errors import GatewayError
from gateway.history import find, reach, whole_id
from gateway.ids import new_task_id
from gateway.sending import Sender, now_us
from infra.settings import load_settings
from schemas.events import FeedbackGiven


@click.command()
@click.argument("task_id", metavar="ID")
@click.argument("kind", type=click.Choice(["positive", "neutral", "negative"]))
@click.option("--score", type=click.FloatRange(0, 1), help="How good, from 0 to 1.")
@click.option("--comment", default="", help="What you say about it.")
@json_option
def feedback(task_id: str, kind: str, score: float | None, comment: str, as_json: bool) -> None:
    """Say how good a task's answer is. Of several by one person the newest counts.

    ID may be the beginning or the end of the task's id when no other has the same.

    Example: headway feedback 0192f3c4-7a1e-7b55-9d52-5a3c1f0e8b11 negative --comment "It reviewed the wrong branch"
    """
    settings = load_settings()
    reach(settings)
    task_id = whole_id(settings, task_id)
    submitted = find(settings, "tasks.submitted", "TaskSubmitted", task_id)
    if submitted is None:
        raise GatewayError(f"No task {task_id} was ever handed in; `headway tasks` lists ids.")
    at = now_us()
    given: FeedbackGiven = {
        "feedback_id": new_task_id(at),
        "task_id": task_id,
        "session_id": submitted["session_id"],
        "tenant_id": submitted["tenant_id"],
        "kind": kind,  # type: ignore[typeddict-item]
        "score": score,
        "comment": comment,
        "by": getpass.getuser(),
        "at": at,
    }
    Sender(settings).feedback(given)
    if as_json:
        print_json({"feedback_id": given["feedback_id"], "task_id": task_id})
    else:
        say(f"Task {task_id} has your feedback. See `headway task {task_id}`.")
