"""The registry of agents on Kafka: publishing what the agent files say, and following what is published.

`python -m infra.registry publish` brings the topic in line with the files; `check` only reads the files.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import agent_file, kafka, metrics
from infra.settings import BadSettings, Settings, load_settings
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import AgentDefinition, Experiment, PoolStatus
from schemas.topics import TOPICS

AGENTS, POOLS, EXPERIMENTS = "agents.registry", "pools.status", "experiments"
_POLL_S = 0.2
_ANSWER_S = 10.0
_TROUBLE_S = 1.0
"""How long an answer may take, and how long we then wait before the next try."""

log = structlog.get_logger()


class Published(NamedTuple):
    """Ids of the agents whose definition was written."""

    changed: list[str]
    removed: list[str]


def load(settings: Settings) -> dict[str, AgentDefinition]:
    """The agents that the files define: those shipped, those made on the page, and those of `agents_dir`, which win."""
    return agent_file.load(*_folders(settings))


def made_here(settings: Settings) -> Path:
    """The folder of the agents that are made on the page, and by the API."""
    return settings.state / "agents"


def file_of(settings: Settings, agent_id: str) -> Path | None:
    """The file that defines an agent; null when none does."""
    found = [path for folder in _folders(settings) if (path := folder / f"{agent_id}.md").is_file()]
    return found[-1] if found else None


def _folders(settings: Settings) -> list[Path]:
    """A later one wins."""
    made = [made_here(settings)] if made_here(settings).is_dir() else []
    return [agent_file.SHIPPED, *made, *([Path(settings.agents_dir)] if settings.agents_dir else [])]


def publish(settings: Settings, only: str | None = None) -> Published:
    """Writes the definitions that differ from the topic, and takes out the agents whose file is gone.

    An external agent registers itself, so that it has no file says nothing. Publishing twice writes nothing twice.
    `only`: this agent, and no other file is looked at.
    """
    known = _read_published(settings)
    if only is None:
        wanted = load(settings)
    else:
        path = file_of(settings, only)
        wanted, known = {only: agent_file.parse(path)} if path else {}, {i: a for i, a in known.items() if i == only}
    changed = [i for i, agent in wanted.items() if i not in known or _differ(agent, known[i])]
    gone = [i for i, a in known.items() if i not in wanted and a["runner"] != "external" and not a["removed"]]
    now = time.time_ns() // 1000
    writes = [wanted[i] for i in changed]
    writes += [known[i] | {"removed": True} for i in gone]
    write(settings, [definition | {"updated_at": now} for definition in writes])
    return Published(changed, gone)


def _differ(one: AgentDefinition, other: AgentDefinition) -> bool:
    return {**one, "updated_at": 0} != {**other, "updated_at": 0}


def _read_published(settings: Settings) -> dict[str, AgentDefinition]:
    known: dict[str, AgentDefinition] = {}
    for message in kafka.read_all(settings, AGENTS):
        _apply(message, "AgentDefinition", known)
    return known


def write(settings: Settings, definitions: list[AgentDefinition]) -> None:
    """Returns when Kafka has them. Raises `KafkaTrouble`."""
    producer = kafka.producer(settings)
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"{message.key()!r}: {error.str()}")

    for definition in definitions:
        key = definition["agent_id"].encode()
        producer.produce(AGENTS, encode("AgentDefinition", definition), key, on_delivery=delivered)
    left = producer.flush(_ANSWER_S)
    if left or failures:
        raise kafka.KafkaTrouble(f"agents could not be published ({left} unanswered): {'; '.join(failures)}")


def _key(message: Message) -> str:
    return (message.key() or b"").decode(errors="replace")


def _apply(message: Message, event: str, known: dict[str, Any]) -> bool:
    """Takes one record into the newest values by key; whether it could be read."""
    key, value = _key(message), message.value()
    if value is None:
        known.pop(key, None)
        return True
    try:
        decoded = decode_as(event, value)
        if decoded[TOPICS[message.topic()].key] != key:
            raise BadMessage("its key is not the key of the record")
        if event == "AgentDefinition" and not agent_file.ID.fullmatch(key):
            raise BadMessage(f"{key!r} is no agent id")  # it would clash with pools that the line makes itself
        known[key] = decoded
    except BadMessage as error:
        metrics.BAD_MESSAGES.labels(message.topic()).inc()
        place = f"{message.partition()}/{message.offset()}"
        log.warning(
            "passed over, the value before it stays", topic=message.topic(), at=place, key=key, error=str(error)
        )
        return False
    return True


class Registry:
    """The newest agents, pool states and experiments, kept up to date by a thread.

    `agents` holds those that are not removed and is a new dict after each change, counted by `version`; so are
    `experiments`. `pools` changes in place. Repeats and restarts do no harm: the newest record of a key is the truth.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[str] = (AGENTS, POOLS),
        on_change: Callable[[str], None] = lambda agent_id: None,
    ) -> None:
        """Follows these `topics`. `on_change` is called in the thread, with the id of each agent that changed."""
        self.agents: dict[str, AgentDefinition] = {}
        self.pools: dict[str, PoolStatus] = {}
        self.experiments: dict[str, Experiment] = {}
        self.version = 0
        self._settings = settings
        self._topics = topics
        self._on_change = on_change
        self._definitions: dict[str, AgentDefinition] = {}
        self._ready = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._follow, name="registry", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Returns when all that was published by now is known."""
        if not self._ready.wait(timeout_s):
            raise kafka.KafkaUnreachable(
                f"{' and '.join(self._topics)} could not be read within {timeout_s:.0f} s; see the log"
            )

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _follow(self) -> None:
        # One client for good: a slow connection that is made during one try serves the next.
        reader = kafka.consumer(self._settings, "headway-registry", enable_partition_eof=True)
        try:
            while not self._stopping.is_set():
                try:
                    self._read(reader)
                except KafkaException as error:
                    log.warning("registry cannot be read now, what is known stays", error=str(error))
                    self._stopping.wait(_TROUBLE_S)
        finally:
            reader.close()

    def _read(self, reader: Consumer) -> None:
        behind = {(topic, partition) for topic in self._topics for partition in _partitions(reader, topic)}
        # Assigned, not subscribed, and never committed: every process reads everything.
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in behind])
        while not self._stopping.is_set():
            message = reader.poll(_POLL_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                behind.discard((message.topic(), message.partition()))
                if not behind:
                    self._ready.set()
            elif error.fatal() or not error.retriable():
                raise KafkaException(error)

    def _take(self, message: Message) -> None:
        if message.topic() == POOLS:
            _apply(message, "PoolStatus", self.pools)
        elif message.topic() == EXPERIMENTS:
            experiments = dict(self.experiments)
            _apply(message, "Experiment", experiments)
            self.experiments = experiments
        elif _apply(message, "AgentDefinition", self._definitions):
            self.agents = {i: agent for i, agent in self._definitions.items() if not agent["removed"]}
            self.version += 1
            self._on_change(_key(message))


def _partitions(reader: Consumer, topic: str) -> list[int]:
    found = reader.list_topics(topic, timeout=_TROUBLE_S).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return list(found.partitions)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.registry", description="Agent files and the registry.")
    parser.add_argument("action", choices=("publish", "check"))
    action = parser.parse_args(arguments).action
    try:
        settings = load_settings()
        if action == "check":
            agents = load(settings)
            print(f"{len(agents)} agents are well-formed: {', '.join(agents)}")
        else:
            published = publish(settings)
            print(f"published: {', '.join(published.changed) or 'nothing new'}")
            if published.removed:
                print(f"taken out: {', '.join(published.removed)}")
    except (agent_file.BadAgentFile, kafka.KafkaTrouble, BadSettings) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
