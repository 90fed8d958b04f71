"""The Kafka adapter on a real broker."""

import time
import uuid
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra import changing, kafka
from infra.changing import Record
from infra.settings import Settings
from schemas.topics import TOPICS
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def topic(broker: Settings) -> str:
    name = f"test-{uuid.uuid4().hex}"
    admin = AdminClient(kafka.client_config(broker))
    admin.create_topics([NewTopic(name, 3, 1)], operation_timeout=10)[name].result()
    until(lambda: not kafka._leaderless(admin.list_topics(name, timeout=10).topics[name]), what="leaders")
    return name


def values(settings: Settings, topic: str, since_us: int | None = None) -> list[str]:
    return sorted((message.value() or b"").decode() for message in kafka.read_all(settings, topic, since_us=since_us))


def test_topics_are_made_once_and_as_the_table_says(broker: Settings) -> None:
    assert kafka.ensure_topics(broker) == []  # the fixture made them
    topics = AdminClient(kafka.client_config(broker)).list_topics(timeout=10).topics
    for name, topic in TOPICS.items():
        assert len(topics[name].partitions) == (topic.partitions or broker.partitions)


def test_other_partition_count_is_refused_with_what_to_do(broker: Settings) -> None:
    with pytest.raises(kafka.TopicsDiffer, match=r"tasks\.submitted has 4 partitions, not 8.*HEADWAY_PARTITIONS"):
        kafka.ensure_topics(replace(broker, partitions=8))


def test_misspelt_topic_is_an_error(broker: Settings) -> None:
    with pytest.raises(kafka.KafkaTrouble, match=r"tasks\.submited"):
        list(kafka.read_all(broker, "tasks.submited"))


def test_reads_an_empty_topic(broker: Settings, topic: str) -> None:
    assert values(broker, topic) == []
    assert values(broker, topic, since_us=0) == []


def test_reads_committed_records_only_to_the_end_as_of_the_call(broker: Settings, topic: str) -> None:
    producer = kafka.producer(broker, transactional_id=topic)
    producer.init_transactions()
    for turn, end in enumerate([producer.commit_transaction, producer.abort_transaction, producer.commit_transaction]):
        producer.begin_transaction()
        for key in range(5):
            producer.produce(topic, key=str(key), value=f"{turn}-{key}")
        end()
    kafka.await_readable(broker, [topic])
    committed = [f"{turn}-{key}" for turn in (0, 2) for key in range(5)]

    reader = kafka.read_all(broker, topic)
    first = next(reader)
    producer.begin_transaction()
    producer.produce(topic, key="later", value="later")
    producer.commit_transaction()
    kafka.await_readable(broker, [topic])
    assert sorted([first.value().decode(), *(m.value().decode() for m in reader)]) == committed

    producer.begin_transaction()
    producer.produce(topic, key="open", value="open")
    producer.flush()
    assert values(broker, topic) == [*committed, "later"]
    producer.abort_transaction()


def test_whoever_reads_after_a_change_finds_it(broker: Settings, topic: str) -> None:
    reader = kafka.consumer(broker, "changing-test")
    places = [TopicPartition(topic, p) for p in reader.list_topics(topic, timeout=10).topics[topic].partitions]

    def committed() -> int:
        return sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)

    try:
        for turn in range(20):
            before = committed()
            changing.change(broker, topic, "a test", lambda key=str(turn): (None, [Record(topic, key, b"any")]))  # type: ignore[misc]
            assert committed() > before
    finally:
        reader.close()


def test_reads_from_a_time(broker: Settings, topic: str) -> None:
    producer = kafka.producer(broker)
    now_ms = time.time_ns() // 1_000_000
    for age_ms in (60_000, 30_000, 0):
        producer.produce(topic, key="k", value=str(age_ms), timestamp=now_ms - age_ms)
    producer.flush()
    assert values(broker, topic, since_us=(now_ms - 30_000) * 1000) == ["0", "30000"]
    assert values(broker, topic, since_us=(now_ms + 1) * 1000) == []


def test_partitioner_is_the_one_that_schemas_compute(broker: Settings, topic: str) -> None:
    from schemas.partition import partition_of

    producer = kafka.producer(broker)
    for number in range(50):
        producer.produce(topic, key=f"key-{number}", value="")
    producer.flush()
    read = list(kafka.read_all(broker, topic))
    assert len(read) == 50
    for message in read:
        assert message.partition() == partition_of(message.key() or b"", 3)


def test_consumer_commits_only_when_told(broker: Settings, topic: str) -> None:
    producer = kafka.producer(broker)
    producer.produce(topic, value="once")
    producer.flush()
    for _ in range(2):
        consumer = kafka.consumer(broker, topic)
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None
        assert message.value() == b"once"
        consumer.close()
