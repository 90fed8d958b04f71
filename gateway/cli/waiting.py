"""Waiting for tasks: a line for each when they are few, one bar when they are many, plain lines in a pipe."""

import sys
import time
from contextlib import suppress
from typing import Any, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from gateway.alive import why_waiting
from gateway.cli.output import STATUS_STYLES, in_line, print_json, remark, remarks, say
from gateway.history import Follower
from gateway.sending import Sender, now_us
from gateway.units import duration, many, money, short
from gateway.watching import Watch, Watched
from infra.kafka import KafkaTrouble
from infra.settings import Settings

FEW = 8
"""Tasks that get a line each."""

STOPPED = 130
"""Exit code after Ctrl-C, as shells expect it."""

SILENT_S = 5.0
"""A task that waits this long is asked after: perhaps nobody is there to take it."""

POLL_S = 0.2


class Display(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def show(self, watch: Watch, changed: list[Watched]) -> None: ...


class Lines:
    """For a pipe or a log: a line when a task of few changes, or at each tenth of many."""

    def __init__(self, watch: Watch) -> None:
        self._few = len(watch.tasks) <= FEW
        self._told: dict[int, str] = {}
        self._tenths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def show(self, watch: Watch, changed: list[Watched]) -> None:
        if self._few:
            for task in changed:
                # The end of the last is told by `conclude`.
                if self._told.get(id(task)) != task.doing and watch.open:
                    self._told[id(task)] = task.doing
                    remark(f"{task.task_id} {task.doing}")
        elif (tenths := 10 * watch.counts.total() // len(watch.tasks)) > self._tenths:
            self._tenths = tenths
            remark(f"{watch.counts.total()} of {len(watch.tasks)} ended{_counts(watch)}")


class TaskLines:
    """For a terminal and few tasks: what each is doing now."""

    def __init__(self, watch: Watch) -> None:
        self._live = Live(self._drawn(watch), console=remarks, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._live.stop()

    def show(self, watch: Watch, changed: list[Watched]) -> None:
        if changed:
            self._live.update(self._drawn(watch))

    def _drawn(self, watch: Watch) -> Group:
        return Group(*(self._line(task) for task in watch.tasks.values()))

    def _line(self, task: Watched) -> Text:
        style = STATUS_STYLES.get(task.doing, "")
        line = Text(f"{task.task_id[-12:]} ", style="dim")
        line.append(f"{in_line(task.doing)}  ", style=style)
        line.append(in_line(short(task.submission["text"], 50)), style="dim")
        return line


class Bar:
    """For a terminal and many tasks: how many have ended, and how."""

    def __init__(self, watch: Watch) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=remarks,
            transient=True,
        )
        self._row = self._progress.add_task("", total=len(watch.tasks))

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._progress.stop()

    def show(self, watch: Watch, changed: list[Watched]) -> None:
        running = sum(1 for task in watch.tasks.values() if task.outcome is None and task.doing != "waiting")
        self._progress.update(
            self._row, completed=watch.counts.total(), description=f"{running} running{_counts(watch)}"
        )


def display_for(watch: Watch) -> Display:
    if not remarks.is_terminal:
        return Lines(watch)
    return TaskLines(watch) if len(watch.tasks) <= FEW else Bar(watch)


def followed(count: int) -> list[str]:
    """The topics that `wait_for` wants followed. Only of a few tasks it is told what the dispatcher does with them."""
    return ["tasks.outcomes", "tasks.progress", *(["dispatch.log"] if count <= FEW else [])]


def wait_for(
    watch: Watch, follower: Follower, sender: Sender, settings: Settings, *, limit_us: int | None = None
) -> bool:
    """Follows the tasks until all have their outcome; false when the limit came first. Ctrl-C ends the command."""
    until = None if limit_us is None else time.monotonic() + limit_us / 1_000_000
    ask_at = time.monotonic() + SILENT_S
    try:
        with display_for(watch) as display:
            while watch.open:
                if until is not None and time.monotonic() > until:
                    return False
                now = now_us()
                changed = [watch.see(record, now) for record in follower.poll(POLL_S)]
                if time.monotonic() > ask_at and len(watch.tasks) <= FEW:
                    changed += _ask_after(watch, settings, now)
                    ask_at = time.monotonic() + 2 * SILENT_S
                _hand_in_again(watch, sender, now)
                display.show(watch, [task for task in changed if task is not None])
    except KeyboardInterrupt:
        remark(f"Stopped waiting; {watch.open} of {len(watch.tasks)} tasks go on. `headway tasks` shows them.")
        sys.exit(STOPPED)
    return True


def _ask_after(watch: Watch, settings: Settings, now: int) -> list[Watched]:
    """Tasks in the queue of an agent that nobody runs, which now say so."""
    changed = []
    with suppress(KafkaTrouble):  # asked after again when Kafka is back
        for task in watch.tasks.values():
            if task.agent_id and task.outcome is None and (reason := why_waiting(settings, task.agent_id, now)):
                task.doing = reason
                changed.append(task)
    return changed


def _hand_in_again(watch: Watch, sender: Sender, now: int) -> None:
    renewed = watch.due(now)
    if not renewed:
        return
    sender.submit([task.submission for _, task in renewed])
    for old_id, task in renewed[:FEW]:
        remark(f"{old_id} was refused (queue full) and is handed in again as {task.task_id}.")
    if len(renewed) > FEW:
        remark(f"{len(renewed) - FEW} more refused tasks are handed in again under new ids.")


def conclude(watch: Watch, *, as_json: bool, ended: bool) -> None:
    """Prints how the tasks ended and exits: 0 when all completed, else 1."""
    tasks = list(watch.tasks.values())
    if as_json:
        for task in tasks:
            print_json(_as_json(task))
    elif len(tasks) == 1:
        _print_one(tasks[0])
    else:
        for task in tasks:
            say(f"{task.task_id} {task.doing}: {short(_said(task), 200)}")
        remark(f"{many(len(tasks), 'task')}{_counts(watch)}.")
    if not ended:
        remark(f"{watch.open} still open after the time to wait; they go on. See `headway task ID`.")
    if not watch.all_completed:
        sys.exit(1)


def _print_one(task: Watched) -> None:
    """The answer alone on stdout, so that it can be redirected; the circumstances on stderr."""
    outcome = task.outcome
    if outcome is None:
        say(task.task_id)
        remark(f"{task.task_id} {task.doing}")
        return
    took = duration(outcome["finished_at"] - outcome["submitted_at"])
    agent = f" by {outcome['agent_id']}" if outcome["agent_id"] else ""
    error = f": {outcome['error']}" if outcome["error"] else ""
    remark(f"{task.task_id} {outcome['status']}{agent} after {took}, {money(outcome['cost_usd_micros'])}{error}")
    if outcome["status"] == "completed":
        say(outcome["output"])


def _said(task: Watched) -> str:
    return "" if task.outcome is None else task.outcome["error"] or task.outcome["output"]


def _as_json(task: Watched) -> dict[str, Any]:
    names = ("status", "output", "error", "agent_id", "model", "attempts", "quality", "cost_usd_micros", "items")
    outcome = task.outcome or {}
    return {"task_id": task.task_id, "status": "open"} | {name: outcome[name] for name in names if name in outcome}


def _counts(watch: Watch) -> str:
    return "".join(f", {count:,} {status}" for status, count in watch.counts.most_common())
