"""The weights of agents on Kafka: changed by one at a time, from what stands there."""

from collections.abc import Callable, Mapping, Sequence

from infra import changing, registry
from infra.changing import Record
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import AgentWeight

TOPIC = registry.WEIGHTS
_WRITER = "headway-weights"

Make = Callable[[Mapping[str, AgentWeight]], Sequence[AgentWeight]]


def change(settings: Settings, make: Make) -> Sequence[AgentWeight]:
    """Writes what `make` makes of the newest weights: all of it or nothing, and nothing when somebody else wrote
    meanwhile; then it is asked again. Raises KafkaTrouble."""

    def records() -> tuple[Sequence[AgentWeight], list[Record]]:
        made = make(registry.newest(settings, TOPIC))
        return made, [Record(TOPIC, one["agent_id"], encode("AgentWeight", one)) for one in made]

    return changing.change(settings, _WRITER, "the weights of agents", records)
