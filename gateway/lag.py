"""How far the readers of the line are behind, by topic and reader.

Router and dispatcher keep their positions in their logs, in the transaction with what came of it; the executors keep
theirs with their consumer group.
"""

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from gateway.history import QUIET, ends
from infra import kafka
from infra.settings import Settings
from schemas.codec import decode_as
from schemas.topics import TOPICS

LOGS = {"router": "routing.log", "dispatcher": "dispatch.log"}
EXECUTORS = "headway-executor"
"""Consumer group of the executor hosts."""


def lags(settings: Settings) -> dict[str, dict[str, int]]:
    """Topic → reader → messages not yet handled, markers of transactions among them."""
    found: dict[str, dict[str, int]] = {}
    for reader, log in LOGS.items():
        positions = _positions(settings, log)
        for topic in (t.name for t in TOPICS.values() if reader in t.consumers and not t.compacted):
            found.setdefault(topic, {})[reader] = behind(ends(settings, topic), positions.get(topic, {}))
    at = _committed(settings, EXECUTORS, "tasks.assigned")
    found.setdefault("tasks.assigned", {})["executor"] = behind(ends(settings, "tasks.assigned"), at)
    return found


def behind(end_offsets: Mapping[int, int], positions: Mapping[int, int]) -> int:
    """A single offset past the position is the marker that ends a transaction: nothing is left to read there."""
    distances = (end - positions.get(partition, 0) for partition, end in end_offsets.items())
    return sum(distance for distance in distances if distance > 1)


def _positions(settings: Settings, log: str) -> dict[str, dict[int, int]]:
    """Topic → partition → first offset not yet handled, as the log of a reader says."""
    found: dict[str, dict[int, int]] = {}
    for message in kafka.read_all(settings, log):
        if (message.key() or b"").startswith(b"@"):
            position = decode_as("StreamPosition", message.value())
            found.setdefault(position["topic"], {})[position["partition"]] = position["next_offset"]
    return found


def _committed(settings: Settings, group: str, topic: str) -> dict[int, int]:
    admin = AdminClient(kafka.client_config(settings) | QUIET)
    try:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=kafka.ANSWER_S)
        places = asked[group].result().topic_partitions
    except KafkaException:  # no host has ever read
        return {}
    return {place.partition: place.offset for place in places if place.topic == topic and place.offset >= 0}
