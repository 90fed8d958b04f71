"""The reader of tasks.assigned: a thread that owns the consumer, hands records to the event loop and commits.

A committed offset says who wrote it. `closed` means that everything below it is settled or still in a living host's
hands, and nothing above it was ever started: so the next owner runs what follows. Any other mark is the incarnation of
a host that may have died: what it had read must be told as lost, never started again. Unless it is our own: then nobody
had the partition since we lost it (the broker was away), and we go on where we were.
"""

import os
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import kafka, log, metrics
from infra.settings import Settings
from processors.watermark import Watermark
from streams.executor.reports import Identity

T = TypeVar("T")

TOPIC = "tasks.assigned"
GROUP = "headway-executor"
"""Of the hosts that share the partitions; those of each zone are a group of their own, and read what is theirs."""
CLOSED = "closed"

_BATCH_MAX = 500
_POLL_S = 0.05
_COMMIT_EVERY_S = 1.0
_ANSWER_S = 10.0
_HELD_MAX = 2
"""Records held, as a multiple of the runs in progress: behind a full host its cancels must still come through."""
_HOLD_S = 0.5
"""How long a full host waits for room before it pauses its partitions: pausing throws away what was fetched."""


@dataclass(frozen=True)
class Start:
    """Where the reading of a partition begins."""

    position: int
    """The first record that is read."""
    committed: int
    end: int
    """The end of the partition when it was taken."""
    closed: bool
    """Whether nothing from `position` on was ever started: the owner before us let go in order, or it was ourselves."""


class Desk(Protocol):
    """Where the records go. Called in the event loop, in the order in which things happened."""

    settled: int
    """Records that need no more, ever counted."""
    watermarks: dict[int, Watermark]
    """How far each partition is done."""

    def assigned(self, starts: dict[int, Start]) -> None: ...

    def revoked(self, positions: dict[int, int]) -> None:
        """Partitions have gone; the offsets say where our reading ended."""
        ...

    def take(self, messages: list[Message]) -> None: ...


class Intake:
    def __init__(
        self,
        settings: Settings,
        host: Identity,
        desk: Desk,
        loop: AbstractEventLoop,
        on_fatal: Callable[[Exception], None],
    ) -> None:
        self._settings = settings
        self._host = host
        self._desk = desk
        self._post = loop.call_soon_threadsafe
        self._on_fatal = on_fatal
        self._handed = 0
        self._next: dict[int, int] = {}
        """By partition we own: the offset after the newest record handed over."""
        self._committed: dict[int, int] = {}
        self._left: dict[int, int] = {}
        """By partition that we had before: the same."""
        self._commit_at = 0.0
        self._paused = False
        self._member = False
        """Whether we ask for partitions."""
        self._hush = Event()
        self._hushed = Event()
        self._resting = Event()
        self._stop = Event()
        self._clean = True
        self._asked_at: float | None = None
        self._thread = Thread(target=self._run, name="intake", daemon=True)
        self._log = log.bind(topic=TOPIC)

    def start(self) -> None:
        self._thread.start()

    def hush(self) -> None:
        """Hands over no more. Blocks until that is so."""
        self._hush.set()
        while self._thread.is_alive() and not self._hushed.wait(0.1):
            pass

    def rest(self, resting: bool) -> None:
        """Whether the partitions are for other hosts to have; what is in hand stays here."""
        if resting:
            self._resting.set()
        else:
            self._resting.clear()

    def stop(self, *, clean: bool) -> None:
        """Commits and leaves the group; blocks. `clean`: all that was handed over is settled."""
        self._clean = clean
        self._stop.set()
        self._thread.join()

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            consumer = kafka.consumer(
                self._settings,
                f"{GROUP}-{self._host.zone}" if self._host.zone else GROUP,
                # A host that comes back within the session timeout gets its partitions again at once.
                group_instance_id=self._host.host_id,
                # Only what moves is stopped when a host joins or leaves.
                partition_assignment_strategy="cooperative-sticky",
                fetch_wait_max_ms=100,
                fetch_error_backoff_ms=100,
                queued_max_messages_kbytes=16 * 1024,
            )
            try:
                while not self._stop.is_set():
                    self._join_or_leave(consumer)
                    self._turn(consumer)
            finally:
                consumer.close()
        except Exception as error:  # the thread's last word; the host stops
            self._post(self._on_fatal, error)

    def _join_or_leave(self, consumer: Consumer) -> None:
        if self._member == (not self._resting.is_set()):
            return
        self._member = not self._member
        if self._member:
            consumer.subscribe([TOPIC], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)
        else:
            consumer.unsubscribe()

    def _turn(self, consumer: Consumer) -> None:
        self._commit_due(consumer)
        self._watch_loop()
        room = self._room(consumer)
        first = consumer.poll(_POLL_S)
        if first is None or self._hush.is_set():  # what comes now is the next owner's
            return
        batch = [first]
        if room > 1 and not self._paused:
            # consume() waits for its whole time to fill a batch; with none it takes what has come already.
            batch += consumer.consume(min(room, _BATCH_MAX) - 1, 0)
        self._hand_over([message for message in batch if self._is_record(message)])

    def _watch_loop(self) -> None:
        """A host whose event loop is stuck must not keep its partitions: it ends, and is started again."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._post(self._loop_answers)
        elif time.monotonic() - self._asked_at > self._settings.watchdog_s:
            self._log.error("the event loop does not run: an agent blocks it; the process ends")
            os._exit(1)

    def _loop_answers(self) -> None:
        self._asked_at = None

    def _room(self, consumer: Consumer) -> int:
        """Records that may be handed over now; pauses the partitions when there is no room, resumes below half."""
        room = self._free()
        quiet = self._hush.is_set()
        if self._paused:
            if not quiet and room >= self._settings.in_hand_max:
                self._paused = False
                consumer.resume(consumer.assignment())
        elif room <= 0 or quiet:
            until = time.monotonic() + _HOLD_S
            while room <= 0 and not quiet and time.monotonic() < until:
                time.sleep(0.002)
                room = self._free()
            if room <= 0 or quiet:
                self._paused = True
                consumer.pause(consumer.assignment())
        if quiet:
            self._hushed.set()
        return room

    def _free(self) -> int:
        return _HELD_MAX * self._settings.in_hand_max - (self._handed - self._desk.settled)

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() == KafkaError._FATAL:  # the consumer gives a fatal error only as this code
            raise KafkaException(error)
        self._log.warning("cannot be read now", partition=message.partition(), error=error.str())
        return False

    def _hand_over(self, messages: list[Message]) -> None:
        if not messages:
            return
        for message in messages:
            self._next[message.partition()] = message.offset() + 1
        self._handed += len(messages)
        self._post(self._desk.take, messages)

    # -- offsets ----------------------------------------------------------------------------------------------------

    def _commit_due(self, consumer: Consumer) -> None:
        now = time.monotonic()
        if now < self._commit_at:
            return
        self._commit_at = now + _COMMIT_EVERY_S
        marks = {p: watermark.position for p, watermark in dict(self._desk.watermarks).items()}
        fresh = {p: o for p, o in marks.items() if p in self._next and o > self._committed.get(p, -1)}
        if fresh:
            self._commit(consumer, fresh, self._host.incarnation, wait=False)
            self._committed |= fresh
        for partition, position in self._next.items():
            _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), cached=True)
            metrics.LAG.labels(TOPIC, partition).set(max(0, end - position))

    def _commit(self, consumer: Consumer, positions: dict[int, int], mark: str, *, wait: bool) -> None:
        offsets = [TopicPartition(TOPIC, p, o, metadata=mark) for p, o in positions.items()]
        consumer.commit(offsets=offsets, asynchronous=not wait)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        self._log.info("partitions taken", partitions=[p.partition for p in partitions])
        starts = _patiently(lambda: self._starts(consumer, partitions))
        self._committed |= {p: start.committed for p, start in starts.items()}
        self._next |= {p: start.position for p, start in starts.items()}
        # Before anything is started, for a crash within the next second must not look like an orderly end.
        ours = {p: start.committed for p, start in starts.items()}
        _patiently(lambda: self._commit(consumer, ours, self._host.incarnation, wait=True))
        if self._paused:  # those we had: nobody resumes them once we say that none is paused
            consumer.resume(consumer.assignment())
        self._paused = False
        consumer.incremental_assign([TopicPartition(TOPIC, p, start.position) for p, start in starts.items()])
        self._post(self._desk.assigned, starts)

    def _starts(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[int, Start]:
        starts = {}
        for known in consumer.committed(partitions, timeout=_ANSWER_S):
            low, end = consumer.get_watermark_offsets(known, timeout=_ANSWER_S)
            committed = known.offset if low <= known.offset <= end else low
            if self._host.zone and known.offset < 0:
                # The first host of a zone: nothing was given to it yet, and what others had is a week of records.
                starts[known.partition] = Start(end, end, end, closed=True)
                continue
            left = self._left.get(known.partition, -1)
            if known.metadata == self._host.incarnation and committed <= left <= end:
                starts[known.partition] = Start(left, committed, end, closed=True)
            else:
                starts[known.partition] = Start(committed, committed, end, closed=known.metadata == CLOSED)
        return starts

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """What has been handed over stays with this host to its end, so the next owner starts after it."""
        self._log.info("partitions given back", partitions=[p.partition for p in partitions])
        positions = {p.partition: self._next[p.partition] for p in partitions if p.partition in self._next}
        if positions and self._clean:
            try:
                self._commit(consumer, positions, CLOSED, wait=True)
            except KafkaException as error:
                self._log.warning("the next owner will tell our work as lost", error=error.args[0].str())
        self._forget(partitions)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """The group gave us up. Work in hand goes on: when nobody else takes the partition, it will be ours again."""
        self._log.warning("partitions lost", partitions=[p.partition for p in partitions])
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        positions = {p.partition: self._next.pop(p.partition) for p in partitions if p.partition in self._next}
        self._left |= positions
        for partition in positions:
            self._committed.pop(partition, None)
            metrics.LAG.remove(TOPIC, partition)
        self._post(self._desk.revoked, positions)


def _patiently(ask: Callable[[], T]) -> T:
    """The broker's answer; partitions change their leader, and coordinators move, within seconds."""
    until = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
