"""A broker within librdkafka, in milliseconds, and a folder of agents: for tests of what is published and followed."""

from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from infra.kafka import read_all
from infra.registry import AGENTS, ALERTS, NOTES, POOLS, RULES, SCHEDULES, SKILLS
from infra.settings import Settings
from schemas.codec import decode_as, encode
from schemas.topics import TOPICS

OWN = "---\ndescription: Checks contracts.\ncapabilities: [legal_review]\ninstances: 2\n---\nYou check contracts.\n"


class Line:
    """A broker that lives as long as its first client, and a folder of agents."""

    def __init__(self, folder: Path) -> None:
        self.client = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
        folder.mkdir()
        self.folder = folder
        broker = next(iter(self.client.list_topics(timeout=10).brokers.values()))
        self.settings = Settings(
            kafka_bootstrap=f"{broker.host}:{broker.port}", agents_dir=str(folder), state_dir=str(folder / "state")
        )
        for topic in (AGENTS, POOLS, SKILLS, NOTES, RULES, ALERTS, SCHEDULES):
            self.client.list_topics(topic, timeout=10)

    def write(self, topic: str, key: Any, value: bytes | None) -> None:
        self.client.produce(topic, value, key)
        assert self.client.flush(10) == 0

    def define(self, definition: Any) -> None:
        self.write(AGENTS, definition["agent_id"], encode("AgentDefinition", definition))

    def published(self, topic: str = AGENTS) -> dict[str, list[Any]]:
        """Every definition by its key, oldest first."""
        newest: dict[str, list[Any]] = {}
        for message in read_all(self.settings, topic):
            definition = decode_as(TOPICS[topic].events[0], message.value())
            assert message.key().decode() == definition[TOPICS[topic].key]  # type: ignore[literal-required]
            newest.setdefault(message.key().decode(), []).append(definition)
        return newest
