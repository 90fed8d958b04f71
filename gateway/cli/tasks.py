"""`headway task` and `headway tasks`: one task's whole story, and the list of tasks, from the topics alone."""

from typing import Any, cast

import click

from gateway.alive import why_waiting
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Duration
from gateway.cli.waiting import conclude, followed, wait_for
from gateway.errors import GatewayError
from gateway.history import Follower, find, newest_by_key, reach, read, since_of, whole_id
from gateway.listing import ASKED_FOR, FED_WITH, Filter, Listing
from gateway.nearest import did_you_mean
from gateway.sending import Sender, now_us
from gateway.timeline import Story, story_of
from gateway.units import duration, many, moment, short
from gateway.watching import Watch
from infra.settings import Settings, load_settings
from schemas.events import TaskSubmitted

TELLING = (
    "tasks.submitted",
    "routing.decisions",
    "tasks.assigned",
    "tasks.progress",
    "tasks.results",
    "evaluations",
    "task.commands",
    "dead.letters",
    "tasks.outcomes",
    "feedback.given",
    "training.samples",
)
"""Topics with events about a task."""


@click.command()
@click.argument("task_id", metavar="ID")
@click.option("--verbose", "-v", is_flag=True, help="Show the place of each event, and every candidate.")
@click.option("--follow", "-f", is_flag=True, help="Wait for its outcome, as `headway submit --wait` does.")
@json_option
def task(task_id: str, verbose: bool, follow: bool, as_json: bool) -> None:
    """Tell the whole story of one task: every event about it, and the waits between them.

    ID may be the beginning or the end of the task's id when no other has the same.

    \b
    Example: headway task 0192f3c4-7a1e-7b55-9d52-5a3c1f0e8b11 --verbose
    Example: headway task 5a3c1f0e8b11 --follow
    """
    settings = load_settings()
    reach(settings)
    task_id = whole_id(settings, task_id)
    if follow:
        _follow(settings, task_id, as_json)
        return
    since = since_of(task_id)
    story = story_of(
        task_id, (r for topic in TELLING for r in read(settings, topic, since_us=since, containing=task_id))
    )
    if not story.entries:
        raise GatewayError(f"No topic has an event of task {task_id}; `headway tasks` lists ids.")
    if as_json:
        print_json(_story_as_json(story))
        return
    _print_story(story, verbose)
    silent = why_waiting(settings, story.waits_for, now_us()) if story.waits_for else None
    if silent:
        say(f"It {silent}.", style="yellow")


def _follow(settings: Settings, task_id: str, as_json: bool) -> None:
    submitted = find(settings, "tasks.submitted", "TaskSubmitted", task_id)
    if submitted is None:
        raise GatewayError(f"No task {task_id} was handed in; `headway tasks` lists ids.")
    watch = Watch(resubmit=False)
    watch.add([cast(TaskSubmitted, submitted)])
    with Follower(settings, followed(1)) as follower:
        for topic in ("dispatch.log", "tasks.progress", "tasks.outcomes"):
            for record in read(settings, topic, since_us=since_of(task_id), containing=task_id):
                watch.see(record, now_us())
        ended = wait_for(watch, follower, Sender(settings), settings)
    conclude(watch, as_json=as_json, ended=ended)


def _print_story(story: Story, verbose: bool) -> None:
    start = previous = story.entries[0].at
    say(f"{story.task_id}  {story.status}", style="bold")
    for entry in story.entries:
        gap = entry.at - previous
        place = f"  [{entry.record.place}]" if verbose else ""
        waited = f"+{duration(gap)}" if gap >= 0 else duration(gap)
        say(f"{moment(entry.at)[11:]}  {waited:>9}  {entry.title}{place}")
        for detail in entry.details if verbose else entry.details[:3]:
            say(f"{'':26}{detail}", style="dim")
        if not verbose and len(entry.details) > 3:
            say(f"{'':26}({len(entry.details) - 3} more with --verbose)", style="dim")
        previous = entry.at
    if story.children:
        say("Subtasks")
        for child, status in story.children.items():
            say(f"  {child}  {status}")
    _print_summary(story, start)


def _print_summary(story: Story, start: int) -> None:
    end = story.outcome["finished_at"] if story.outcome else now_us()
    all_in_all = f"{'took' if story.outcome else 'open for'} {duration(end - start)} in all"
    if story.started_at is not None:
        say(f"Waited {duration(story.started_at - start)}, ran {duration(end - story.started_at)}, {all_in_all}.")
    else:
        say(f"{'Its items' if story.children else 'Never started,'} {all_in_all}.")
    if story.outcome and story.outcome["output"]:
        say()
        say(story.outcome["output"])


def _story_as_json(story: Story) -> dict[str, Any]:
    start = story.entries[0].at
    finished_at = story.outcome["finished_at"] if story.outcome else None
    return {
        "task_id": story.task_id,
        "status": story.status,
        "to_start_ms": None if story.started_at is None else (story.started_at - start) / 1000,
        "to_finish_ms": None if finished_at is None else (finished_at - start) / 1000,
        "output": story.outcome["output"] if story.outcome else "",
        "children": [{"task_id": child, "status": status} for child, status in story.children.items()],
        "events": [
            {
                "at": entry.at,
                "event": entry.record.name,
                "title": entry.title,
                "topic": entry.record.topic,
                "partition": entry.record.partition,
                "offset": entry.record.offset,
                # Messages within messages are bytes, and are told as events of their own.
                "fields": {k: v for k, v in entry.record.event.items() if not isinstance(v, bytes)},
            }
            for entry in story.entries
        ],
    }


@click.command()
@click.option(
    "--state",
    type=click.Choice(ASKED_FOR),
    help="Only tasks in this state; open: without an outcome; went_wrong: failed, expired, dead_lettered or refused.",
)
@click.option("--agent", help="Only tasks of this agent.")
@click.option("--tenant", help="Only tasks of this tenant.")
@click.option("--session", help="Only tasks of this session.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this many.")
@click.option("--since", type=Duration(), default="1h", show_default=True, help="How far to look back.")
@json_option
def tasks(limit: int, since: int, as_json: bool, **options: str | None) -> None:
    """List tasks, newest first.

    Example: headway tasks --state open --agent code-writer --since 2h
    """
    settings = load_settings()
    reach(settings)
    now = now_us()
    listing = Listing()
    for topic in FED_WITH:
        for record in read(settings, topic, since_us=None if topic == "dispatch.log" else now - since):
            listing.see(record)
    found = listing.rows(Filter(**options))
    if as_json:
        for row in found[:limit]:
            print_json(row._asdict())
        return
    table(
        ["task", "state", "agent", "tenant", "pri", "handed in", "waited", "ran", "text"],
        (
            [
                row.task_id,
                row.state,
                row.agent_id,
                row.tenant_id,
                row.priority,
                f"{duration(now - row.submitted_at)} ago",
                duration(row.waited_us(now)),
                None if (ran := row.ran_us(now)) is None else duration(ran),
                short(row.text, 40),
            ]
            for row in found[:limit]
        ),
        right=["pri", "handed in", "waited", "ran"],
        giving=["tenant", "pri", "waited", "ran", "text", "handed in"],
    )
    more = f", {len(found) - limit} more with --limit" if len(found) > limit else ""
    remark(f"{many(len(found), 'task')} in the last {duration(since)}{more}.")
    if not found and (agent := options["agent"]):
        _tell_unknown(settings, agent)


def _tell_unknown(settings: Settings, agent: str) -> None:
    known = {d["agent_id"] for d in newest_by_key(settings, "agents.registry").values() if not d["removed"]}
    if agent not in known:
        remark(f"There is no agent {agent}{did_you_mean(agent, known)} `headway agents` lists them.")
