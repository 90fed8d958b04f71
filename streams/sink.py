"""The sink: every record of every topic becomes one row of the warehouse. How each is stored once: storing.py."""

import signal
import time
from collections.abc import Callable
from typing import TypeVar

from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import kafka, log, memory, metrics, warehouse
from infra.settings import Settings
from infra.warehouse.errors import BadSql
from processors.dead_letters import dead_letter
from schemas.codec import encode
from schemas.topics import TOPICS
from streams.storing import Place, Storing

T = TypeVar("T")

GROUP = "headway-sink"
FLUSH_S = 0.5
"""From one storing to the next. With all events on all partitions one takes some 0.6 s, and a row is to be there in
two."""
TIDY_S = 10.0
_READ_MANY = 2_000
_READ_S = 0.1
_TROUBLE_S = (0.2, 5.0)


class Gone(Exception):
    """Partitions came or went while the warehouse was waited for, or we are told to stop: what was meant is void."""


class Sink:
    def __init__(self, settings: Settings, index: int) -> None:
        self._settings = settings
        self._index = index
        self._log = log.bind(service="sink")
        self._stopping = False
        self._serving = False
        self._assigning = True
        """No assignment yet, or inside one: then nothing may be read."""
        self._generation = 0
        """Counts how often partitions came or went."""
        self._client: Client | None = None
        self._storing = Storing(lambda act: self._surely(lambda: act(self._connected())), self._write_letter)
        self._letters = kafka.producer(settings)
        self._consumer: Consumer = kafka.consumer(
            settings, GROUP, group_instance_id=f"sink-{index}", queued_max_messages_kbytes=8_192
        )

    def run(self) -> None:
        """Works until SIGTERM or SIGINT; then stores what it has in hand."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        try:
            self._surely(lambda: warehouse.furnish(self._settings))
            self._work()
        except Gone:
            self._log.info("stopped before the warehouse answered; the next start goes on")
        self._letters.flush(5)
        self._consumer.close()

    def _work(self) -> None:
        self._consumer.subscribe(list(TOPICS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        flush_due = tidy_due = time.monotonic() + FLUSH_S
        while not self._stopping:
            for message in self._consumer.consume(_READ_MANY, _READ_S):
                self._take(message)
            if time.monotonic() >= flush_due or self._storing.full:
                self._flush()
                flush_due = time.monotonic() + FLUSH_S
            if time.monotonic() >= tidy_due:
                memory.give_back()
                tidy_due = time.monotonic() + TIDY_S
        self._flush()

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._generation += 1
        self._assigning = True
        starts = self._storing.begin([Place(p.topic, p.partition) for p in places])
        for place in places:
            place.offset = starts[Place(place.topic, place.partition)] or OFFSET_BEGINNING
        consumer.assign(places)
        self._assigning = False
        self._log.info("partitions in hand", count=len(places))
        metrics.PARTITIONS.labels("all").set(len(places))
        if not self._serving:
            self._serving = True
            metrics.serve(self._settings, metrics.port_offset("sink", self._index))

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self._generation += 1
        self._storing.let_go()

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._storing.take(message)
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise KafkaException(error)  # the supervisor gives us a new start

    def _flush(self) -> None:
        started = time.monotonic()
        try:
            ends = self._storing.store()
        except Gone:
            self._log.info("partitions came or went while rows were stored; what is left is read again")
            return
        if ends:
            metrics.SINK_FLUSH.observe(time.monotonic() - started)
            # For those who look how far we are; we ourselves start from what the warehouse says.
            places = [TopicPartition(place.topic, place.partition, offset) for place, offset in ends.items()]
            self._consumer.commit(offsets=places, asynchronous=True)

    def _surely(self, act: Callable[[], T]) -> T:
        """Tries until the warehouse has done it; meanwhile nothing is read."""
        pause_s, generation, waited = _TROUBLE_S[0], self._generation, False
        try:
            while True:
                try:
                    return act()
                except warehouse.TROUBLES as error:
                    found = warehouse.spoken(error, self._settings)
                    if isinstance(found, BadSql):
                        raise found from error
                    self._log.warning("waiting for the warehouse", error=str(found))
                metrics.SINK_WAITS.inc()
                self._client, waited = None, True
                self._hold(pause_s)
                pause_s = min(2 * pause_s, _TROUBLE_S[1])
                if self._stopping or generation != self._generation:
                    raise Gone
        finally:
            if waited and not self._assigning:  # also after Gone: a pause outlives an assignment
                self._consumer.resume(self._consumer.assignment())

    def _connected(self) -> Client:
        if self._client is None:
            self._client = warehouse.client(self._settings)
        return self._client

    def _hold(self, seconds: float) -> None:
        """Lets time pass. Nothing is read, and we stay in our group."""
        if self._assigning:
            time.sleep(seconds)
            return
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(seconds)
        if message is not None:
            self._take(message)

    def _write_letter(self, message: Message, reason: str) -> None:
        topic = message.topic()
        if topic == "dead.letters":
            return  # one about itself would be refused as well
        place = (topic, message.partition(), message.offset(), message.key(), message.value())
        letter = dead_letter("sink", *place, reason, time.time_ns() // 1000)
        self._letters.produce("dead.letters", encode("DeadLetter", letter), letter["event_id"])
        self._letters.poll(0)


def main(settings: Settings, index: int) -> None:
    Sink(settings, index).run()
