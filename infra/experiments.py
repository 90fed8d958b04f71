"""The experiments on Kafka: reading them, and changing one while nobody else does."""

from collections.abc import Callable

from infra import changing, kafka
from infra.changing import Record
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import Experiment, ExperimentVerdict

TOPIC = "experiments"
VERDICTS = "experiment.verdicts"
_WRITER = "headway-experiments"


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

    def record() -> tuple[Experiment, list[Record]]:
        made = make(read(settings))
        return made, [Record(TOPIC, made["experiment"], encode("Experiment", made))]

    return changing.change(settings, _WRITER, "the experiment", record)


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
