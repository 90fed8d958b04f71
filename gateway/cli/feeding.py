"""Handing in a large file no faster than the queues can take it."""

import time
from collections.abc import Iterator, Sequence

from gateway.cli.output import remark
from gateway.flow import Window
from gateway.history import Follower
from gateway.lag import on_the_way
from gateway.sending import Sender, now_us
from infra.settings import Settings
from schemas.events import TaskSubmitted

CHUNK = 500
"""Tasks confirmed at a time: one wait for Kafka each."""

POLL_S = 0.2
MEASURE_EVERY_S = 0.5
REMARK_EVERY_S = 10.0


def feed(settings: Settings, sender: Sender, tasks: Sequence[TaskSubmitted]) -> Iterator[Sequence[TaskSubmitted]]:
    """Sends in chunks and yields each chunk when Kafka has it. Holds back while a queue is nearly full."""
    if len(tasks) <= CHUNK:
        sender.submit(tasks)
        yield tasks
        return
    window = Window(settings.queue_max)
    sent, remark_due = 0, time.monotonic()
    measured = 0.0
    with Follower(settings, ["pools.status"], from_start=True) as statuses:
        while sent < len(tasks):
            for record in statuses.poll(POLL_S if window.room() <= 0 else 0.0):
                window.see(record.event)
            if time.monotonic() - measured > MEASURE_EVERY_S:
                at = now_us()
                window.see_lag(on_the_way(settings), at)
                measured = time.monotonic()
            room = min(window.room(), CHUNK)
            if room > 0:
                chunk = tasks[sent : sent + room]
                sender.submit(chunk)
                sent += len(chunk)
                window.sent(len(chunk), now_us())
                yield chunk
            elif time.monotonic() >= remark_due:
                remark(f"{sent} of {len(tasks)} handed in, the rest is held back: {window.why_held()}.")
                remark_due = time.monotonic() + REMARK_EVERY_S
