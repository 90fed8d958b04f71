"""What feed and replay share of Kafka: the partitions there are, their ends, and records as the hub takes them."""

import heapq
import os
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from gateway.live.messages import TOLD
from gateway.live.order import Read
from gateway.live.places import TOPICS, Layout, Places
from infra import kafka, metrics
from infra.settings import Settings
from schemas.codec import BadMessage, decode

WAITING_MAX = 500
"""Records of a partition in memory that wait for older ones of another, until no more of it are read."""


def reader(settings: Settings, **over: Any) -> Consumer:
    """Assigned by hand, without a group. It says when it has reached the end of a partition."""
    group = f"headway-gateway-{os.getpid()}"
    return kafka.consumer(settings, group, enable_partition_eof=True, fetch_wait_max_ms=50, log_level=2, **over)


def layout(consumer: Consumer, timeout_s: float = kafka.ANSWER_S) -> Layout:
    """Raises `KafkaUnreachable`, also while a topic is not there yet."""
    try:
        found = consumer.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise kafka.KafkaUnreachable(f"Kafka does not answer: {error.args[0].str()}") from error
    missing = [topic for topic in TOPICS if topic not in found.topics or not found.topics[topic].partitions]
    if missing:
        raise kafka.KafkaUnreachable(f"topics are not there yet: {', '.join(missing)}")
    return Layout({topic: len(found.topics[topic].partitions) for topic in TOPICS}, found.cluster_id or "")


def bounds(consumer: Consumer, layout: Layout) -> tuple[Places, Places]:
    """The first offset of each place, and the one after its last committed record."""
    try:
        found = [consumer.get_watermark_offsets(TopicPartition(*pair), timeout=kafka.ANSWER_S) for pair in layout.pairs]
    except KafkaException as error:
        raise kafka.KafkaUnreachable(f"Kafka does not answer: {error.args[0].str()}") from error
    return [low for low, _ in found], [high for _, high in found]


def read_of(place: int, message: Message) -> Read:
    """Bytes that are no event of a task have no name: they are only passed over."""
    offset, at_ms = message.offset(), message.timestamp()[1]
    try:
        name, event = decode(message.value())
    except BadMessage:
        metrics.BAD_MESSAGES.labels(message.topic()).inc()
        return Read(place, offset, at_ms, "", {})
    # An attempt may be taken back from a task that nobody remembers: it is nobody's any more.
    is_told = name in TOLD and event.get("tenant_id")
    return Read(place, offset, at_ms, name, event) if is_told else Read(place, offset, at_ms, "", {})


def read_between(
    consumer: Consumer, layout: Layout, start: Places, end: Places, needles: Iterable[bytes] | None = None
) -> Iterator[Read]:
    """All records from `start` up to `end`, by Kafka's time and each partition in its order. `needles`: only those that
    contain one; of the others some come without a name, which tells how far it has come.
    """
    left = {place for place, (a, b) in enumerate(zip(start, end, strict=True)) if a < b}
    consumer.assign([TopicPartition(*layout.pairs[place], start[place]) for place in sorted(left)])
    wanted = None if needles is None else tuple(needles)
    merge, held_back = Merge(left), _HeldBack(consumer, layout)
    silent = 0
    while merge.left:
        first = consumer.poll(0.2)
        messages = [] if first is None else [first, *consumer.consume(1000, 0)]
        silent = 0 if messages else silent + 1
        if silent > kafka.IDLE_S * 5:
            raise kafka.KafkaUnreachable(f"nothing came for {kafka.IDLE_S:.0f} s")
        passed: dict[int, Read] = {}
        for message in messages:
            if message.error() is not None and message.error().code() != KafkaError._PARTITION_EOF:
                hopeless = (*kafka.HOPELESS, KafkaError._AUTO_OFFSET_RESET)
                if message.error().code() in hopeless or message.error().fatal():
                    raise kafka.KafkaTrouble(f"reading {message.topic()}: {message.error().str()}")
                continue
            place = layout.place(message.topic(), message.partition())
            if message.error() is None and message.offset() < end[place]:
                value = message.value() or b""
                if wanted is None or any(needle in value for needle in wanted):
                    merge.add(read_of(place, message))
                    passed.pop(place, None)
                else:
                    passed[place] = Read(place, message.offset(), message.timestamp()[1], "", {})
            if message.error() is not None or message.offset() + 1 >= end[place]:
                merge.left.discard(place)
        for read in passed.values():
            merge.add(read)
        yield from merge.take()
        held_back.look(merge)


class Merge:
    """Partitions that are read side by side, as one row by Kafka's time. Pure."""

    def __init__(self, places: Iterable[int]) -> None:
        self.left = set(places)
        """Those that are not read to their end."""
        self._rows: dict[int, deque[tuple[int, Read]]] = {place: deque() for place in self.left}
        self._newest = dict.fromkeys(self.left, -1)
        self._heads: list[tuple[int, int]] = []

    def add(self, read: Read) -> None:
        place = read.place
        at = self._newest[place] = max(read.at_ms, self._newest[place])
        row = self._rows[place]
        row.append((at, read))
        if len(row) == 1:
            heapq.heappush(self._heads, (at, place))

    def take(self) -> Iterator[Read]:
        """All that nothing older can come before any more."""
        until = min((self._newest[place] for place in self.left), default=None)
        while self._heads and (until is None or self._heads[0][0] <= until):
            row = self._rows[heapq.heappop(self._heads)[1]]
            _, read = row.popleft()
            if row:
                heapq.heappush(self._heads, (row[0][0], read.place))
            yield read

    def waiting(self, place: int) -> int:
        return len(self._rows[place])


class _HeldBack:
    """Partitions of which enough was read until the others have come as far in time."""

    def __init__(self, consumer: Consumer, layout: Layout) -> None:
        self._consumer = consumer
        self._layout = layout
        self._places: set[int] = set()

    def look(self, merge: Merge) -> None:
        full = {place for place in merge.left - self._places if merge.waiting(place) > WAITING_MAX}
        again = {place for place in self._places if merge.waiting(place) == 0}
        if full:
            self._consumer.pause([TopicPartition(*self._layout.pairs[place]) for place in full])
        if again:
            self._consumer.resume([TopicPartition(*self._layout.pairs[place]) for place in again])
        self._places = (self._places | full) - again
