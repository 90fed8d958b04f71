"""How far the readers of the line are behind, by topic and reader, from what their consumer groups have committed.

Each commits only what has had its whole effect, so this is never too little.
"""

from collections.abc import Collection, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from gateway.history import QUIET
from infra import kafka
from infra.settings import Settings
from schemas.topics import TOPICS

GROUPS = {
    "headway-router": ("router", {"tasks.submitted"}),
    "headway-dispatcher": ("dispatcher", {"routing.decisions", "tasks.results", "agents.heartbeats", "task.commands"}),
    "headway-executor": ("executor", {"tasks.assigned"}),
    "headway-sink": ("sink", set(TOPICS)),
}
"""Consumer group → who reads, and what."""


def lags(settings: Settings, wanted: Collection[str] = TOPICS) -> dict[str, dict[str, int]]:
    """Topic → reader → messages not yet handled."""
    admin = AdminClient(kafka.client_config(settings) | QUIET)
    found: dict[str, dict[str, int]] = {topic: {} for topic in wanted}
    for group, (reader, topics) in GROUPS.items():
        committed = _committed(admin, group) if found.keys() & topics else {}
        if reader == "sink" and not committed:
            continue  # a line may do without one
        for topic in found.keys() & topics:
            found[topic][reader] = behind(kafka.ends(settings, topic, **QUIET), committed.get(topic, {}))
    return found


def on_the_way(settings: Settings) -> int:
    """Tasks handed in that no queue holds yet."""
    found = lags(settings, {"tasks.submitted", "routing.decisions"})
    return found["tasks.submitted"]["router"] + found["routing.decisions"]["dispatcher"]


def behind(end_offsets: Mapping[int, int], positions: Mapping[int, int]) -> int:
    """A single offset past the position is the marker that ends a transaction: nothing is left to read there."""
    distances = (end - positions.get(partition, 0) for partition, end in end_offsets.items())
    return sum(distance for distance in distances if distance > 1)


def _committed(admin: AdminClient, group: str) -> dict[str, dict[int, int]]:
    """Topic → partition → first offset not yet handled."""
    found: dict[str, dict[int, int]] = {}
    try:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=kafka.ANSWER_S)
        places = asked[group].result().topic_partitions
    except KafkaException:  # nobody has read yet
        return found
    for place in places:
        if place.offset >= 0:
            found.setdefault(place.topic, {})[place.partition] = place.offset
    return found
