"""The monitor: watches the line by its topics, raises alerts by the rules, and does what they ask for.

It alone writes `alerts`. What people say to an alert comes as a command, so no change of theirs meets one of ours, and
their record cannot bring back a state that is over. After a restart it goes on from the newest records: what fired
fires still, what was done is not done again. The windows are filled from a little before now; a command that is read
again changes nothing.
"""

import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import kafka, memory, metrics, registry, rule_file
from infra.settings import Settings
from processors.alerts.machine import Alerts
from processors.alerts.measures import read
from processors.alerts.observing import KNOWN_US, Observed
from processors.scaling.history import HORIZON_S
from schemas.codec import BadMessage, decode, encode
from schemas.events import Alert, AlertRule
from schemas.topics import TOPICS
from streams.acting import Acting, Wish
from streams.foresight import DAYS, Foresight
from streams.predicting import PREDICTIONS, Predicting
from streams.scaling import DECISIONS, Scaling
from streams.scheduler import Scheduler
from streams.weighing import Weighing

COMMANDS = "alert.commands"
WHOLE = (registry.RULES, registry.POOLS, registry.AGENTS, registry.DESIRED, COMMANDS)
"""Read from their start."""
LATELY = ("tasks.outcomes", "dead.letters", "agents.heartbeats", DECISIONS)
"""Read from so long before now as the longest window or cool-down looks back, or instances are missed; predictions
from so long as they are judged for."""

LOOK_S = 1.0
TIDY_S = 60.0
_POLL_S = 0.1
_READ_MANY = 500
_CONFIRM_S = 5.0
_JUDGED_US = (HORIZON_S + 120) * 1_000_000

log = structlog.get_logger()


class Monitor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules: dict[str, AlertRule] = {}
        self._seen = Observed(int(settings.lease_s * 1_000_000))
        self._alerts = Alerts()
        self._acting = Acting(settings)
        now = _now_us()
        self._scaling, self._predicting = Scaling(settings, now), Predicting(now)
        self._foresight = Foresight(settings, now)
        self._producer = kafka.producer(settings)
        self._lost: list[str] = []
        self._behind: set[tuple[str, int]] = set()
        self._hears = True
        """Whether Kafka answers: without it everybody seems silent."""
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self._alerts = Alerts(registry.newest(self._settings, registry.ALERTS).values())
        self._take_rules(registry.newest(self._settings, registry.RULES))
        consumer = kafka.consumer(self._settings, "headway-monitor", enable_partition_eof=True, error_cb=self._trouble)
        try:
            consumer.assign(self._places(consumer))
            log.info("watching", rules=len(self._rules), firing=len(self._alerts.firing))
            self._watch(consumer)
        finally:
            consumer.close()
            self._producer.flush(_CONFIRM_S)

    def _watch(self, consumer: Consumer) -> None:
        look_due = tidy_due = time.monotonic()
        while not self._stopping.is_set():
            for message in consumer.consume(_READ_MANY, _POLL_S):
                self._take(message)
            now_s = time.monotonic()
            if now_s < look_due or self._behind or not self._hears:
                continue
            look_due = now_s + LOOK_S
            self._look(_now_us())
            if now_s >= tidy_due:
                memory.give_back()
                tidy_due = now_s + TIDY_S

    # --- what is read

    def _places(self, consumer: Consumer) -> list[TopicPartition]:
        windows = (int(rule["window_s"] * 1_000_000) for rule in self._rules.values())
        cool_downs = (int(s * 1_000_000) for s in (self._settings.scale_up_s, self._settings.scale_down_s))
        now = _now_us()
        since_ms = (now - max(KNOWN_US, *windows, *cool_downs)) // 1000
        judged_ms = (now - _JUDGED_US) // 1000
        known = consumer.list_topics(timeout=kafka.ANSWER_S).topics
        whole = [TopicPartition(topic, p, OFFSET_BEGINNING) for topic in WHOLE for p in known[topic].partitions]
        asked = [TopicPartition(topic, p, since_ms) for topic in LATELY for p in known[topic].partitions]
        asked += [TopicPartition(PREDICTIONS, p, judged_ms) for p in known[PREDICTIONS].partitions]
        places = whole + list(consumer.offsets_for_times(asked, timeout=kafka.ANSWER_S))
        self._behind = {(place.topic, place.partition) for place in places}
        return places

    def _trouble(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self._hears:
            self._hears = False
            log.warning("Kafka does not answer; what fires stays so until it does")

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard((message.topic(), message.partition()))
        elif error is not None:
            if error.fatal() or error.code() in kafka.HOPELESS:
                raise KafkaException(error)  # the supervisor gives us a new start
            return
        elif (value := message.value()) is not None:
            self._take_event(message.topic(), value)
        self._hears = True

    def _take_event(self, topic: str, value: bytes) -> None:
        try:
            name, event = self._event(topic, value)
        except BadMessage:
            metrics.BAD_MESSAGES.labels(topic).inc()
            return
        metrics.EVENTS_READ.labels(topic).inc()
        match topic:
            case registry.RULES:
                self._take_rules(self._rules | {event["rule"]: event})
            case registry.POOLS:
                self._seen.pool(event)
                self._scaling.pool(event)
                self._predicting.pool(event)
            case registry.AGENTS:
                self._scaling.agent(event)
                self._foresight.agent(event)
                self._predicting.agent(event)
            case registry.DESIRED:
                self._scaling.desired(event)
            case "scaling.decisions":
                self._scaling.decided(event)
            case "alert.commands":
                self._write(self._alerts.obey(event))
            case "tasks.outcomes":
                self._seen.outcome(event, _now_us())
                self._foresight.outcome(event)
            case "dead.letters":
                self._seen.dead_letter(event, _now_us())
            case "agents.heartbeats":
                self._seen.heartbeat(event)
                self._scaling.heartbeat(event)
            case "load.predictions":
                self._predicting.told(name, event)
                if name == "LoadPrediction":
                    self._seen.prediction(event)

    def _event(self, topic: str, value: bytes) -> tuple[str, Any]:
        name, event = decode(value)
        if name not in TOPICS[topic].events:
            raise BadMessage(f"{topic} holds a {name}, which does not belong there")
        return name, event

    def _take_rules(self, rules: dict[str, AlertRule]) -> None:
        self._rules = {
            name: rule for name, rule in rules.items() if not rule["removed"] and rule_file.FORM.id.fullmatch(name)
        }
        self._seen.follow(self._rules.values())

    # --- what comes of it

    def _look(self, now: int) -> None:
        for done in self._acting.results():
            self._write(self._alerts.done(*done, now))
        before = {alert["alert_id"] for alert in self._alerts.firing}
        self._write(self._alerts.look(self._rules, read(self._seen, self._rules, now), now))
        self._tell(before)
        self._look_ahead(now)
        due = self._alerts.due()
        # Only what is on the topic is acted on: else a restart would not know of it, and do it again.
        if self._confirmed() and due:
            for alert, what in due:
                self._acting.start(Wish(alert, what, self._advice(alert)))

    def _look_ahead(self, now: int) -> None:
        if (ahead := self._foresight.look(now)) is not None:
            self._scaling.expects(ahead.slots)
            self._predicting.expects(ahead.outlooks, now)
        for day in self._foresight.days_over(now):
            self._send(DAYS, day["agent_id"], "LoadDay", day)
        for decision in self._scaling.look(now):
            self._send(DECISIONS, decision["agent_id"], "ScalingDecision", decision)
        for name, event in self._predicting.look(now):
            self._send(PREDICTIONS, event["agent_id"], name, event)

    def _advice(self, alert: Alert) -> str:
        rule = self._rules.get(alert["rule"])
        return rule["advice"] if rule else ""

    def _tell(self, before: set[str]) -> None:
        firing = {alert["alert_id"]: alert for alert in self._alerts.firing}
        for name in sorted(firing.keys() - before):
            log.warning("alert fires", alert=name, evidence=firing[name]["evidence"])
        for name in sorted(before - firing.keys()):
            log.info("alert resolved", alert=name, evidence=self._alerts.known[name]["evidence"])
        for severity in rule_file.SEVERITIES:
            count = sum(alert["severity"] == severity for alert in firing.values())
            metrics.ALERTS_FIRING.labels(severity).set(count)

    def _write(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            self._send(registry.ALERTS, alert["alert_id"], "Alert", alert)

    def _send(self, topic: str, key: str, event: str, value: Mapping[str, Any]) -> None:
        self._producer.produce(topic, encode(event, dict(value)), key.encode(), on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            metrics.EVENTS_WRITTEN.labels(message.topic()).inc()
        else:
            self._lost.append(error.str())

    def _confirmed(self) -> bool:
        """Whether Kafka has all that was written. Raises when it will never have: a new start reads what it has."""
        left: int = self._producer.flush(_CONFIRM_S)
        if self._lost:
            raise kafka.KafkaTrouble(f"what was decided could not be written: {self._lost[0]}")
        return left == 0


def _now_us() -> int:
    return time.time_ns() // 1000


def main(settings: Settings, index: int) -> None:
    metrics.serve(settings, metrics.port_offset("monitor", index))
    Scheduler(settings).start()
    Weighing(settings).start()
    Monitor(settings).run()
