"""Reads what people ask of the lab. Of several lab processes the one that has the only partition works; another takes
over when it dies. Who is there is told by the consumer group itself, so nobody has to say that they are alive.
"""

import signal
import threading

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra import kafka, metrics
from infra.settings import Settings
from lab.service.desk import Desk
from schemas.codec import BadMessage, decode_as
from schemas.events import LabCommand

COMMANDS = "lab.commands"
_POLL_S = 0.2

log = structlog.get_logger()


class Service:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Sticky, so that one more process takes the partition, and with it the run, from nobody.
        self._consumer: Consumer = kafka.consumer(
            settings, kafka.LAB_GROUP, partition_assignment_strategy="cooperative-sticky"
        )
        self._desk: Desk | None = None
        self._mine = False
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT. A run that goes on meanwhile waits for the next process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self._consumer.subscribe([COMMANDS], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)
        try:
            while not self._stopping.is_set():
                self._step()
            if self._mine and self._desk is not None:
                self._desk.give_back()
        finally:
            self._leave()
            self._consumer.close()

    def _step(self) -> None:
        message = self._consumer.poll(_POLL_S)
        if not self._mine:
            self._leave()
            return
        if self._desk is None:
            self._desk = Desk(self._settings)
        if message is not None and (command := _command_of(message)) is not None:
            self._desk.obey(command)
            self._done_with(message)
        self._desk.look()

    def _done_with(self, message: Message) -> None:
        try:
            self._consumer.commit(message, asynchronous=False)
        except KafkaException as error:  # it is read again, and known then
            log.warning("a command may be read again", error=str(error))

    def _given(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self._mine = self._mine or bool(places)

    def _taken(self, _consumer: Consumer, _places: list[TopicPartition]) -> None:
        self._mine = False

    def _leave(self) -> None:
        if self._desk is not None:
            self._desk.close()
            self._desk = None


def _command_of(message: Message) -> LabCommand | None:
    """Null for what is none."""
    error = message.error()
    if error is not None:
        if error.fatal() or not error.retriable():
            raise KafkaException(error)
        return None
    metrics.EVENTS_READ.labels(COMMANDS).inc()
    try:
        command: LabCommand = decode_as("LabCommand", message.value())
        return command
    except BadMessage as bad:
        metrics.BAD_MESSAGES.labels(COMMANDS).inc()
        log.warning("passed over", topic=COMMANDS, at=f"{message.partition()}/{message.offset()}", error=str(bad))
        return None
