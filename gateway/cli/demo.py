"""`headway demo`: what `make run` shows: the line starts, works through a first batch, and says how it went."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from gateway import proof
from gateway.cli.logs import Tail
from gateway.cli.output import remark, say, table
from gateway.cli.stack import where_to_look
from gateway.cli.verify import sentence
from gateway.cli.waiting import STOPPED, wait_for
from gateway.first_batch import first_batch
from gateway.history import Follower, reach, read
from gateway.report import Report, percentile, report_on
from gateway.sending import Sender, now_us
from gateway.units import duration, money
from gateway.watching import Watch
from infra import stack
from infra.settings import Settings, load_settings

BATCH_LIMIT_S = 180
"""When the batch is not through by then, the report says how far it came."""


@click.command()
@click.option(
    "--once", is_flag=True, help="Stop after the report; exit code 1 unless every task ended and none was lost."
)
def demo(once: bool) -> None:
    """Start the line if it is not up, run a first batch of tasks, and report.

    Stays up until Ctrl-C and then stops what it has started.

    Example: headway demo --once
    """
    settings = load_settings()
    with _line(settings) as started_here:
        good = _run_batch(settings)
        if started_here and not once:
            # From here on Ctrl-C is the ordinary end, and no mishap.
            with suppress(KeyboardInterrupt):
                say("\nThe line stays up until Ctrl-C. What dies and starts again is told here.")
                _stay(settings)
    if not good:
        sys.exit(1)


@contextmanager
def _line(settings: Settings) -> Iterator[bool]:
    """A running line; true when it was started here and is stopped at the end."""
    if stack.status(settings)["state"] != "stopped":
        reach(settings)
        remark(f"The line is up already at {settings.bootstrap}.")
        yield False
        return
    # A closed terminal and a polite kill must not leave the line behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # A shell that is no terminal starts what runs in the background deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _start(settings)
        yield True
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    finally:
        remark("Stopping the line…")
        stack.down(settings)


def _leave(number: int, _frame: Any) -> NoReturn:
    sys.exit(128 + number)


def _start(settings: Settings) -> None:
    """Starts the line and tells of each process as it gets ready."""
    began = time.monotonic()
    remark(f"Starting the line; its logs are in {stack.logs(settings)}.")
    failures: list[Exception] = []

    def start() -> None:
        try:
            stack.up(settings, detach=True)
        except Exception as error:  # raised below, in the thread that the person sees
            failures.append(error)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    told: set[str] = set()
    while starting.is_alive():
        _tell_ready(settings, told, began)
        starting.join(0.1)
    if failures:
        raise failures[0]
    _tell_ready(settings, told, began)
    remark(f"The line is up at {settings.bootstrap} after {time.monotonic() - began:.1f} s.")
    remark(where_to_look(settings))


def _tell_ready(settings: Settings, told: set[str], began: float) -> None:
    for process in stack.status(settings)["processes"]:
        if process["state"] == "ready" and process["name"] not in told:
            told.add(process["name"])
            remark(f"  {process['name']} ready after {time.monotonic() - began:.1f} s")


def _stay(settings: Settings) -> None:
    """Until Ctrl-C, or until somebody else stops the line; what the supervisor does meanwhile is told."""
    events = Tail(stack.logs(settings) / "stack.log")
    while stack.status(settings)["state"] != "stopped":
        for line in events.new_lines():
            remark(line)
        time.sleep(1)


def _run_batch(settings: Settings) -> bool:
    """Hands in the batch, follows it, reports; whether every task ended and none was lost."""
    began_us = now_us()
    batch = first_batch(began_us)
    watch = Watch()
    watch.add(batch)
    with Follower(settings, ["tasks.outcomes", "tasks.progress"]) as follower:
        sender = Sender(settings)
        sender.submit(batch)
        items = sum(len(task["items"]) for task in batch)
        remark(
            f"{len(batch)} tasks handed in; one has {items} items, each a task of its own: {len(batch) + items} in all."
        )
        ended = wait_for(watch, follower, sender, settings, limit_us=BATCH_LIMIT_S * 1_000_000)
    sessions = {task["session_id"] for task in batch}
    outcomes = [
        record.event
        for record in read(settings, "tasks.outcomes", since_us=began_us)
        if record.event["session_id"] in sessions
    ]
    _print_report(report_on(outcomes))
    verdict = proof.verify(settings, wait_s=10)
    say(f"\nProof:   {sentence(verdict)}", style="green" if verdict.holds else "red")
    parent = next(task["task_id"] for task in batch if task["items"])
    say("\nLook further:")
    live = (("headway open", f"the page: {settings.gateway}/"), ("headway watch", "the same in a terminal"))
    for command, what in (
        *(live if settings.gateways else ()),
        ("headway tasks", "the tasks, newest first"),
        (f"headway task {parent}", "the story of one, here the one with items"),
        ("headway agents", "who works, and how loaded they are"),
        ("headway dlq list", "what was given up, and why"),
        ('headway submit "Review the login module" --wait', "a task of your own"),
    ):
        say(f"  {command:<52} {what}")
    return ended and verdict.holds


def _print_report(report: Report) -> None:
    say(
        f"\n{report.tasks:,} tasks: " + ", ".join(f"{n:,} {status}" for status, n in report.by_status.items()),
        style="bold",
    )
    say("         (two end so on purpose: one expires, its deadline having passed; one fails, its agent not existing)")
    say(f"Start:   {_spread(report.to_start_us)} after the submission")
    say(f"Finish:  {_spread(report.to_finish_us)} after the submission, for those completed")
    say(f"Again:   {report.retried:,} retried after an error, {report.redone:,} redone after a poor evaluation")
    say(f"Cost:    {money(report.cost_usd_micros)} for {report.tokens:,} tokens\n")
    table(
        ["agent", "tasks", "success", "mean run", "cost"],
        (
            [
                row.agent_id,
                row.tasks,
                f"{row.success:.0%}",
                None if row.mean_run_us is None else duration(row.mean_run_us),
                money(row.cost_usd_micros),
            ]
            for row in report.agents
        ),
        right=["tasks", "success", "mean run", "cost"],
    )


def _spread(values: list[int]) -> str:
    half, most = percentile(values, 0.5), percentile(values, 0.99)
    return "none" if half is None or most is None else f"p50 {duration(half)}, p99 {duration(most)}"
