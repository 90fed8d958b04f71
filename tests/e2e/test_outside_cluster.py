"""A cluster that is not ours, with TLS and passwords: settings alone are enough."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra import kafka
from infra.settings import Settings
from infra.stack import broker
from schemas.codec import decode_as, encode
from schemas.topics import TOPICS
from tests.support.running import running_line, running_part, settings_in
from tests.support.waiting import until
from tests.support.world import submission

pytestmark = pytest.mark.e2e

USER, PASSWORD = "line", "correct horse"
STORE_PASSWORD = "store-password"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key store for the broker, and its certificate as the CA file of the clients."""
    store, pem = folder / "broker.p12", folder / "ca.pem"
    common = ["-keystore", str(store), "-storepass", STORE_PASSWORD, "-alias", "broker"]
    name = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-validity", "2", "-keyalg", "EC"]
    keytool = shutil.which("keytool") or "keytool"
    subprocess.run([keytool, "-genkeypair", "-storetype", "PKCS12", *common, *name], check=True, capture_output=True)
    subprocess.run([keytool, "-exportcert", "-rfc", "-file", str(pem), *common], check=True, capture_output=True)
    return store, pem


def secured(port: int, local: Settings, store: Path) -> str:
    """Lines for server.properties that add a SASL_SSL listener."""
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return f"""
listeners=LINE://127.0.0.1:{local.kafka_port},CONTROLLER://127.0.0.1:{local.kafka_controller_port},OUT://127.0.0.1:{port}
advertised.listeners=LINE://127.0.0.1:{local.kafka_port},OUT://127.0.0.1:{port}
listener.security.protocol.map=LINE:PLAINTEXT,CONTROLLER:PLAINTEXT,OUT:SASL_SSL
listener.name.out.sasl.enabled.mechanisms=PLAIN
listener.name.out.plain.sasl.jaas.config={module} required user_{USER}="{PASSWORD}";
listener.name.out.ssl.keystore.type=PKCS12
listener.name.out.ssl.keystore.location={store}
listener.name.out.ssl.keystore.password={STORE_PASSWORD}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that reach the broker by its secured listener; the local ports in them are free for a line."""
    folder = tmp_path_factory.mktemp("cluster")
    local = settings_in(folder)
    port = local.kafka_port + 30
    store, pem = make_certificate(folder)
    part = broker.prepare(local)
    config = Path(part.command[-1])
    config.write_text(config.read_text() + secured(port, local, store))
    with running_part(part, folder / "log"):
        yield settings_in(
            folder / "line",
            sim_failure_rate=0.0,
            kafka_bootstrap=f"127.0.0.1:{port}",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="PLAIN",
            kafka_username=USER,
            kafka_password=PASSWORD,
            kafka_ca_file=str(pem),
        )


def test_topics_are_made_and_read(cluster: Settings) -> None:
    created = kafka.ensure_topics(cluster)
    assert set(created) <= set(TOPICS)
    producer = kafka.producer(cluster)
    producer.produce("tasks.progress", key="session", value="through TLS")
    assert producer.flush(10) == 0
    assert [message.value() for message in kafka.read_all(cluster, "tasks.progress")] == [b"through TLS"]


def test_wrong_password_is_told_at_once(cluster: Settings) -> None:
    with pytest.raises(kafka.KafkaUnreachable, match=r"SASL_SSL: .*[Aa]uthentication"):
        kafka.ensure_topics(replace(cluster, kafka_password="wrong"))


def test_unknown_certificate_is_told_at_once(cluster: Settings) -> None:
    with pytest.raises(kafka.KafkaUnreachable, match=r"SASL_SSL: .*certificate"):
        kafka.ensure_topics(replace(cluster, kafka_ca_file=""))


def test_whole_line_works_through_the_secured_listener(cluster: Settings) -> None:
    kafka.ensure_topics(cluster)
    task = submission(f"outside-{time.time_ns()}", submitted_at=time.time_ns() // 1000)
    producer = kafka.producer(cluster)
    producer.produce("tasks.submitted", key=task["session_id"], value=encode("TaskSubmitted", task))
    assert producer.flush(10) == 0

    def outcome() -> dict[str, Any] | None:
        outcomes = (decode_as("TaskOutcome", message.value()) for message in kafka.read_all(cluster, "tasks.outcomes"))
        return next((event for event in outcomes if event["task_id"] == task["task_id"]), None)

    with running_line(cluster):
        found = until(outcome, 60, "outcome")
    assert found is not None
    assert found["status"] == "completed"
