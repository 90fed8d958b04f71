"""Topics read side by side, put into one order in which a task's events follow each other as they happened. Pure.

A task's events lie on eight topics and on different partitions of each, and a reader may get a later one first. Each
partition is a queue here that is only ever taken from at its head, so one offset a partition says what was taken. A
head waits while an event that must have been written before it has not been taken: nobody runs what was not assigned.
Among heads that do not wait the oldest by Kafka's time goes first.

Waiting cannot block for ever. What a head waits for was written before it, so two heads never wait for each other. And
what never comes (it was deleted by retention, or lies before the place where reading began) is given up with `free`.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from gateway.live.places import Places

REMEMBERED_MAX = 30_000
"""Tasks whose taken events are remembered. About one that was forgotten `free` decides, a moment later."""

Task = tuple[str, str]
"""Tenant and id: an id is chosen by whoever hands in, so two tenants may have the same one."""

Fact = int
"""What happened to a task: a kind, and the attempt it happened in."""

Where = tuple[int, int]
"""Place and offset of a record."""

_ATTEMPTS = 1_000_000
SUBMITTED, DECIDED, ASSIGNED, TAKEN_BACK, RESULTED, EVALUATED, ENDED, PROGRESSED, MOVED = (
    kind * _ATTEMPTS for kind in range(1, 10)
)


class Read(NamedTuple):
    """A record of one of the topics, with its place in the layout."""

    place: int
    offset: int
    at_ms: int
    """Kafka's time."""
    name: str
    """The event's; empty for a record that is to be passed over."""
    event: dict[str, Any]

    @property
    def task(self) -> Task:
        return self.event["tenant_id"], self.event["task_id"]


class Order:
    def __init__(self, places: int) -> None:
        self._queues: list[deque[Read]] = [deque() for _ in range(places)]
        self._ready: list[tuple[int, int]] = []
        """Heads that may go: Kafka's time, place."""
        self._waiting: dict[tuple[Task, Fact], list[int]] = {}
        """Places whose head waits, by what for."""
        self._free: Places = [0] * places
        """Heads before these offsets do not wait: what is not there now does not come."""
        self._facts: OrderedDict[Task, dict[Fact, Where]] = OrderedDict()
        """With the record that told it first."""
        self._stretch: set[tuple[Task, Fact]] | None = None
        """All that can come before what lies before `_stretch_ends`; null: anything."""
        self._stretch_ends: Places | None = None
        self._last_progress: dict[Task, tuple[int, int]] = {}
        """Place and offset, of the tasks in a stretch: their end waits for it."""

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def add(self, reads: Iterable[Read]) -> None:
        for read in reads:
            queue = self._queues[read.place]
            queue.append(read)
            if len(queue) == 1:
                self._look(read.place)

    def take(self) -> Iterator[tuple[Read, bool]]:
        """What may go, in order, each with whether it is to be told: repeats, and progress after the end, are not."""
        while self._ready:
            place = heapq.heappop(self._ready)[1]
            read = self._queues[place].popleft()
            try:
                yield read, bool(read.name) and self._note(read)
            finally:  # also when whoever takes it fails: the others of the partition are not to wait for ever
                self._look(place)

    def take_stretch(self, reads: Iterable[Read], ends: Places | None = None) -> Iterator[tuple[Read, bool]]:
        """The same for a whole stretch of the topics. What lies before `ends` (all of it, without) waits for nothing
        that is not in the stretch.
        """
        held = list(reads)
        self._stretch_ends = ends
        yield from self._take_all(held, held, self._in_stretch)

    def take_piece(self, reads: Iterable[Read], ahead: Iterable[Read]) -> Iterator[tuple[Read, bool]]:
        """The same for a stretch too long to be held at once: a piece of it, with the one after that, of which nothing
        is taken yet. What waits for something in there is taken with it; nobody waits for longer. Without another
        piece nothing waits.
        """
        after = list(ahead)
        left = [queue[-1].offset + 1 if queue else 0 for queue in self._queues]
        known = [*(read for queue in self._queues for read in queue), *(held := list(reads)), *after]
        yield from self._take_all(held, known, lambda head: not after or head.offset < left[head.place])

    def _take_all(
        self, held: list[Read], known: list[Read], may_go: Callable[[Read], bool]
    ) -> Iterator[tuple[Read, bool]]:
        """`known`: all that something may wait for. `may_go`: which heads go even so, the oldest first."""
        self._stretch = {(read.task, fact) for read in known if read.name and (fact := fact_of(read)) is not None}
        for read in known:
            if read.name == "TaskProgress":
                self._last_progress[read.task] = (read.place, read.offset)
                self._stretch.add((read.task, PROGRESSED))
        for task in self._last_progress:
            self._facts.get(task, {}).pop(PROGRESSED, None)
        self.add(held)
        yield from self.take()
        while self._let_oldest_go(may_go):
            yield from self.take()
        self._stretch = self._stretch_ends = None
        self._last_progress.clear()

    def reached(self, place: int) -> int | None:
        """The first that was added and not taken; null when all was."""
        queue = self._queues[place]
        return queue[0].offset if queue else None

    def free(self, places: Places) -> None:
        """Says that all was read that had been written before the records in front of these offsets."""
        self._free = places
        waiting, self._waiting = self._waiting, {}
        for waiters in waiting.values():
            for place in waiters:
                self._look(place)

    def first(self, task: Task, fact: Fact) -> Where | None:
        """The record that told something first; null when it is not remembered."""
        return self._facts.get(task, {}).get(fact)

    def _let_oldest_go(self, may_go: Callable[[Read], bool]) -> bool:
        """For a stretch that no line of ours wrote: it may hold anything, also two heads that wait for each other."""
        waiting = [place for waiters in self._waiting.values() for place in waiters]
        heads = [(self._queues[place][0].at_ms, place) for place in waiting if may_go(self._queues[place][0])]
        if not heads:
            return False
        oldest = min(heads)
        self._waiting = {what: rest for what, w in self._waiting.items() if (rest := [p for p in w if p != oldest[1]])}
        heapq.heappush(self._ready, oldest)
        return True

    def _in_stretch(self, read: Read) -> bool:
        return self._stretch_ends is None or read.offset < self._stretch_ends[read.place]

    def _look(self, place: int) -> None:
        queue = self._queues[place]
        if not queue:
            return
        head = queue[0]
        missing = None if head.offset < self._free[place] else self._missing(head)
        if missing is None:
            heapq.heappush(self._ready, (head.at_ms, place))
        else:
            self._waiting.setdefault((head.task, missing), []).append(place)

    def _missing(self, read: Read) -> Fact | None:
        needs = needed(read)
        if not needs:
            return None
        task = read.task
        facts = self._facts.get(task, {})
        if read.name == "TaskOutcome" and task in self._last_progress:
            needs.append(PROGRESSED)
        stretch = self._stretch if self._in_stretch(read) else None
        return next((f for f in needs if f not in facts and (stretch is None or (task, f) in stretch)), None)

    def _note(self, read: Read) -> bool:
        task, fact = read.task, fact_of(read)
        facts = self._facts.get(task)
        if facts is None:
            facts = self._facts[task] = {}
            if len(self._facts) > REMEMBERED_MAX:
                self._facts.popitem(last=False)
        if read.name == "FeedbackGiven":
            return True  # it may come at any time
        if fact is None:
            if self._last_progress.get(task) == (read.place, read.offset):
                self._note_fact(task, PROGRESSED, (read.place, read.offset))
            return ENDED not in facts
        if fact == MOVED and ENDED in facts:
            return False
        return self._note_fact(task, fact, (read.place, read.offset))

    def _note_fact(self, task: Task, fact: Fact, where: Where) -> bool:
        """Whether it is new."""
        facts = self._facts[task]
        if fact in facts:
            return False
        facts[fact] = where
        for place in self._waiting.pop((task, fact), ()):
            self._look(place)
        return True


def fact_of(read: Read) -> Fact | None:
    """Null for progress, which may be lost, and for feedback: nothing waits for them."""
    event = read.event
    match read.name:
        case "TaskSubmitted":
            return SUBMITTED
        case "RoutingDecision":
            return DECIDED
        case "TaskMoved":
            return MOVED
        case "TaskAssigned":
            return (ASSIGNED if event["kind"] == "run" else TAKEN_BACK) + int(event["attempt"])
        case "TaskResult" if event["kind"] != "step":
            return RESULTED + int(event["attempt"])
        case "Evaluation":
            return EVALUATED + int(event["attempt"])
        case "TaskOutcome":
            return ENDED
    return None


def needed(read: Read) -> list[Fact]:
    """What was written before this."""
    event = read.event
    match read.name:
        case "RoutingDecision":
            return [SUBMITTED]
        case "TaskMoved":
            return [DECIDED]
        case "TaskAssigned" if event["kind"] == "run":
            attempt = int(event["attempt"])
            # One whose host fell silent has no result: Kafka is asked then, which takes a moment (`free`).
            return [DECIDED] if attempt == 1 else [ASSIGNED + attempt - 1, RESULTED + attempt - 1]
        case "TaskAssigned" | "TaskProgress" | "TaskResult":
            return [ASSIGNED + int(event["attempt"])]
        case "Evaluation" if event["attempt"]:
            return [RESULTED + int(event["attempt"])]
        case "TaskOutcome":
            return _before_outcome(event)
    return []


def _before_outcome(event: dict[str, Any]) -> list[Fact]:
    attempts = int(event["attempts"])
    if attempts == 0:
        return [DECIDED]
    last = [ASSIGNED + attempts]
    if event["status"] == "completed":
        last.append(RESULTED + attempts)
        if event["quality"] is not None:
            last.append(EVALUATED + attempts)
    return last
