"""Reads from Kafka what clients missed while they were away for longer than the ring reaches back.

One pass reads for all who wait at the time: a thousand clients that come back after an hour cost one pass through that
hour. It goes piece by piece (`pieces`), and each piece waits until those it is for have taken the one before; so a pass
holds the same little memory however much was missed, and only what Kafka no longer has is a gap. Who takes its piece so
slowly that others would wait for it loses the rest of it, and asks again once it reads.

A few passes take turns in one thread. Those who were away for long have a thread of their own, and nobody who was away
shortly waits for them.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from confluent_kafka import KafkaException

from gateway.live import reading
from gateway.live.joining import Client, Resume
from gateway.live.messages import Key, Told, keys_of, told_of
from gateway.live.order import Order, Read, Task
from gateway.live.places import Layout, Places
from infra import kafka, log
from infra.settings import Settings

NEAR_RECORDS = 200_000
"""Read in a few seconds; who lies behind further goes to the other thread."""

PASSES_MAX = 3
"""Passes of one thread that take turns; more clients wait for one of them to end."""

PIECE = 5_000
"""Messages of a piece, for all its clients together; a pass holds two pieces."""

TELLINGS, PASSED = 50, 4
"""How many times as many tellings a piece may have, for some are for many; and records, for some are for nobody."""

PATIENCE_S = 2.0
"""How long those who have taken their piece wait for one whose socket takes no more."""

ENDS_MAX = 50_000
"""Ends of tasks that are remembered from before the places to go on from."""

NEEDLES_MAX = 16
"""Names that are looked for in the bytes of a record; with more it is quicker to read the record."""

ENDS_BEFORE = 500
"""Outcomes of a partition that are read from before the place to go on from: who was told a task's end before, from
another partition, is not told its progress any more."""

STOP_S = 2.0
"""How long the end of a thread is waited for: it may be in a question to a Kafka that does not answer."""

AGAIN_S = 1.0
"""Wait before it is tried again while Kafka is away."""

LOOK_S = 0.02
"""How often it is seen who has taken a piece."""


@dataclass(slots=True, eq=False)
class Wish:
    """One client's resume, with the places to read from and to: copies, for the hub goes on."""

    client: Client
    resume: Resume
    start: Places
    end: Places
    stock: list[Told] = field(default_factory=list)
    """Of the piece that is being read."""
    handed: int = 0
    """Pieces that it was given."""
    without_room_s: float = 0.0
    """How long it took nothing of its piece so far."""
    is_answered: bool = False
    """Nothing more is read for it."""

    @property
    def is_wanted(self) -> bool:
        """False once the client has gone: then nobody is to wait for what it missed."""
        return not self.is_answered and self.client.joining.resume is self.resume

    @property
    def is_taken(self) -> bool:
        """Whether it was told all it was given."""
        return self.resume.pieces >= self.handed and not self.resume.stock


class Answers(Protocol):
    """The hub, reached from this thread."""

    def stocked(self, wish: Wish, stock: list[Told], end: Places, *, is_last: bool) -> None: ...
    def read_again(self, wish: Wish) -> None: ...
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
        self._passes: list[_Pass] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="live-replay", daemon=True)
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
        went_on = False
        while not self._stopping:
            wishes = self._new(0 if went_on else LOOK_S if self._passes else None)
            if wishes:
                self._passes.append(_Pass(self._settings, self._layout, self._answers, wishes))
            ready = [one for one in self._passes if one.is_ready()]
            for one in ready:
                one.go_on()
            self._passes = [one for one in self._passes if not one.is_over]
            went_on = bool(ready)
        for one in self._passes:
            one.end()

    def _new(self, wait_s: float | None) -> list[Wish]:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or (self._wishes and self._has_turn), wait_s)
            if not self._has_turn:
                return []
            wishes, self._wishes = [wish for wish in self._wishes if wish.is_wanted], []
        return wishes

    @property
    def _has_turn(self) -> bool:
        return len(self._passes) < PASSES_MAX


class _Pass:
    """One way through the topics, for some clients."""

    def __init__(self, settings: Settings, layout: Layout, answers: Answers, wishes: list[Wish]) -> None:
        self._settings = settings
        self._layout = layout
        self._answers = answers
        self._wishes = wishes
        self._consumer: Any = None
        self._pieces: Iterator[tuple[Places, bool]] | None = None
        self._looked_at = time.monotonic()
        self._log = log.bind(part="replay")
        self.is_over = False

    def is_ready(self) -> bool:
        """Whether its clients have taken what they were given, but for those who are too slow for that."""
        now = time.monotonic()
        passed, self._looked_at = now - self._looked_at, now
        self._wishes = [wish for wish in self._wishes if wish.is_wanted]
        waiting = [wish for wish in self._wishes if not wish.is_taken]
        for wish in waiting:
            if not wish.client.has_room:
                wish.without_room_s += passed
                if wish.without_room_s > PATIENCE_S:
                    self._leave(wish)
        return all(wish.is_answered for wish in waiting)

    def go_on(self) -> None:
        try:
            if self._wishes and self._pieces is None:
                self._pieces = self._begin()
            if (piece := next(self._pieces, None) if self._wishes and self._pieces else None) is None:
                self.end()
            else:
                hand_out(self._wishes, *piece, self._answers)
        except (kafka.KafkaTrouble, KafkaException) as error:
            self._log.warning("a replay failed and is done again", error=str(error))
            time.sleep(AGAIN_S)  # Kafka is away, most often for seconds: nobody misses anything for that
            for wish in self._wishes:
                self._leave(wish)
            self.end()
        except Exception as error:  # those that come later are not to wait for ever
            self._log.error("a replay failed", error=f"{type(error).__name__}: {error}", exc_info=error)
            for wish in self._wishes:
                self._give_up(wish, "What was missed could not be read; the gateway's log tells why.")
            self.end()

    def end(self) -> None:
        self.is_over = True
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _begin(self) -> Iterator[tuple[Places, bool]]:
        self._consumer = reading.reader(self._settings, auto_offset_reset="error")  # what is deleted meanwhile is a gap
        lows, highs = reading.bounds(self._consumer, self._layout)
        for wish in self._wishes:
            if (reason := _why_not(wish, lows, highs)) is not None:
                self._give_up(wish, reason)
        going = self._wishes = [wish for wish in self._wishes if not wish.is_answered]
        if not going:
            return iter(())
        start = [min(offsets) for offsets in zip(*(wish.start for wish in going), strict=True)]
        end = [max(offsets) for offsets in zip(*(wish.end for wish in going), strict=True)]
        for place, (topic, _) in enumerate(self._layout.pairs):
            if topic == "tasks.outcomes":
                start[place] = max(lows[place], start[place] - ENDS_BEFORE)
        reads = reading.read_between(self._consumer, self._layout, start, end, needles(going))
        return pieces(going, reads, len(self._layout))

    def _leave(self, wish: Wish) -> None:
        if not wish.is_answered:
            wish.is_answered = True
            self._answers.read_again(wish)

    def _give_up(self, wish: Wish, reason: str) -> None:
        if not wish.is_answered:
            wish.is_answered = True
            self._answers.gap(wish, reason)


def pieces(
    wishes: Sequence[Wish], reads: Iterable[Read], places: int, piece: int = PIECE
) -> Iterator[tuple[Places, bool]]:
    """Fills the stock of each with what it missed, in order and a piece at a time. With each piece: how far the reading
    is with it, and whether it is the last. `reads` are in the order of Kafka's time.
    """
    stretch = _Stretch(wishes, reads, places, piece)
    order = Order(places)
    ahead = stretch.next()
    while True:
        held, ahead = ahead, stretch.next() if stretch.goes_on else []
        for read, is_news in order.take_piece(held, ahead):
            told = _told(read) if is_news else None
            if told is not None:
                for wish in stretch.takers(read):
                    if not (told.is_progress and stretch.had_ended(read.task, wish)):
                        wish.stock.append(told)
        firsts = {read.place: read.offset for read in reversed(ahead)}
        reached = [
            firsts.get(place, position) if (left := order.reached(place)) is None else left
            for place, position in enumerate(stretch.positions)
        ]
        is_last = not ahead and not stretch.goes_on
        yield reached, is_last
        if is_last:
            return


def hand_out(wishes: Iterable[Wish], reached: Places, is_last: bool, answers: Answers) -> None:
    """What `pieces` has just found, to whom it is for. Who has all by now need not wait for the others."""
    for wish in wishes:
        end = [min(b, max(a, here)) for a, b, here in zip(wish.start, wish.end, reached, strict=True)]
        wish.is_answered = is_last or end == wish.end
        stock, wish.stock = wish.stock, []
        wish.handed += 1
        wish.without_room_s = 0.0
        answers.stocked(wish, stock, wish.end if is_last else end, is_last=wish.is_answered)


class _Stretch:
    """What lies before the clients of a pass, as records that somebody misses."""

    def __init__(self, wishes: Sequence[Wish], reads: Iterable[Read], places: int, piece: int) -> None:
        self.goes_on = True
        self.positions: Places = [0] * places
        """How far each place was read."""
        self._reads = iter(reads)
        self._piece = piece
        self._by_key: dict[Key, list[Wish]] = {}
        for wish in wishes:
            for key in wish.resume.keys:
                self._by_key.setdefault(key, []).append(wish)
        self._starts_last = [max(offsets) for offsets in zip(*(wish.start for wish in wishes), strict=True)]
        self._ends: OrderedDict[Task, tuple[int, int]] = OrderedDict()

    def next(self) -> list[Read]:
        """The next piece; it may be empty, while it goes on."""
        held: list[Read] = []
        tellings = 0
        for passed in count():
            if len(held) >= self._piece or tellings >= TELLINGS * self._piece or passed >= PASSED * self._piece:
                return held
            read = next(self._reads, None)
            if read is None:
                break
            self.positions[read.place] = read.offset + 1
            if read.name == "TaskOutcome" and read.offset < self._starts_last[read.place]:
                self._note_end(read)
            if takers := self.takers(read):
                held.append(read)
                tellings += len(takers)
        self.goes_on = False
        return held

    def takers(self, read: Read) -> list[Wish]:
        """Who is to be told of a record."""
        if not read.name:
            return []
        event, place, offset = read.event, read.place, read.offset
        keys = keys_of(event["tenant_id"], event["session_id"], event["task_id"], event.get("agent_id"))
        found = dict.fromkeys(wish for key in keys for wish in self._by_key.get(key, ()))
        return [wish for wish in found if wish.start[place] <= offset < wish.end[place] and not wish.is_answered]

    def had_ended(self, task: Task, wish: Wish) -> bool:
        """Whether it was told a task's end before it went away."""
        end = self._ends.get(task)
        return end is not None and end[1] < wish.start[end[0]]

    def _note_end(self, read: Read) -> None:
        self._ends.setdefault(read.task, (read.place, read.offset))
        if len(self._ends) > ENDS_MAX:
            self._ends.popitem(last=False)


def _told(read: Read) -> Told | None:
    try:
        return told_of(read)
    except Exception as error:  # nobody waits for the others because of one that nobody can tell
        told = f"{type(error).__name__}: {error}"
        log.bind(part="replay").error("a record cannot be told", what=read.name, error=told)
        return None


def needles(wishes: Iterable[Wish]) -> list[bytes] | None:
    """One of them is in the bytes of each record that somebody misses; null when that cannot be said."""
    keys = {key for wish in wishes for key in wish.resume.keys}
    if len(keys) > NEEDLES_MAX or not {kind for kind, _, _ in keys} <= {"session", "task"}:
        return None
    return [name.encode(errors="replace") for _, _, name in keys]


def records_behind(wish: Wish) -> int:
    return sum(max(0, end - start) for start, end in zip(wish.start, wish.end, strict=True))


def _why_not(wish: Wish, lows: Places, highs: Places) -> str | None:
    if any(start > high for start, high in zip(wish.start, highs, strict=True)):
        return "The token is of topics that were deleted since."
    if any(low > start and low > 0 for start, low in zip(wish.start, lows, strict=True)):
        return "Kafka no longer has all that was missed: the time it keeps records (retention) has passed."
    return None
