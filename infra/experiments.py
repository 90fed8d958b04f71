"""The experiments on Kafka: reading them, and changing one while nobody else does."""

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException

from infra import kafka
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import Experiment, ExperimentVerdict

TOPIC = "experiments"
VERDICTS = "experiment.verdicts"
_WRITER = "headway-experiments"
"""Transactional id of whoever changes experiments. A second one fences the first, which then reads again and decides
anew: so no change is made on what is no longer true."""
_TRIES = 5
_FENCED = (
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.CONCURRENT_TRANSACTIONS,
)


def read(settings: Settings) -> dict[str, Experiment]:
    """The newest record of each, by name."""
    return _newest(settings, TOPIC, "Experiment", "experiment")


def history(settings: Settings, name: str) -> list[Experiment]:
    """Every record of one that the topic still holds, oldest first."""
    return [e for e in _records(settings, TOPIC, "Experiment") if e["experiment"] == name]


def verdicts(settings: Settings) -> dict[str, ExperimentVerdict]:
    """The newest verdict on each, by name."""
    return _newest(settings, VERDICTS, "ExperimentVerdict", "experiment")


def verdicts_on(settings: Settings, name: str) -> list[ExperimentVerdict]:
    """Every verdict on one that the topic still holds, oldest first."""
    return [v for v in _records(settings, VERDICTS, "ExperimentVerdict") if v["experiment"] == name]


def change(settings: Settings, make: Callable[[dict[str, Experiment]], Experiment]) -> Experiment:
    """Writes what `make` makes of all that is known; it may raise, and may be called again when another was faster."""
    for left in reversed(range(_TRIES)):
        try:
            return _change(settings, make)
        except KafkaException as error:
            if error.args[0].code() not in _FENCED or not left:
                raise kafka.KafkaTrouble(f"the experiment could not be changed: {error.args[0].str()}") from error
            time.sleep(0.1)
    raise AssertionError("unreachable")


def _change(settings: Settings, make: Callable[[dict[str, Experiment]], Experiment]) -> Experiment:
    writer = kafka.producer(settings, transactional_id=_WRITER, transaction_timeout_ms=10_000)
    writer.init_transactions(kafka.ANSWER_S)
    made = make(read(settings))
    writer.begin_transaction()
    writer.produce(TOPIC, encode("Experiment", made), made["experiment"].encode())
    writer.commit_transaction(kafka.ANSWER_S)
    return made


def _newest(settings: Settings, topic: str, event: str, key: str) -> dict:  # type: ignore[type-arg]
    return {record[key]: record for record in _records(settings, topic, event)}


def _records(settings: Settings, topic: str, event: str) -> list:  # type: ignore[type-arg]
    found = []
    for message in kafka.read_all(settings, topic):
        try:
            if message.value() is not None:
                found.append(decode_as(event, message.value()))
        except BadMessage:
            continue  # the registry's followers tell of it
    return found
