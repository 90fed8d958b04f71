"""The registries on Kafka, followed: what agents, skills, notes and experiments there are, how the pools are, what is
asked of the fleet, and what the lab runs.

What files define comes there by infra/definitions.py.
"""

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import agent_file, kafka, metrics, models, note_file, rule_file, schedule_file, skill_file
from infra.front_matter import Form
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as
from schemas.events import (
    AgentDefinition,
    AgentDesired,
    AgentWeight,
    Alert,
    AlertCommand,
    AlertRule,
    Experiment,
    HostDesired,
    LabRun,
    LabScenario,
    NoteDefinition,
    PoolStatus,
    RoutingModel,
    Schedule,
    ScheduleRuns,
    SkillDefinition,
)
from schemas.topics import TOPICS

AGENTS, POOLS, EXPERIMENTS = "agents.registry", "pools.status", "experiments"
SKILLS = "skills.registry"
NOTES = "knowledge"
RULES, ALERTS, SILENCES = "alert.rules", "alerts", "alert.commands"
DESIRED, HOSTS = "fleet.desired", "fleet.hosts"
WEIGHTS = "agents.weights"
SCHEDULES, RUNS = "schedules", "schedule.runs"
LAB_SCENARIOS, LAB_RUNS = "lab.scenarios", "lab.runs"
MODELS = models.TOPIC
_SHOWN = {
    AGENTS: "agents",
    EXPERIMENTS: "experiments",
    SKILLS: "skills",
    NOTES: "notes",
    RULES: "rules",
    ALERTS: "alerts",
    SILENCES: "silences",
    SCHEDULES: "schedules",
    RUNS: "schedule_runs",
    MODELS: "models",
    DESIRED: "desired",
    HOSTS: "hosts",
    WEIGHTS: "weights",
    LAB_SCENARIOS: "lab_scenarios",
    LAB_RUNS: "lab_runs",
}
"""Where the registry shows what stands on a topic; the states of pools come too often for that."""
_FORMS: dict[str, Form[Any]] = {
    "AgentDefinition": agent_file.FORM,
    "SkillDefinition": skill_file.FORM,
    "NoteDefinition": note_file.FORM,
    "AlertRule": rule_file.FORM,
    "Schedule": schedule_file.FORM,
}
_POLL_S = 0.2
_TROUBLE_S = 1.0
"""How long the broker may take to tell its partitions, and how long we wait before the next try."""

log = structlog.get_logger()


def newest(settings: Settings, topic: str) -> dict[str, Any]:
    """What was published by now, by key; what is taken out is there too. Of the commands to alerts only silences."""
    known: dict[str, Any] = {}
    for message in kafka.read_all(settings, topic):
        _apply(message, TOPICS[topic].events[0], known)
    return known


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
        form = _FORMS.get(event)
        if form is not None and not form.id.fullmatch(key):  # it might clash with pools that the line makes itself
            raise BadMessage(f"{key!r} is no {form.what}'s id")
        if event == "RoutingModel":
            models.check(decoded)
        if event == "AlertCommand" and decoded["kind"] != "silence":
            return False
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
    """The newest agents, skills, notes, rules, schedules with their runs, pool states, experiments, models, alerts,
    silences, wishes for the fleet, and scenarios and runs of the lab, kept up to date by a thread.

    `agents`, `skills`, `notes`, `rules` and `schedules` hold those that are not removed; each is a new dict after a
    change, and `version` counts the changes of agents, skills and weights. `removed` names the agents that were taken
    out. `experiments`, `models`, `alerts`, `silences`, `schedule_runs`, `desired`, `hosts`, `weights` and those of
    the lab are new dicts after each change too. A silence that is over stays among `silences`.
    `pools` changes in place. Repeats and restarts do no harm: the newest record of a key is the truth.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Sequence[str] = (AGENTS, POOLS),
        on_change: Callable[[str, str], None] = lambda topic, key: None,
    ) -> None:
        """Follows these `topics`. `on_change` is called in the thread, with topic and key of each change."""
        self.agents: dict[str, AgentDefinition] = {}
        self.removed: frozenset[str] = frozenset()
        self.skills: dict[str, SkillDefinition] = {}
        self.notes: dict[str, NoteDefinition] = {}
        self.pools: dict[str, PoolStatus] = {}
        self.experiments: dict[str, Experiment] = {}
        self.models: dict[str, RoutingModel] = {}
        self.rules: dict[str, AlertRule] = {}
        self.alerts: dict[str, Alert] = {}
        self.silences: dict[str, AlertCommand] = {}
        self.desired: dict[str, AgentDesired] = {}
        self.hosts: dict[str, HostDesired] = {}
        self.weights: dict[str, AgentWeight] = {}
        self.schedules: dict[str, Schedule] = {}
        self.schedule_runs: dict[str, ScheduleRuns] = {}
        self.lab_scenarios: dict[str, LabScenario] = {}
        self.lab_runs: dict[str, LabRun] = {}
        self.version = 0
        self._settings = settings
        self._topics = topics
        self._on_change = on_change
        self._records: dict[str, dict[str, Any]] = {}
        """By topic: the newest of each key, also of what is taken out."""
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
        topic = message.topic()
        if topic == POOLS:
            _apply(message, "PoolStatus", self.pools)
            return
        known = self._records.setdefault(topic, {})
        if not _apply(message, TOPICS[topic].events[0], known):
            return
        # A new dict, so that whoever holds the one before can tell a change, and nothing changes under them.
        setattr(self, _SHOWN[topic], {key: one for key, one in known.items() if not one.get("removed", False)})
        self.version += topic in (AGENTS, SKILLS, WEIGHTS)
        if topic == AGENTS:
            self.removed = frozenset(known.keys() - self.agents.keys())
        self._on_change(topic, _key(message))


def _partitions(reader: Consumer, topic: str) -> list[int]:
    found = reader.list_topics(topic, timeout=_TROUBLE_S).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return list(found.partitions)
