"""The local broker: Apache Kafka in KRaft mode, one node that is broker and controller, data in the state folder."""

import base64
import subprocess
import uuid
from pathlib import Path

from infra.settings import Settings
from infra.stack.errors import StackError
from infra.stack.jars import FOLDER, LIBS, fetch_jars, java
from infra.stack.part import Part, kafka_answers

# Classes of the broker as the JVM keeps them in memory; with it the broker starts in 1.7 s instead of 3. `make setup`
# makes it, and a JVM of another version ignores it.
ARCHIVE = FOLDER / "target" / "broker.jsa"
_RELEASE = "release"  # file beside the data: the Kafka that made it
_BEFORE_NOTES = "4.3.0"  # made all data that has no such file
STOP_S = 20.0  # it closes its logs cleanly in 1 to 3 s


def prepare(settings: Settings) -> Part:
    """Find Java and the jars, write the configuration, format the data folder the first time."""
    fetch_jars()
    home = settings.state.resolve() / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    config = home / "server.properties"
    config.write_text(properties(settings, home / "data"))
    if (home / "data" / "meta.properties").is_file():
        _check_release(home)
    else:
        _format(config)
        (home / _RELEASE).write_text(_release())
    return Part(
        name="kafka",
        command=(*_jvm(settings.kafka_heap_mb), *_archive_option(), "kafka.Kafka", str(config)),
        probe=lambda: kafka_answers(settings.kafka_port),
        stop_s=STOP_S,
    )


def _check_release(home: Path) -> None:
    """A broker does not read what a later one wrote, and says so by a trace of calls."""
    note = home / _RELEASE
    theirs, ours = note.read_text() if note.is_file() else _BEFORE_NOTES, _release()
    if _parts(theirs) > _parts(ours):
        raise StackError(
            f"{home} holds the data of Kafka {theirs}, which Kafka {ours} cannot read. Move that folder away and start "
            "again: the line then begins with empty topics."
        )


def _release() -> str:
    """Of the jars."""
    (jar,) = LIBS.glob("kafka-server-[0-9]*.jar")
    return jar.stem.removeprefix("kafka-server-")


def _parts(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


def properties(settings: Settings, data: Path) -> str:
    """server.properties of a single node."""
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        # A fixed voter rather than a recorded one, so that the ports may change between two starts.
        "controller.quorum.voters": f"1@127.0.0.1:{settings.kafka_controller_port}",
        "listeners": f"LINE://127.0.0.1:{settings.kafka_port},CONTROLLER://127.0.0.1:{settings.kafka_controller_port}",
        "advertised.listeners": f"LINE://127.0.0.1:{settings.kafka_port}",
        "listener.security.protocol.map": "LINE:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "LINE",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # A misspelt topic is an error, not a new topic.
        "auto.create.topics.enable": "false",
        # Kafka's own topics: one copy is all that one node can hold, and 4 partitions are quicker to load than 50.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # There is no crowd of members to wait for.
        "group.initial.rebalance.delay.ms": 0,
        # A broker that comes back after kill -9 waits for the end of its own old session, so it is no longer than it
        # has to be: with 1.5 s a busy machine was enough for the broker to be taken for dead, and to lead nothing.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # Sizes for a small heap and few cores.
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _format(config: Path) -> None:
    identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
    command = [*_jvm(128), "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(config), "--ignore-formatted"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"Kafka could not format its data folder:\n{done.stdout}{done.stderr}".rstrip())


def _archive_option() -> list[str]:
    return [f"-XX:SharedArchiveFile={ARCHIVE}"] if ARCHIVE.is_file() else []


def _jvm(heap_mb: int) -> tuple[str, ...]:
    return (
        java(),
        # The quick compiler only: the thorough one takes much time of few cores at first, and after 40,000 tasks the
        # line was still a fifth slower with it.
        "-XX:TieredStopAtLevel=1",
        "-Xms128m",
        f"-Xmx{heap_mb}m",
        # Out of memory ends the process, and the supervisor starts a fresh one.
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlog4j2.configurationFile={FOLDER / 'log4j2.xml'}",
        "-cp",
        f"{LIBS}/*",
    )
