"""Reads from Kafka what clients missed while they were away for longer than the ring reaches back.

One thread reads for all who wait at the time: a thousand clients that come back after an hour cost one pass through
that hour. Those who were away for long have a thread of their own, and nobody who was away shortly waits for them. What
a pass holds in memory is bounded; who missed more than that is told of a gap and shown how things are.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol

from confluent_kafka import KafkaException

from gateway.live import reading
from gateway.live.joining import Client, Resume
from gateway.live.messages import Key, Told, keys_of, told_of
from gateway.live.order import Order, Read, Task
from gateway.live.places import Layout, Places
from infra import kafka, log
from infra.settings import Settings

RECORDS_MAX = 20_000_000
"""Records that a client may lie behind, its own or not: a minute or two of reading."""

NEAR_RECORDS = 200_000
"""Read in a few seconds; who lies behind further goes to the other thread."""

TOLD_MAX = 20_000
"""Messages that one client may have missed; beyond it nobody reads them one by one."""

HELD_MAX = 100_000
"""Messages in the memory of one pass, for all its clients together."""

NEEDLES_MAX = 16
"""Names that are looked for in the bytes of a record; with more it is quicker to read the record."""


ENDS_BEFORE = 500
"""Outcomes of a partition that are read from before the place to go on from: who was told a task's end before, from
another partition, is not told its progress any more."""

STOP_S = 2.0
"""How long the end of a thread is waited for: it may be in a question to a Kafka that does not answer."""

AGAIN_S = 1.0
TRIES_MAX = 60
"""How often a pass is tried again while Kafka is away."""


@dataclass(slots=True)
class Wish:
    """One client's resume, with the places to read from and to: copies, for the hub goes on."""

    client: Client
    resume: Resume
    start: Places
    end: Places
    count: int = 0
    """Records that it misses, as far as they were read."""
    stock: list[Told] = field(default_factory=list)
    tries: int = 0
    is_answered: bool = False

    @property
    def is_wanted(self) -> bool:
        """False once the client has gone: then nobody is to wait for what it missed."""
        return self.client.joining.resume is self.resume


class Answers(Protocol):
    """The hub, reached from this thread."""

    def stocked(self, wish: Wish) -> None: ...
    def gap(self, wish: Wish, reason: str) -> None: ...


class Replays:
    def __init__(self, settings: Settings, layout: Layout, answers: Answers) -> None:
        self._near, self._far = (_Reader(settings, layout, answers) for _ in range(2))

    def stop(self) -> None:
        for reader in (self._near, self._far):
            reader.stop()

    def ask(self, wish: Wish) -> None:
        (self._near if records_behind(wish) <= NEAR_RECORDS else self._far).ask(wish)


class _Reader:
    def __init__(self, settings: Settings, layout: Layout, answers: Answers) -> None:
        self._settings = settings
        self._layout = layout
        self._answers = answers
        self._wishes: list[Wish] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="live-replay", daemon=True)
        self._log = log.bind(part="replay")
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(STOP_S)

    def ask(self, wish: Wish) -> None:
        with self._changed:
            self._wishes.append(wish)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wishes or self._stopping)
                wishes, self._wishes = [wish for wish in self._wishes if wish.is_wanted], []
            if self._stopping:
                return
            if not wishes:
                continue
            consumer = None
            try:
                consumer = reading.reader(self._settings)
                self._pass(consumer, wishes)
            except (kafka.KafkaTrouble, KafkaException) as error:
                self._log.warning("a replay failed and is done again", error=str(error))
                self._again(wishes)
            except Exception as error:  # those that come later are not to wait for ever
                self._log.error("a replay failed", error=f"{type(error).__name__}: {error}", exc_info=error)
                for wish in wishes:
                    if not wish.is_answered:
                        self._answers.gap(wish, "What was missed could not be read; the gateway's log tells why.")
            finally:
                if consumer is not None:
                    consumer.close()

    def _again(self, wishes: list[Wish]) -> None:
        """Kafka is away, most often for seconds: nobody misses anything for that."""
        time.sleep(AGAIN_S)
        for wish in wishes:
            wish.tries += 1
            if wish.tries > TRIES_MAX:
                self._answers.gap(wish, "Kafka could not be read.")
            elif not wish.is_answered and wish.is_wanted:
                wish.stock, wish.count = [], 0
                self.ask(wish)

    def _pass(self, consumer: Any, wishes: list[Wish]) -> None:
        lows, highs = reading.bounds(consumer, self._layout)
        going = []
        for wish in wishes:
            reason = _why_not(wish, lows, highs)
            if reason is None:
                going.append(wish)
            else:
                wish.is_answered = True
                self._answers.gap(wish, reason)
        if not going:
            return
        start = [min(offsets) for offsets in zip(*(wish.start for wish in going), strict=True)]
        end = [max(offsets) for offsets in zip(*(wish.end for wish in going), strict=True)]
        for place, (topic, _) in enumerate(self._layout.pairs):
            if topic == "tasks.outcomes":
                start[place] = max(lows[place], start[place] - ENDS_BEFORE)
        reads = reading.read_between(consumer, self._layout, start, end, needles(going))
        fill(going, takewhile(lambda _: not self._stopping, reads), len(self._layout), self._answers)
        for wish in going:
            wish.is_answered = True
            self._answers.stocked(wish)


def fill(wishes: list[Wish], reads: Iterable[Read], places: int, answers: Answers) -> None:
    """Gives each what it missed, in order. Who missed too much hears of a gap, and is taken out of `wishes`."""
    listeners = _Listeners(wishes)
    held: list[Read] = []
    ends: dict[Task, Read] = {}
    for read in reads:
        if read.name == "TaskOutcome":
            ends.setdefault(read.task, read)
        takers = listeners.of(read)
        if not takers:
            continue
        held.append(read)
        for wish in takers:
            wish.count += 1
        most = max(takers, key=_count)
        if len(held) > HELD_MAX:
            most = max(wishes, key=_count)
        elif most.count <= TOLD_MAX:
            continue
        wishes.remove(most)
        most.is_answered = True
        listeners = _Listeners(wishes)
        answers.gap(most, f"Too much was missed: more than {most.count - 1:,} messages.")
        held = [read for read in held if listeners.of(read)]
    for read, is_news in Order(places).take_stretch(held):
        told = told_of(read) if is_news else None
        if told is not None:
            for wish in listeners.of(read):
                if not (told.is_progress and _was_told(ends.get(read.task), wish)):
                    wish.stock.append(told)


def _was_told(read: Read | None, wish: Wish) -> bool:
    return read is not None and read.offset < wish.start[read.place]


class _Listeners:
    """Who is to be told of a record."""

    def __init__(self, wishes: Iterable[Wish]) -> None:
        self._by_key: dict[Key, list[Wish]] = {}
        for wish in wishes:
            for key in wish.resume.keys:
                self._by_key.setdefault(key, []).append(wish)

    def of(self, read: Read) -> list[Wish]:
        if not read.name:
            return []
        event, place, offset = read.event, read.place, read.offset
        keys = keys_of(event["tenant_id"], event["session_id"], event["task_id"], event.get("agent_id"))
        found = {id(wish): wish for key in keys for wish in self._by_key.get(key, ())}
        return [wish for wish in found.values() if wish.start[place] <= offset < wish.end[place]]


def needles(wishes: Iterable[Wish]) -> list[bytes] | None:
    """One of them is in the bytes of each record that somebody misses; null when that cannot be said."""
    keys = {key for wish in wishes for key in wish.resume.keys}
    if len(keys) > NEEDLES_MAX or not {kind for kind, _, _ in keys} <= {"session", "task"}:
        return None
    return [name.encode(errors="replace") for _, _, name in keys]


def records_behind(wish: Wish) -> int:
    return sum(max(0, end - start) for start, end in zip(wish.start, wish.end, strict=True))


def _count(wish: Wish) -> int:
    return wish.count


def _why_not(wish: Wish, lows: Places, highs: Places) -> str | None:
    if any(start > high for start, high in zip(wish.start, highs, strict=True)):
        return "The token is of topics that were deleted since."
    if any(low > start and low > 0 for start, low in zip(wish.start, lows, strict=True)):
        return "Kafka no longer has all that was missed: the time it keeps records (retention) has passed."
    if records_behind(wish) > RECORDS_MAX:
        return f"More than {RECORDS_MAX:,} records were written since."
    return None
