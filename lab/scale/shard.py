"""One partition of the dispatcher in virtual time: the line's own decisions, their log, and a crash of it."""

from collections import deque
from collections.abc import Callable
from typing import Any

from lab.scale.clock import Clock
from processors.dispatch import Dispatcher, Limits, Send
from processors.task import marker
from schemas.events import DispatchRecord, PoolStatus


class Shard:
    def __init__(self, clock: Clock, limits: Limits, write: Callable[[Send], None], *, logs: bool) -> None:
        """`write` takes what the dispatcher sends. `logs`: keep what a successor will have to read back."""
        self.dispatcher = Dispatcher(limits)
        self._clock, self._limits, self._write, self._logs = clock, limits, write, logs
        self._tick_at = 0
        self._down = False
        self._inbox: deque[tuple[str, Any]] = deque()
        """What came while nobody was there; the topics keep it."""
        self._live: dict[str, DispatchRecord] = {}
        self._done: dict[str, int] = {}
        """Of ended tasks only when; the rest of such a record says nothing."""
        self._statuses: dict[str, PoolStatus] = {}

    def put(self, what: str, event: Any) -> None:
        """Hands over one event: `decision`, `result` or `heartbeat`."""
        if self._down:
            self._inbox.append((what, event))
            return
        getattr(self.dispatcher, what)(event, self._clock.now)
        self._settle()

    def held(self) -> int:
        """All that the dispatcher and its pools keep, by number: what grows shows here, but for the ids of ended tasks,
        which have a bound."""
        pools = self.dispatcher.pools.values()
        keepers: list[Any] = [self.dispatcher, *pools, *(pool.queue for pool in pools)]
        return sum(_entries(value) for keeper in keepers for value in vars(keeper).values())

    def fall(self) -> None:
        """The process dies with all it knew; what it had written is there."""
        self._down = True

    def rise(self) -> None:
        """Another one reads the log back and takes up what has come since."""
        now = self._clock.now
        self.dispatcher = Dispatcher(self._limits)
        done = (marker(task_id, "done", at) for task_id, at in self._done.items())
        self.dispatcher.restore([*self._live.values(), *done], list(self._statuses.values()), now)
        self._down = False
        self._tick_at = 0
        while self._inbox:
            self.put(*self._inbox.popleft())
        self._settle()

    def _tick(self, due: int) -> None:
        if due == self._tick_at and not self._down:
            self._settle()

    def _settle(self) -> None:
        """One transaction: what time brings, then what follows of all that came."""
        dispatcher, now = self.dispatcher, self._clock.now
        if now >= dispatcher.due_at():
            dispatcher.tick(now)
        sends, records = dispatcher.take(now)
        if self._logs:
            self._keep(sends, records)
        for send in sends:
            self._write(send)
        due = max(now + 1, dispatcher.due_at())
        if not now < self._tick_at <= due:
            self._tick_at = due
            self._clock.at(due, self._tick, due)

    def _keep(self, sends: list[Send], records: dict[str, DispatchRecord | None]) -> None:
        for task_id, record in records.items():
            self._live.pop(task_id, None)
            self._done.pop(task_id, None)
            if record is not None and record["phase"] == "done":
                self._done[task_id] = record["entered_at"]
            elif record is not None:
                self._live[task_id] = record
        for send in sends:
            if send.topic == "dispatch.log":
                self._statuses[send.value["pool"]] = send.value


_COLLECTIONS = (dict, list, set, deque)


def _entries(value: Any) -> int:
    """Of a collection, with those of the collections in it."""
    if not isinstance(value, _COLLECTIONS):
        return 0
    parts = value.values() if isinstance(value, dict) else value
    return len(value) + sum(len(part) for part in parts if isinstance(part, _COLLECTIONS))
