"""Reading the topics: what happened up to now, and what happens from now on."""

import os
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from gateway.errors import GatewayError, Unreachable
from gateway.ids import named, time_of
from gateway.record import Record
from gateway.silence import comes_back, remedy
from infra import kafka
from infra.settings import Settings
from schemas.codec import BadMessage, decode

CONNECT_S = 3.0
"""How long an address may take to accept a connection: a person waits for the answer."""

RETRY_S = 0.2
"""How often an address is tried again by somebody who waits."""

RESTART_S = 60.0
"""How long somebody who waits for tasks also waits for a broker that starts again."""

CLOCK_SKEW_US = 300_000_000
"""How far the clocks of two submitters may be apart: reading starts this much before a task's own time."""

SETTLE_S = 90.0
"""How long open transactions may take to end: the broker itself aborts one after 60 s at the latest."""

QUIET = {"log_level": 2}
"""For a person librdkafka's own lines on stderr are noise: what matters comes back as an error."""


def reach(settings: Settings, wait_s: float = 0.0) -> None:
    """Raises `Unreachable` within seconds when no broker listens, or when none came back for `wait_s`."""
    until = time.monotonic() + wait_s
    while not _listens(settings):
        if time.monotonic() >= until or not comes_back(settings, "kafka"):
            raise Unreachable(f"No Kafka broker answers at {settings.bootstrap}; {remedy(settings, 'kafka')}.")
        time.sleep(RETRY_S)


def _listens(settings: Settings) -> bool:
    for address in settings.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
            return True
        except (OSError, ValueError):
            continue
    return False


def read(
    settings: Settings, topic: str, *, since_us: int | None = None, containing: str | None = None
) -> Iterator[Record]:
    """Every committed event of a topic to its end as of now. Messages that are none of ours are passed over.

    `containing`: only messages with this text in their bytes, which is checked before they are decoded.
    """
    needle = containing.encode() if containing else b""
    for message in kafka.read_all(settings, topic, since_us=since_us, **QUIET):
        value = message.value()
        if value is None or needle not in value:
            continue
        record = record_of(message)
        if record is not None:
            yield record


def newest_by_key(settings: Settings, topic: str) -> dict[bytes, dict[str, Any]]:
    """What a compacted topic says: the newest event of each key, without those that were deleted."""
    values: dict[bytes, Message] = {}
    for message in kafka.read_all(settings, topic, **QUIET):
        values[message.key() or b""] = message
    records = {key: record_of(message) for key, message in values.items() if message.value() is not None}
    return {key: record.event for key, record in records.items() if record is not None}


def since_of(task_id: str) -> int | None:
    """Where to start reading about a task: shortly before the time in its id; null (the start) when it has none."""
    made_at = time_of(task_id)
    return None if made_at is None else max(0, made_at - CLOCK_SKEW_US)


def find(settings: Settings, topic: str, name: str, task_id: str) -> dict[str, Any] | None:
    """The first event of this name about a task."""
    records = read(settings, topic, since_us=since_of(task_id), containing=task_id)
    return next((r.event for r in records if r.name == name and r.event["task_id"] == task_id), None)


def whole_id(settings: Settings, given: str) -> str:
    """The id of the task that `given` names: itself, or the one task handed in whose id begins or ends with it.

    Raises `GatewayError` when there are several. What names none is returned as it is.
    """
    if time_of(given) is not None:
        return given
    records = read(settings, "tasks.submitted", containing=given)
    return named(given, (record.event["task_id"] for record in records), "task") or given


def settle(settings: Settings, topic: str) -> None:
    """Waits until every transaction that has written to the topic by now has ended; reading then misses none."""
    written = kafka.ends(settings, topic, **QUIET, isolation_level="read_uncommitted")
    until = time.monotonic() + SETTLE_S
    while any(end < written[p] for p, end in kafka.ends(settings, topic, **QUIET).items()):
        if time.monotonic() > until:
            raise GatewayError(f"A transaction on {topic} stays open for {SETTLE_S:.0f} s; see `headway status`.")
        time.sleep(0.1)


class Follower:
    """What is written to some topics from now on, or from their start. Close it, or use it in a `with`."""

    def __init__(self, settings: Settings, topics: Iterable[str], *, from_start: bool = False) -> None:
        self._consumer = kafka.consumer(settings, _group(), **QUIET)
        places = [
            TopicPartition(topic, partition, low if from_start else end)
            for topic in topics
            for partition, (low, end) in _bounds(self._consumer, topic).items()
        ]
        self._consumer.assign(places)

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self, timeout_s: float) -> list[Record]:
        """Events that have come, at once when there are some, else after at most `timeout_s`."""
        messages = [first] if (first := self._consumer.poll(timeout_s)) is not None else []
        if messages:
            messages += self._consumer.consume(1000, timeout=0)
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(record_of(message))
            elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                raise GatewayError(f"Reading {message.topic()} failed: {error.str()}.")
        return [record for record in records if record is not None]


def record_of(message: Message) -> Record | None:
    """Null for bytes that are no event, and for a deletion."""
    try:
        name, event = decode(message.value())
    except BadMessage:
        return None
    return Record(message.topic(), message.partition(), message.offset(), name, event)


def _bounds(reader: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """First and end offset of each partition. A broker that has just started does not lead all of them at once."""
    until = time.monotonic() + kafka.ANSWER_S
    while True:
        try:
            return _bounds_now(reader, topic)
        except KafkaException as error:
            if error.args[0].code() in kafka.REFUSALS or time.monotonic() > until:
                raise Unreachable(f"Kafka does not answer about {topic}: {error.args[0].str()}.") from error
            time.sleep(RETRY_S)


def _bounds_now(reader: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    found = reader.list_topics(topic, timeout=kafka.ANSWER_S).topics[topic]
    if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise GatewayError(f"Topic {topic} is not there ({found.error.str()}); `headway up` makes it.")
    if found.error is not None:
        raise KafkaException(found.error)
    places = [TopicPartition(topic, partition) for partition in sorted(found.partitions)]
    return {p.partition: reader.get_watermark_offsets(p, timeout=kafka.ANSWER_S) for p in places}


def _group() -> str:
    """librdkafka wants a name; nothing is ever committed under it."""
    return f"headway-cli-{os.getpid()}"
