"""Changing what stands on a compacted topic, by one at a time: from its newest records, or not at all."""

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException

from infra import kafka
from infra.settings import Settings

T = TypeVar("T")

_TRIES = 8
_PAUSE_MAX_S = 1.5
"""Between two tries: somebody waits for the answer."""
_FENCED = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.CONCURRENT_TRANSACTIONS,
)


class Record(NamedTuple):
    topic: str
    key: str
    value: bytes | None
    """Null deletes."""
    headers: list[tuple[str, str | bytes | None]] | None = None


def change(settings: Settings, writer: str, what: str, make: Callable[[], tuple[T, Sequence[Record]]]) -> T:
    """What `make` answers, once its records are written, all or none, and whoever reads finds them. It reads and
    decides, may raise, and is called again when another was faster: a second one under the same `writer`, a
    transactional id, fences the first, so no change is made on what is no longer true. `what` is changed, in words.
    Raises KafkaTrouble."""
    for left in reversed(range(_TRIES)):
        try:
            return _change(settings, writer, make)
        except KafkaException as error:
            if error.args[0].code() not in _FENCED or not left:
                raise kafka.KafkaTrouble(f"{what} could not be changed: {error.args[0].str()}") from error
            # By chance, and longer each time: two that wait equally long would fence each other for ever.
            time.sleep(random.uniform(0.05, min(_PAUSE_MAX_S, 0.1 * 2 ** (_TRIES - left))))
    raise AssertionError("unreachable")


def _change(settings: Settings, writer: str, make: Callable[[], tuple[T, Sequence[Record]]]) -> T:
    producer = kafka.producer(settings, transactional_id=writer, transaction_timeout_ms=10_000)
    producer.init_transactions(kafka.ANSWER_S)
    made, records = make()
    if records:
        producer.begin_transaction()
        for record in records:
            producer.produce(record.topic, record.value, record.key.encode(), headers=record.headers)
        producer.commit_transaction(kafka.ANSWER_S)
        kafka.await_readable(settings, {record.topic for record in records})
    return made
