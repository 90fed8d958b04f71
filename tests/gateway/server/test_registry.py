"""The read half of the Schema Registry, and those who read our topics with it: Confluent's client, kcat, ClickHouse."""

import json
import re
import shutil
import struct
import subprocess
import sys
import time
import uuid
from io import BytesIO
from typing import Any

import fastavro
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from gateway.server.routes.registry import subjects, versions
from infra import kafka
from schemas.codec import FOLDER, encode
from schemas.examples import examples
from schemas.topics import TOPICS
from tests.support.gateway import Gateway
from tests.support.world import submission

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


def test_every_version_of_the_vocabulary_has_its_id_and_every_event_a_subject() -> None:
    entries = json.loads((FOLDER / "registry.json").read_text())["schemas"]
    assert set(versions()) == {entry["id"] for entry in entries}
    assert set(subjects().values()) == {entry["event"] for entry in entries}
    for version in versions().values():
        assert json.loads(version.schema)["name"] == version.event


def test_a_topic_with_one_event_has_a_subject_and_where_several_share_one_each_event_has() -> None:
    assert subjects()["tasks.submitted-value"] == "TaskSubmitted"
    assert subjects()["headway.TaskCommand"] == "TaskCommand"
    for topic in TOPICS.values():
        assert (f"{topic.name}-value" in subjects()) == (len(topic.events) == 1)


@pytest.mark.e2e
def test_whoever_has_an_id_or_a_subject_finds_the_schema_without_a_token(gateway: Gateway) -> None:
    caller = gateway.stranger()
    listed = caller.call("GET", "/subjects")
    assert listed.headers["content-type"].startswith(MEDIA_TYPE)
    assert listed.body == list(subjects())
    assert caller.get("/schemas/types") == ["AVRO"]
    for subject in listed.body:
        numbers = caller.get(f"/subjects/{subject}/versions")
        newest = caller.get(f"/subjects/{subject}/versions/latest?deleted=false")
        assert newest == caller.get(f"/subjects/{subject}/versions/{numbers[-1]}")
        assert caller.get(f"/schemas/ids/{newest['id']}")["schema"] == newest["schema"]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/schemas/ids/999999", 40403),
        ("/subjects/nothing/versions", 40401),
        ("/subjects/nothing/versions/latest", 40401),
        ("/subjects/tasks.submitted-value/versions/99", 40402),
    ],
)
def test_what_is_not_there_is_told_as_clients_of_a_registry_expect_it(gateway: Gateway, path: str, code: int) -> None:
    answer = gateway.stranger().call("GET", path)
    assert (answer.status, answer.body["error_code"]) == (404, code)


@pytest.fixture
def confluent(gateway: Gateway) -> Any:
    """Confluent's own client of a registry, which knows nothing of us but an address."""
    from confluent_kafka.schema_registry import SchemaRegistryClient

    return SchemaRegistryClient({"url": f"http://127.0.0.1:{gateway.port}"})


@pytest.mark.e2e
def test_confluents_client_decodes_every_version_of_every_event(confluent: Any) -> None:
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    topic_of = {event: topic.name for topic in TOPICS.values() for event in topic.events}
    decode = AvroDeserializer(confluent)
    entries = json.loads((FOLDER / "registry.json").read_text())["schemas"]
    assert entries
    for entry in entries:
        context = SerializationContext(topic_of.get(entry["event"], "a.topic"), MessageField.VALUE)
        schema = json.loads((FOLDER / "events" / entry["folder"] / f"{entry['version']}.avsc").read_text())
        written = _encoded(entry)
        assert decode(written, context) == fastavro.schemaless_reader(BytesIO(written[5:]), schema, None), entry


@pytest.mark.e2e
def test_confluents_client_decodes_the_tasks_handed_in(gateway: Gateway, confluent: Any) -> None:
    from confluent_kafka import Consumer, TopicPartition
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    text = f"Read me {uuid.uuid4().hex}"
    task_id = gateway.caller("acme").submit(text, priority=3)
    settings = gateway.services.settings
    consumer = Consumer({**kafka.client_config(settings), "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    consumer.assign([TopicPartition("tasks.submitted", number, 0) for number in range(settings.partitions)])
    decode, context = AvroDeserializer(confluent), SerializationContext("tasks.submitted", MessageField.VALUE)
    mine = None
    until = time.monotonic() + 30
    while mine is None and time.monotonic() < until:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            told = decode(message.value(), context)
            mine = told if told["task_id"] == task_id else None
    consumer.close()
    assert mine is not None
    assert (mine["text"], mine["tenant_id"], mine["priority"]) == (text, "acme", 3)


@pytest.mark.e2e
def test_confluents_client_finds_every_subject_with_its_versions(confluent: Any) -> None:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    assert confluent.get_subjects() == list(subjects())
    by_event: dict[str, list[int]] = {}
    for version in versions().values():
        by_event.setdefault(version.event, []).append(version.version)
    for subject, event in subjects().items():
        assert confluent.get_versions(subject) == sorted(by_event[event])
        newest = confluent.get_latest_version(subject)
        assert newest.version == max(by_event[event])
        assert confluent.get_schema(newest.schema_id).schema_str == newest.schema.schema_str
    with pytest.raises(SchemaRegistryError) as refused:
        confluent.get_schema(999_999)
    assert (refused.value.http_status_code, refused.value.error_code) == (404, 40403)


def _kcat() -> str:
    """Debian's own kcat is built without Avro."""
    found = shutil.which("kcat") or shutil.which("kafkacat")
    if found is None:
        pytest.skip("there is no kcat on this machine")
    if "Avro" not in subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("this kcat is built without Avro")
    return found


def _told_by_kcat(kcat: str, gateway: Gateway, topic: str) -> list[Any]:
    command = [kcat, "-q", "-b", gateway.services.settings.bootstrap, "-t", topic, "-C", "-e", "-f", "%s\\n"]
    command += ["-s", "value=avro", "-r", f"http://127.0.0.1:{gateway.port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.e2e
def test_kcat_decodes_the_tasks_handed_in(gateway: Gateway) -> None:
    kcat, text = _kcat(), f"Read me {uuid.uuid4().hex}"
    task_id = gateway.caller("acme").submit(text, priority=3)
    (mine,) = [task for task in _told_by_kcat(kcat, gateway, "tasks.submitted") if task["task_id"] == task_id]
    assert (mine["text"], mine["tenant_id"], mine["priority"]) == (text, "acme", 3)


@pytest.mark.e2e
def test_kcat_decodes_every_version_of_every_event(gateway: Gateway) -> None:
    kcat, topic = _kcat(), f"kcat-{uuid.uuid4().hex}"
    settings = gateway.services.settings
    admin = AdminClient(kafka.client_config(settings))
    admin.create_topics([NewTopic(topic, 1)])[topic].result()
    producer = kafka.producer(settings)
    entries = json.loads((FOLDER / "registry.json").read_text())["schemas"]
    for entry in entries:
        producer.produce(topic, _encoded(entry))
    producer.flush(10)
    told = _told_by_kcat(kcat, gateway, topic)
    assert len(told) == len(entries)
    for entry, event in zip(entries, told, strict=True):
        names = [field["name"] for field in json.loads(versions()[entry["id"]].schema)["fields"]]
        assert list(event) == names


def _encoded(entry: dict[str, Any]) -> bytes:
    """An example as this version writes it."""
    schema = fastavro.parse_schema(json.loads(versions()[entry["id"]].schema), {})
    out = BytesIO(struct.pack(">bI", 0, entry["id"]))
    out.seek(5)
    fastavro.schemaless_writer(out, schema, examples(entry["folder"], entry["version"])[0])
    return out.getvalue()


CLICKHOUSE = """
import sys, chdb
sql = "SELECT {columns} FROM file('{file}', AvroConfluent, '{types}') FORMAT JSONEachRow"
sql += " SETTINGS format_avro_schema_registry_url = '{url}'"
print(chdb.query(sql.format(**dict(zip(("columns", "file", "types", "url"), sys.argv[1:]))), "Raw"))
"""


@pytest.mark.e2e
def test_clickhouse_decodes_our_messages(gateway: Gateway, tmp_path: Any) -> None:
    file = tmp_path / "messages.avro"
    tasks = [submission(f"t-{n}", text=f"Task {n}", priority=1 + n, items=["a", "b"]) for n in range(3)]
    file.write_bytes(b"".join(encode("TaskSubmitted", task) for task in tasks))
    types = "task_id String, text String, priority Int32, items Array(String), agent_id Nullable(String)"
    columns = ", ".join(re.findall(r"(\w+) \w+(?:\(\w+\))?(?:, |$)", types))
    command = [sys.executable, "-c", CLICKHOUSE, columns, str(file), types, f"http://127.0.0.1:{gateway.port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line]
    names = ("task_id", "text", "priority", "items", "agent_id")
    assert told == [{name: task[name] for name in names} for task in tasks]
