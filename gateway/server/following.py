"""The thread that reads the topics into `Recent`: first the newest submissions, then all that happened since, then on.

How fresh the memory is can be asked at any time (`Freshness`): a list that is behind says so.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_CREATE_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from gateway.history import QUIET, record_of
from gateway.record import Record
from gateway.server.recent import Recent
from infra import kafka, memory
from infra.settings import Settings

SUBMITTED, LOG, BEATS = "tasks.submitted", "dispatch.log", "agents.heartbeats"
DECISIONS = "scaling.decisions"
STORY = (
    SUBMITTED,
    "routing.decisions",
    "tasks.assigned",
    "tasks.progress",
    "tasks.results",
    "evaluations",
    "task.commands",
    "dead.letters",
    "tasks.outcomes",
    "feedback.given",
)
"""Topics with events about a task."""

_BATCH = 1_000
_LOOK_S = 0.1
"""How long a batch waits for its first record; it does not wait for more."""
_FETCH_MS, _WORTH_A_FETCH = 50, 32_768
"""Records that come one by one are fetched together: half the work for broker and gateway, and this much later."""
_QUEUED_KB = 8_192
"""Fetched before it is folded; the client's own bound is eight times as much."""
_TROUBLE_S = 1.0
_BEATS_BACK_US = 60_000_000
_BEATS_CLEARED_US = 1_000_000
"""A large fleet speaks thousands of times a second: those it is rid of are not looked for at every word."""
DECISIONS_MAX = 1_000
_DECISIONS_BACK = 2 * DECISIONS_MAX
"""Offsets: where each is a transaction of its own, every other one holds its end."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Freshness:
    as_of: int
    """Everything up to this time has been read [µs, UTC]"""
    caught_up: bool
    """False until the past has been read once."""


class Following:
    """`on_end` is called in the thread, with the tasks that have ended, once the past is read."""

    def __init__(self, settings: Settings, recent: Recent, on_end: Callable[[list[str]], None]) -> None:
        self.recent = recent
        self.heartbeats: dict[tuple[str, str], dict[str, object]] = {}
        """The newest by host and pool."""
        self.decisions: deque[dict[str, Any]] = deque(maxlen=DECISIONS_MAX)
        """The autoscaler's newest, oldest first."""
        self._beats_cleared_at = 0
        self.reached: dict[tuple[str, int], int] = {}
        """By topic and partition: everything before this offset has been read."""
        self._settings = settings
        self._on_end = on_end
        self._as_of = 0
        self._cut_off = False
        self._caught_up = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def freshness(self) -> Freshness:
        return Freshness(self._as_of, self._caught_up.is_set())

    async def wait_caught_up(self, timeout_s: float) -> bool:
        return await asyncio.to_thread(self._caught_up.wait, timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            reader = kafka.consumer(
                self._settings,
                "headway-gateway",
                **QUIET,
                enable_partition_eof=True,
                queued_max_messages_kbytes=_QUEUED_KB,
                fetch_min_bytes=_WORTH_A_FETCH,
                fetch_wait_max_ms=_FETCH_MS,
                error_cb=self._hear,
            )
            try:
                self._follow(reader)
            except (KafkaException, kafka.KafkaTrouble) as error:
                log.warning("the topics cannot be read now, what is known stays", error=str(error))
                self._stopping.wait(_TROUBLE_S)
            finally:
                reader.close()

    def _hear(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            self._cut_off = True

    def _follow(self, reader: Consumer) -> None:
        """Reads on for good, once all that is remembered was read anew."""
        self._caught_up.clear()
        self.reached = {}
        self.recent.forget()
        self.decisions.clear()
        first, since_ms = self._first_submissions(reader)
        self._read_to_end(reader, first)
        submitted = reader.position([TopicPartition(p.topic, p.partition) for p in first])
        places = [known if known.offset >= 0 else start for known, start in zip(submitted, first, strict=True)]
        places += _since(reader, _partitions(reader, *STORY[1:]), since_ms)
        places += _since(reader, _partitions(reader, BEATS), (time.time_ns() - 1000 * _BEATS_BACK_US) // 1_000_000)
        places += [TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in _partitions(reader, LOG)]
        places += _newest(reader, _partitions(reader, DECISIONS), _DECISIONS_BACK)
        self._read_to_end(reader, places)
        self.recent.caught_up()
        memory.give_back()
        self._caught_up.set()
        while not self._stopping.is_set():
            self._take(_next(reader), reader)

    def _first_submissions(self, reader: Consumer) -> tuple[list[TopicPartition], int | None]:
        """Where the newest `gateway_tasks_max` submissions begin, and the time [ms] from which all else is read."""
        each = max(1, self._settings.gateway_tasks_max // self._settings.partitions)
        partitions = _partitions(reader, SUBMITTED)
        lows, highs = _offsets(reader, partitions, OFFSET_BEGINNING), _offsets(reader, partitions, OFFSET_END)
        places, times = [], []
        for low, high in zip(lows, highs, strict=True):
            start = TopicPartition(SUBMITTED, low.partition, max(low.offset, high.offset - each))
            places.append(start)
            if start.offset < high.offset:
                times.append(self._time_of(start, reader))
                if start.offset > 0:
                    self.recent.floor = max(self.recent.floor, times[-1] * 1000 + 999)
        return places, min(times) if times else None

    def _time_of(self, place: TopicPartition, reader: Consumer) -> int:
        """When Kafka got the first record at or after a place [ms]; now, when there is none."""
        reader.assign([place])
        until = time.monotonic() + kafka.ANSWER_S
        while time.monotonic() < until:
            message = reader.poll(0.5)
            if message is not None and message.error() is None:
                kind, at = message.timestamp()
                return int(at) if kind >= TIMESTAMP_CREATE_TIME else 0
            if message is not None and message.error().code() == KafkaError._PARTITION_EOF:
                break
        return time.time_ns() // 1_000_000

    def _read_to_end(self, reader: Consumer, places: list[TopicPartition]) -> None:
        """Of each partition, as it is when it is reached."""
        if not places:
            return
        reader.assign(places)
        behind = {(place.topic, place.partition) for place in places}
        while behind and not self._stopping.is_set():
            for message in self._take(_next(reader), reader):
                behind.discard((message.topic(), message.partition()))

    def _take(self, messages: list[Message], reader: Consumer) -> list[Message]:
        """Folds what came; the marks that a partition is read to its end are returned."""
        ends: list[Message] = []
        ended: list[str] = []
        newest_ms = 0
        for message in messages:
            error = message.error()
            if error is None:
                newest_ms = max(newest_ms, message.timestamp()[1])
                if (over := self._fold(message)) is not None:
                    ended.append(over)
            elif error.code() == KafkaError._PARTITION_EOF:
                ends.append(message)
            elif error.fatal() or not error.retriable():
                raise KafkaException(error)
        for message in [m for m in messages if m.error() is None] + ends:
            self.reached[message.topic(), message.partition()] = message.offset() + (message.error() is None)
        if newest_ms:
            self._cut_off = False
            self.recent.clear_up()
        self._tell_time(messages, newest_ms, reader)
        if ended and self._caught_up.is_set():
            self._on_end(ended)
        return ends

    def _fold(self, message: Message) -> str | None:
        record = record_of(message)
        if record is None:
            return None
        if record.name == "AgentHeartbeat":
            self._beat(record)
            return None
        if record.topic == DECISIONS:
            self.decisions.append(record.event)
            return None
        return self.recent.see(record, (record.topic, record.partition, record.offset, message.value()))

    def _beat(self, record: Record) -> None:
        event = record.event
        self.heartbeats[(event["host_id"], event["pool"])] = event
        if len(self.heartbeats) > 1_000 and event["at"] - self._beats_cleared_at > _BEATS_CLEARED_US:
            self._beats_cleared_at = event["at"]
            since = event["at"] - _BEATS_BACK_US
            old = [key for key, beat in self.heartbeats.items() if int(str(beat["at"])) < since]
            for key in old:
                del self.heartbeats[key]

    def _tell_time(self, messages: Iterable[Message], newest_ms: int, reader: Consumer) -> None:
        """All is read up to now when nothing is left; while there is more, up to the newest that came."""
        if newest_ms:
            self._as_of = max(self._as_of, newest_ms * 1000)
        elif self._cut_off:
            self._cut_off = not _answers(reader)
        elif self._caught_up.is_set():
            self._as_of = time.time_ns() // 1000


def _next(reader: Consumer) -> list[Message]:
    first = reader.poll(_LOOK_S)
    return [] if first is None else [first, *reader.consume(_BATCH, 0)]


def _answers(reader: Consumer) -> bool:
    try:
        reader.list_topics(SUBMITTED, timeout=_TROUBLE_S)
    except KafkaException:
        return False
    return True


def _partitions(reader: Consumer, *topics: str) -> list[TopicPartition]:
    found = reader.list_topics(timeout=kafka.ANSWER_S).topics
    missing = [topic for topic in topics if topic not in found or found[topic].error is not None]
    if missing:
        raise kafka.KafkaTrouble(f"there is no topic {', '.join(missing)} on this broker; `headway up` makes them")
    return [TopicPartition(topic, partition) for topic in topics for partition in sorted(found[topic].partitions)]


def _offsets(reader: Consumer, places: list[TopicPartition], at: int) -> list[TopicPartition]:
    """The first offset at or after a time [ms], or the beginning or end; -1 where nothing is that new."""
    asked = [TopicPartition(place.topic, place.partition, at) for place in places]
    return list(reader.offsets_for_times(asked, timeout=kafka.ANSWER_S))


def _newest(reader: Consumer, places: list[TopicPartition], count: int) -> list[TopicPartition]:
    """Each partition from so many offsets before its end on."""
    lows, highs = _offsets(reader, places, OFFSET_BEGINNING), _offsets(reader, places, OFFSET_END)
    ends = zip(places, lows, highs, strict=True)
    return [TopicPartition(p.topic, p.partition, max(low.offset, high.offset - count)) for p, low, high in ends]


def _since(reader: Consumer, places: list[TopicPartition], since_ms: int | None) -> list[TopicPartition]:
    """Each partition from a time on; from its start without one."""
    if since_ms is None:
        return _offsets(reader, places, OFFSET_BEGINNING)
    # The end is asked for first: where nothing is that new, what comes from now on is not to be missed.
    ends = _offsets(reader, places, OFFSET_END)
    found = _offsets(reader, places, since_ms)
    return [start if start.offset >= 0 else end for start, end in zip(found, ends, strict=True)]
