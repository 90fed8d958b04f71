"""One attempt in the hands of a host."""

import asyncio

from schemas.events import TaskAssigned
from schemas.trace import headers
from streams.executor.clock import now_us
from streams.executor.outbox import Headers
from streams.executor.reports import End

_TIMEOUT_MAX_S = 7 * 86_400.0


class Attempt:
    __slots__ = ("assigned", "begun", "ended", "offset", "partition", "sequence", "started_at", "stop", "task", "trace")

    def __init__(self, assigned: TaskAssigned, partition: int, offset: int) -> None:
        self.assigned = assigned
        self.partition = partition
        self.offset = offset
        self.trace: Headers = headers(assigned["task_id"])
        self.started_at: int | None = None
        self.sequence = 0
        """Of its next progress event."""
        self.begun = False
        """Its task runs, so that cancelling it is noticed."""
        self.ended = False
        """Its end is reported; it stays in hand until the broker has the report."""
        self.stop: End | None = None
        """How it ends when it is stopped from outside."""
        self.task: asyncio.Task[None] | None = None
        """None until there is room for it, and for ever when it was refused."""

    @property
    def timeout_s(self) -> float:
        return min(max(self.assigned["timeout_ms"] / 1000, 0.0), _TIMEOUT_MAX_S)

    def timed_out(self) -> End:
        return End("failed", error=f"timed out after {self.timeout_s:g} s", retryable=True)

    def too_late(self) -> End | None:
        if self.assigned["deadline_at"] is not None and now_us() > self.assigned["deadline_at"]:
            return End("expired", error="its deadline passed before it was started")
        return None

    def ending(self, end: End) -> End:
        """How it ended, given how its agent did: an agent that finished all the same has finished."""
        return end if self.stop is None or end.kind == "completed" else self.stop
