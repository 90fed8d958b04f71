"""The thread that reads the topics for the hub: first a bounded stretch of the past, then all that comes.

It decodes, and hands over in batches; the hub, in another thread, says when it has handled one, so that never more than
a few are on their way.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from gateway.live import reading
from gateway.live.order import Read
from gateway.live.places import Layout, Places
from infra import kafka, log
from infra.settings import Settings
from schemas.codec import BadMessage, decode

BACK_S = 3_600.0
BACK_RECORDS = 50_000
"""The stretch that is read at the start: as long ago, but no more records than two seconds are enough for."""

BATCH = 250
BATCHES_MAX = 16
"""Batches that the hub has not handled yet. Between two of them clients are served."""

STATES = {"pools.status": None, "agents.heartbeats": 15.0, "alerts": None}
"""Topics of which only the newest counts, and how far back they are read at the start [s]; null: all of it."""

ASK_AFTER_S = 0.02
"""How long something may wait for what comes before it until Kafka is asked whether that is there at all: most often it
is, and comes in this time."""

TOGETHER_S = 0.001
"""How long a batch waits for more: an answer of Kafka has records of many partitions, and they come out of it one after
another. Taken together they are put in order, and the last progress of a task is not late for its end."""

SETTLE_S = 1.0
"""How long the start waits for transactions that were under way."""

LOOK_S, LOOK_AGAIN_S = 10.0, 1.0
"""How often Kafka is asked whether the topics are as they were, and the same while it is away."""

PATIENCE_S = 5.0
"""How long it may take to answer that: on a busy machine it does not answer at once."""

_POLL_S = 0.1


class Batch(NamedTuple):
    reads: list[Read]
    states: list[tuple[str, dict[str, Any]]]
    """Events of the topics of which only the newest counts."""


class Listener(Protocol):
    """What the feed tells; called in its thread."""

    def started(self, layout: Layout, start: Places, ends: Places, stretch: list[Read]) -> None: ...
    def batch(self, batch: Batch) -> None: ...
    def nothing_more_before(self, places: Places) -> None: ...
    def heard(self, *, well: bool) -> None: ...
    def failed(self, error: Exception) -> None: ...


class Feed:
    def __init__(self, settings: Settings, listener: Listener, waits: Callable[[], bool]) -> None:
        """`waits`: whether the hub holds something back, until it hears that nothing comes before it."""
        self._settings = settings
        self._listener = listener
        self._waits = waits
        self._free = threading.Semaphore(BATCHES_MAX)
        self._stopping = False
        self._is_well = False
        self._looked_at = 0.0
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)
        self._log = log.bind(part="feed")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._free.release()
        self._thread.join(kafka.ANSWER_S)

    def handled(self) -> None:
        """The hub is done with one batch."""
        self._free.release()

    def _run(self) -> None:
        while not self._stopping:
            consumer = reading.reader(self._settings, error_cb=self._trouble)
            try:
                self._follow(consumer)
            except kafka.KafkaUnreachable as error:
                self._hear(well=False)
                self._log.warning("waiting for Kafka", error=str(error))
                time.sleep(1.0)
            except Exception as error:  # whatever it is: the gateway starts anew rather than show what is not so
                self._listener.failed(error)
                return
            finally:
                consumer.close()

    def _trouble(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._hear(well=False)

    def _hear(self, *, well: bool) -> None:
        self._is_well = well
        self._listener.heard(well=well)

    def _follow(self, consumer: Consumer) -> None:
        layout = reading.layout(consumer)
        lows, ends = reading.bounds(consumer, layout)
        start = self._start(consumer, layout, lows, ends)
        stretch = list(reading.read_between(consumer, layout, start, ends))
        states = self._state_places(consumer)
        tail = _Tail(self._settings, layout, ends)
        places = [TopicPartition(*pair, end) for pair, end in zip(layout.pairs, ends, strict=True)]
        consumer.assign(places + states)
        late = self._settle(consumer, tail) if stretch else Batch([], [])
        self._looked_at = time.monotonic()
        self._hear(well=True)
        self._listener.started(layout, start, ends, [*stretch, *late.reads])
        stretch.clear()
        self._hand_over(Batch([], late.states))
        while not self._stopping:
            first = consumer.poll(ASK_AFTER_S if tail.is_asking or self._waits() else _POLL_S)
            if first is not None:
                self._hand_over(tail.sorted([first, *consumer.consume(BATCH, TOGETHER_S)]))
            if (free := tail.asked(waits=self._waits())) is not None:
                self._listener.nothing_more_before(free)
            self._look(consumer, layout)

    def _settle(self, consumer: Consumer, tail: "_Tail") -> Batch:
        """What follows the stretch and may have been written before something in it.

        The ends of partitions are asked for one after another, and a transaction becomes visible in one partition
        before it does in another.
        """
        ends, late = tail.ends_now(), Batch([], [])
        until_s = time.monotonic() + SETTLE_S
        while not tail.has_reached(ends) and time.monotonic() < until_s:
            if (first := consumer.poll(ASK_AFTER_S)) is not None:
                more = tail.sorted([first, *consumer.consume(BATCH, 0)])
                late.reads.extend(more.reads)
                late.states.extend(more.states)
        return late

    def _look(self, consumer: Consumer, layout: Layout) -> None:
        """Whether Kafka answers, when nothing comes from it, and whether a topic has other partitions than before."""
        now = time.monotonic()
        if now - self._looked_at < (LOOK_S if self._is_well else LOOK_AGAIN_S):
            return
        self._looked_at = now
        try:
            found = reading.layout(consumer, PATIENCE_S)
        except kafka.KafkaUnreachable:
            self._hear(well=False)
            return
        if found != layout:
            raise TopicsChanged("a topic has other partitions than before")
        self._hear(well=True)

    def _hand_over(self, batch: Batch) -> None:
        self._hear(well=True)
        if batch.reads or batch.states:
            self._free.acquire()
            self._listener.batch(batch)

    def _start(self, consumer: Consumer, layout: Layout, lows: Places, ends: Places) -> Places:
        """Where the stretch begins: a time, so that it is the same in all topics."""
        back_s = BACK_S
        while True:
            at_ms = int((time.time() - back_s) * 1000)
            asked = [TopicPartition(*pair, at_ms) for pair in layout.pairs]
            try:
                found = consumer.offsets_for_times(asked, timeout=kafka.ANSWER_S)
            except KafkaException as error:
                raise kafka.KafkaUnreachable(f"Kafka does not answer: {error.args[0].str()}") from error
            start = [
                min(end, max(low, place.offset)) if place.offset >= 0 else end
                for place, low, end in zip(found, lows, ends, strict=True)
            ]
            if sum(ends) - sum(start) <= BACK_RECORDS or back_s < 1:
                return start
            back_s /= 2

    def _state_places(self, consumer: Consumer) -> list[TopicPartition]:
        found: list[TopicPartition] = []
        topics = consumer.list_topics(timeout=kafka.ANSWER_S).topics
        for topic, back_s in STATES.items():
            partitions = [TopicPartition(topic, partition) for partition in topics[topic].partitions]
            for place in partitions:
                low, high = consumer.get_watermark_offsets(place, timeout=kafka.ANSWER_S)
                place.offset = low if back_s is None else high
            if back_s is not None:
                at_ms = int((time.time() - back_s) * 1000)
                asked = [TopicPartition(topic, place.partition, at_ms) for place in partitions]
                for place, since in zip(
                    partitions, consumer.offsets_for_times(asked, timeout=kafka.ANSWER_S), strict=True
                ):
                    place.offset = since.offset if since.offset >= 0 else place.offset
            found += partitions
        return found


class TopicsChanged(kafka.KafkaTrouble):
    """A topic was deleted and made anew, or got more partitions, while it was read."""


class _Tail:
    """How far each place was read, and what that says about those that come before something."""

    def __init__(self, settings: Settings, layout: Layout, ends: Places) -> None:
        self._admin = AdminClient(kafka.client_config(settings) | {"log_level": 2})
        self._layout = layout
        self._reached = list(ends)
        self._question: dict[TopicPartition, Any] | None = None
        self._ends: Places | None = None
        self._asked_at_places: Places = []
        self._waiting_since: float | None = None

    @property
    def is_asking(self) -> bool:
        return self._question is not None or self._ends is not None

    def sorted(self, messages: list[Message]) -> Batch:
        reads: list[Read] = []
        states: list[tuple[str, dict[str, Any]]] = []
        for message in messages:
            error, topic = message.error(), message.topic()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF and topic not in STATES:
                    place = self._layout.place(topic, message.partition())
                    self._reached[place] = max(self._reached[place], message.offset())
                elif error.code() in kafka.HOPELESS or error.fatal():
                    raise kafka.KafkaTrouble(f"reading {topic}: {error.str()}")
            elif topic in STATES:
                if (state := _state(message)) is not None:
                    states.append(state)
            else:
                place = self._layout.place(topic, message.partition())
                if message.offset() < self._reached[place]:
                    raise TopicsChanged(f"{topic} begins anew")
                self._reached[place] = message.offset() + 1
                reads.append(reading.read_of(place, message))
        return Batch(reads, states)

    def asked(self, *, waits: bool) -> Places | None:
        """Where nothing more can come before, once that is known.

        What was there before a record was in Kafka when that was read. So when the partitions have been read up to
        their ends as of a later time, what has not come by then does not come. The ends count what is not committed
        yet: the marks of one transaction come to its partitions one after another.
        """
        now = time.monotonic()
        if self._ends is not None:
            if self.has_reached(self._ends):
                self._ends, self._waiting_since = None, None
                return self._asked_at_places
        elif self._question is not None:
            if all(answer.done() for answer in self._question.values()):
                self._take_answer()
        elif not waits:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= ASK_AFTER_S:
            self._asked_at_places = list(self._reached)
            self._question = self._ask()
        return None

    def has_reached(self, ends: Places) -> bool:
        return all(reached >= end for reached, end in zip(self._reached, ends, strict=True))

    def ends_now(self) -> Places:
        """Waits for the answer. Raises `KafkaUnreachable`."""
        try:
            return self._answered(self._ask())
        except KafkaException as error:
            raise kafka.KafkaUnreachable(f"Kafka does not answer: {error.args[0].str()}") from error

    def _ask(self) -> dict[TopicPartition, Any]:
        asked = {TopicPartition(*pair): OffsetSpec.latest() for pair in self._layout.pairs}
        level = IsolationLevel.READ_UNCOMMITTED
        found: dict[TopicPartition, Any] = self._admin.list_offsets(
            asked, isolation_level=level, request_timeout=kafka.ANSWER_S
        )
        return found

    def _answered(self, question: dict[TopicPartition, Any]) -> Places:
        found = {(p.topic, p.partition): answer.result().offset for p, answer in question.items()}
        return [found[pair] for pair in self._layout.pairs]

    def _take_answer(self) -> None:
        question, self._question = self._question or {}, None
        try:
            self._ends = self._answered(question)
        except KafkaException:
            self._waiting_since = None  # asked again a moment later


def _state(message: Message) -> tuple[str, dict[str, Any]] | None:
    try:
        return decode(message.value())
    except BadMessage:
        return None
