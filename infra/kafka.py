"""Kafka through confluent-kafka: clients made from the settings, topics made from the table, whole topics read."""

import contextlib
import os
import socket
import syslog
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from schemas.topics import TOPICS, Topic

T = TypeVar("T")

# Errors that waiting does not cure.
REFUSALS = (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED)
HOPELESS = (*REFUSALS, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)
LEADER_S = 30.0
"""Patience with a broker that answers, and says that it does not lead a partition yet."""

LAB_GROUP = "headway-lab"
"""The processes of the lab; who is a member is there."""

ANSWER_S = 10.0  # how long a broker may take to answer before we call it unreachable
_BROKER_LOOK_S = 0.1
_READABLE_LOOK_S = 0.005
_MEMBERS_S = 3.0  # somebody waits to see who is there
IDLE_S = 30.0  # how long `read_all` waits for a record that must exist


class KafkaTrouble(Exception):
    """Kafka cannot do what was asked. The message says what to do."""


class KafkaUnreachable(KafkaTrouble):
    """No broker answers: wait and retry."""


class TopicsDiffer(KafkaTrouble):
    """A topic exists with another number of partitions: stop, a person must choose."""


def client_config(settings: Settings) -> dict[str, Any]:
    """Address and security for any confluent-kafka client, with a quick return after a broker restart."""
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap,
        "security.protocol": settings.kafka_security_protocol,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1000,
        "log.connection.close": False,
        "log_level": syslog.LOG_WARNING,  # what librdkafka tells beyond that is for those who work on it
    }
    if settings.kafka_sasl_mechanism:
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_username
        config["sasl.password"] = settings.kafka_password
    if settings.kafka_ca_file:
        config["ssl.ca.location"] = settings.kafka_ca_file
    return config


def producer(settings: Settings, **over: Any) -> Producer:
    """An idempotent producer. `over`: further options of librdkafka, with _ for the dots (`transactional_id="x"`)."""
    config = client_config(settings) | {
        "acks": "all",
        "enable.idempotence": True,
        # The partitioner of every other Kafka client, which schemas.partition computes too.
        "partitioner": "murmur2_random",
        "linger.ms": 1,
        "compression.type": "lz4",
        "retry.backoff.max.ms": 1000,
    }
    return Producer(config | _dotted(over))


def consumer(settings: Settings, group: str, **over: Any) -> Consumer:
    """A consumer that sees only committed records and commits only when told. `over` as for `producer`."""
    config = client_config(settings) | {
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        # A killed member's partitions move after 6 s, not after librdkafka's 45.
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
    }
    return Consumer(config | _dotted(over))


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics of the table that are missing; their names. Waits until each has its leaders."""
    admin, troubles = _admin(settings)
    present = _partition_counts(admin, troubles, settings)
    wrong = [
        f"{name} has {present[name]} partitions, not {_partitions(topic, settings)}"
        for name, topic in TOPICS.items()
        if name in present and present[name] != _partitions(topic, settings)
    ]
    if wrong:
        raise TopicsDiffer(
            f"topics on {settings.bootstrap} differ from the settings: {'; '.join(wrong)}. "
            "Set partitions (HEADWAY_PARTITIONS) to the count they have, or delete them and start anew"
        )
    missing = [_new_topic(topic, settings) for name, topic in TOPICS.items() if name not in present]
    if missing:
        for name, done in admin.create_topics(missing, operation_timeout=ANSWER_S).items():
            _finish_creation(name, done)
        _await_leaders(admin, settings)
    return [topic.topic for topic in missing]


def read_all(
    settings: Settings, topic: str, *, since_us: int | None = None, partition: int | None = None, **over: Any
) -> Iterator[Message]:
    """Every committed record of `topic` from its start, or from a time (µs since the epoch), to its end as of the call.

    `partition` None reads all of them. `over` as for `consumer`.

    Records of one partition come in their order. Raises `KafkaUnreachable` when records that must exist do not come.
    """
    # A short wait, for the end of a partition is seen by an answer without records.
    reader = consumer(settings, f"headway-read-{os.getpid()}", enable_partition_eof=True, fetch_wait_max_ms=50, **over)
    try:
        yield from _until(_assign(reader, settings, topic, since_us, partition), reader, settings, topic)
    finally:
        reader.close()


def read_between(settings: Settings, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Iterator[Message]:
    """The committed records of each partition from an offset to before another, one partition after the other: the same
    ranges give the same records in the same order. Raises as `read_all` does."""
    reader = consumer(settings, f"headway-read-{os.getpid()}", enable_partition_eof=True, fetch_wait_max_ms=50)
    try:
        for partition, (start, end) in sorted(ranges.items()):
            if end > start:
                reader.assign([TopicPartition(topic, partition, start)])
                yield from _until({partition: end}, reader, settings, topic)
    finally:
        reader.close()


def _until(ends: dict[int, int], reader: Consumer, settings: Settings, topic: str) -> Iterator[Message]:
    """What comes of a topic that is assigned, up to these offsets."""
    heard = time.monotonic()
    while ends:
        message = reader.poll(1.0)
        if message is None or _passes(message.error()):
            if time.monotonic() - heard > IDLE_S:
                raise KafkaUnreachable(f"{settings.bootstrap} sent nothing of {topic} for {IDLE_S:.0f} s")
            continue
        heard = time.monotonic()
        yield from _record(message, ends)


def ends(settings: Settings, topic: str, **over: Any) -> dict[int, int]:
    """The offset after the last committed record of each partition. `over` as for `consumer`."""
    return {partition: end for partition, (_, end) in bounds(settings, topic, **over).items()}


def bounds(settings: Settings, topic: str, **over: Any) -> dict[int, tuple[int, int]]:
    """The first offset that a partition still holds, and the one after its last committed record."""
    return _asked(settings, topic, _bounds, **over)


def offsets_at(settings: Settings, topic: str, at_us: int) -> dict[int, int]:
    """The offset of the first record that is not older than this; of a partition without one, its end."""

    def find(reader: Consumer) -> dict[int, int]:
        found = {p.partition: p.offset for p in _starts(reader, settings, topic, at_us, None)}
        if min(found.values()) >= 0:
            return found
        last = _bounds(reader, settings, topic)
        return {partition: last[partition][1] if offset < 0 else offset for partition, offset in found.items()}

    return _asked(settings, topic, lambda reader, *_: find(reader))


def _bounds(reader: Consumer, settings: Settings, topic: str) -> dict[int, tuple[int, int]]:
    places = _starts(reader, settings, topic, None, None)
    return {p.partition: reader.get_watermark_offsets(p, timeout=ANSWER_S) for p in places}


def await_readable(settings: Settings, topics: Iterable[str]) -> None:
    """Returns when who reads committed records finds all that these topics hold now: the broker answers a commit before
    that is so. After `ANSWER_S`, or when the broker cannot be asked, all the same: nothing is lost."""
    until = time.monotonic() + ANSWER_S
    with contextlib.suppress(KafkaUnreachable):
        for topic in topics:
            held = ends(settings, topic, isolation_level="read_uncommitted")
            while any(end < held[p] for p, end in ends(settings, topic).items()) and time.monotonic() < until:
                time.sleep(_READABLE_LOOK_S)


def _asked(settings: Settings, topic: str, ask: Callable[[Consumer, Settings, str], T], **over: Any) -> T:
    """The answer; patient with a broker that has just started, as `_assign` is."""
    reader = consumer(settings, f"headway-read-{os.getpid()}", **over)
    until = time.monotonic() + LEADER_S
    try:
        while True:
            try:
                return ask(reader, settings, topic)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > until:
                    reason = error.args[0].str()
                    raise KafkaUnreachable(f"{settings.bootstrap} does not answer about {topic}: {reason}") from error
                time.sleep(0.05)
    finally:
        reader.close()


def await_broker(settings: Settings) -> None:
    """Returns when a broker takes connections: quicker than a process that ends and is started until one does."""
    places = [server.rpartition(":") for server in settings.bootstrap.split(",")]
    while True:
        for host, _, port in places:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=ANSWER_S):
                return
        time.sleep(_BROKER_LOOK_S)


def members(settings: Settings, group: str) -> int:
    """How many processes a consumer group has now; one that was killed counts until its session ends."""
    admin, _ = _admin(settings)
    try:
        found = admin.describe_consumer_groups([group], request_timeout=_MEMBERS_S)[group].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise KafkaUnreachable(f"{settings.bootstrap} does not answer about {group}: {error.args[0].str()}") from error
    return len(found.members)


def unread(settings: Settings, group: str, topic: str, partition: int, offset: int | None, before: int = 2**62) -> bool:
    """Whether a committed record stands at or after this offset, and `before` that; None: after what the group has
    committed."""
    reader = consumer(settings, group, enable_partition_eof=True, fetch_wait_max_ms=50)
    try:
        place = TopicPartition(topic, partition)
        place.offset = reader.committed([place], timeout=ANSWER_S)[0].offset if offset is None else offset
        if place.offset < 0:
            place.offset = OFFSET_BEGINNING
        reader.assign([place])
        message = reader.poll(ANSWER_S)
        return message is not None and message.error() is None and message.offset() < before
    except KafkaException:
        return False  # no broker, no verdict
    finally:
        reader.close()


def _dotted(options: dict[str, Any]) -> dict[str, Any]:
    """Option names with dots; those that librdkafka itself writes with _ stay."""
    return {
        k if k.endswith("_cb") or k in ("log_level", "logger") else k.replace("_", "."): v for k, v in options.items()
    }


def _admin(settings: Settings) -> tuple[AdminClient, list[KafkaError]]:
    """A client, and the list it adds its troubles to: the answer to a request only says that the time is over."""
    troubles: list[KafkaError] = []
    return AdminClient(client_config(settings) | {"error_cb": troubles.append}), troubles


def _partition_counts(admin: AdminClient, troubles: list[KafkaError], settings: Settings) -> dict[str, int]:
    until = time.monotonic() + ANSWER_S
    while True:
        try:
            topics = admin.list_topics(timeout=1.0).topics
            return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}
        except KafkaException as error:
            admin.poll(0)
            refused = [trouble for trouble in troubles if trouble.code() in REFUSALS]
            if refused or time.monotonic() > until:
                raise KafkaUnreachable(_unreachable(settings, [*refused, *troubles, error.args[0]][0])) from error


def _unreachable(settings: Settings, reason: KafkaError) -> str:
    return (
        f"no Kafka at {settings.bootstrap} lets us in by {settings.kafka_security_protocol}: {reason.str()}. "
        "Is it up, and are kafka_bootstrap and the security settings right?"
    )


def _partitions(topic: Topic, settings: Settings) -> int:
    return topic.partitions or settings.partitions


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    config = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        # With 3 copies a write needs 2: no record is lost with one broker, none refused while one is down.
        "min.insync.replicas": str(max(1, settings.replication - 1)),
    }
    if topic.compacted:
        # Compaction passes over the newest segment, which would otherwise grow to 1 GiB before anything is dropped.
        # What has one partition is small, and read whole by everybody who starts.
        mib = 1 if topic.partitions == 1 else 64
        config |= {"segment.bytes": str(mib * 1024 * 1024), "min.cleanable.dirty.ratio": "0.2"}
    else:
        config["retention.ms"] = str(-1 if topic.retention_ms is None else topic.retention_ms)
    return NewTopic(topic.name, _partitions(topic, settings), settings.replication, config=config)


def _finish_creation(name: str, done: Any) -> None:
    try:
        done.result()
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was faster
            raise KafkaTrouble(f"topic {name} could not be created: {reason.str()}") from error


def _await_leaders(admin: AdminClient, settings: Settings) -> None:
    """Until then a client that asks for a new topic is told that it does not exist."""
    until = time.monotonic() + ANSWER_S
    while True:
        topics = admin.list_topics(timeout=ANSWER_S).topics
        waiting = [name for name in TOPICS if name not in topics or _leaderless(topics[name])]
        if not waiting:
            return
        if time.monotonic() > until:
            raise KafkaTrouble(f"no leader after {ANSWER_S:.0f} s for {', '.join(waiting)} on {settings.bootstrap}")
        time.sleep(0.05)


def _leaderless(topic: Any) -> bool:
    return topic.error is not None or any(partition.leader < 0 for partition in topic.partitions.values())


def _assign(reader: Consumer, settings: Settings, topic: str, since_us: int | None, only: int | None) -> dict[int, int]:
    """Set `reader` to its start in each partition; the end of each partition that has something to read."""
    until = time.monotonic() + ANSWER_S
    while True:
        try:
            starts = _starts(reader, settings, topic, since_us, only)
            ends = {}
            for start in starts:
                low, high = reader.get_watermark_offsets(start, timeout=ANSWER_S)
                if high > max(low, start.offset) and start.offset != -1:  # -1: nothing is that new
                    ends[start.partition] = high
            break
        except KafkaException as error:
            # A broker that has just started does not lead its partitions yet: on a busy machine for quite a while.
            leads = error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION
            if time.monotonic() > until + (0 if leads else LEADER_S):
                reason = error.args[0].str()
                raise KafkaUnreachable(f"{settings.bootstrap} does not answer about {topic}: {reason}") from error
            time.sleep(0.05)
    reader.assign([start for start in starts if start.partition in ends])
    return ends


def _starts(
    reader: Consumer, settings: Settings, topic: str, since_us: int | None, only: int | None
) -> list[TopicPartition]:
    found = reader.list_topics(topic, timeout=ANSWER_S).topics[topic]
    if found.error is not None:
        raise KafkaTrouble(f"topic {topic} on {settings.bootstrap}: {found.error.str()}")
    partitions = [partition for partition in found.partitions if only in (None, partition)]
    if since_us is None:
        return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]
    times = [TopicPartition(topic, partition, since_us // 1000) for partition in partitions]
    return list(reader.offsets_for_times(times, timeout=ANSWER_S))


def _passes(error: KafkaError | None) -> bool:
    """An error that ends by itself, as when a broker restarts; the client tries again."""
    return error is not None and not error.fatal() and error.code() not in (KafkaError._PARTITION_EOF, *HOPELESS)


def _record(message: Message, ends: dict[int, int]) -> Iterator[Message]:
    """`message` when it is a record before its partition's end; drops from `ends` the partition that is done."""
    partition, offset, error = message.partition(), message.offset(), message.error()
    if error is None:
        if offset < ends.get(partition, 0):
            yield message
        if offset + 1 >= ends.get(partition, 0):
            ends.pop(partition, None)
    elif error.code() == KafkaError._PARTITION_EOF:
        # The last offsets may be transaction markers, which are never delivered: this is how their end is seen.
        ends.pop(partition, None)
    else:
        raise KafkaTrouble(f"reading {message.topic()}: {error.str()}")
