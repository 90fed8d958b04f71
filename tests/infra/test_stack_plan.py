"""What the stack would start, and what it says when the machine lacks something."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra import stack
from infra.settings import Settings
from infra.stack import jars, plan
from infra.stack.broker import prepare, properties
from infra.stack.errors import StackError
from infra.stack.output import Output
from infra.stack.part import gateway_answers
from lab.ports import free_ports
from tests.support.running import settings_in


def test_outside_servers_are_not_started() -> None:
    outside = Settings(kafka_bootstrap="a:1", redis_url="redis://b", clickhouse_url="http://c:1", routers=2)
    ours = [
        "router-0",
        "router-1",
        "dispatcher-0",
        "executor-0",
        "sink-0",
        "judge-0",
        "gateway-0",
        "joiner-0",
        "scorer-0",
        "monitor-0",
        "lab-0",
    ]
    assert plan.names(outside) == ours


def test_without_a_sink_there_is_no_warehouse_and_without_a_gateway_no_page() -> None:
    bare = ["kafka", "redis", "router-0", "dispatcher-0", "executor-0"]
    without = {"sinks": 0, "joiners": 0, "scorers": 0, "monitors": 0, "labs": 0}
    assert plan.names(Settings(gateways=0, **without)) == bare
    assert plan.names(Settings(gateways=2, **without)) == [*bare, "gateway-0", "gateway-1"]


def test_each_gateway_has_the_port_after_the_one_before(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, gateways=2)
    with socket.create_server(("127.0.0.1", settings.gateway_port + 1)), pytest.raises(StackError) as refused:
        plan.check_ports(settings)
    assert str(refused.value).startswith(f"port {settings.gateway_port + 1} (gateway-1) is taken")
    assert "set gateway_port (HEADWAY_GATEWAY_PORT) to a free one" in str(refused.value)


def test_a_gateway_that_refuses_more_requests_is_alive_and_one_that_fails_is_not() -> None:
    """Strangers who use up what it takes must not have it restarted."""

    class Answer(BaseHTTPRequestHandler):
        status = 429

        def do_GET(self) -> None:
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert gateway_answers("127.0.0.1", port) and gateway_answers("0.0.0.0", port)
        Answer.status = 500
        assert not gateway_answers("127.0.0.1", port)
        server.shutdown()
    assert not gateway_answers("127.0.0.1", port)


def test_taken_and_doubled_ports_are_named_together(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings = replace(settings, redis_port=settings.kafka_port)
    with socket.create_server(("127.0.0.1", settings.metrics_port)), pytest.raises(StackError) as refused:
        plan.check_ports(settings)
    doubled, taken = str(refused.value).splitlines()
    assert doubled.startswith(f"port {settings.redis_port} is asked for twice, by kafka and redis: set redis_port")
    assert f"port {settings.metrics_port} (metrics of router-0) is taken" in taken
    assert "HEADWAY_METRICS_PORT" in taken


@pytest.fixture
def other_line(tmp_path: Path) -> Iterator[tuple[Settings, Path]]:
    """A process of another line, which has a port of these settings, and that line's state folder."""
    settings = settings_in(tmp_path)
    settings = replace(settings, state_dir=str(tmp_path / "mine"))
    program = (
        f"import socket, sys; held = socket.create_server(('127.0.0.1', {settings.kafka_port}))\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    environment = os.environ | {"HEADWAY_STATE_DIR": "theirs"}
    (tmp_path / "theirs").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=pipe, stdout=pipe, cwd=tmp_path, env=environment
    ) as held:
        assert held.stdin and held.stdout
        held.stdout.readline()
        row = {"name": "kafka", "pid": held.pid}
        (tmp_path / "theirs" / "stack.json").write_text(json.dumps({"state": "ready", "processes": [row]}))
        yield settings, tmp_path / "theirs"
        held.stdin.close()


def test_ports_that_another_line_has_are_told_in_one_sentence_and_no_folder_is_left(
    other_line: tuple[Settings, Path],
) -> None:
    settings, theirs = other_line
    with pytest.raises(StackError) as refused:
        stack.up(settings)
    assert str(refused.value).count("\n") == 0
    assert f"its state is in {theirs}. Go on with that one" in str(refused.value)
    assert stack.elsewhere(settings) == theirs
    assert not stack.down(settings)
    assert not settings.state.exists()


def test_a_stranger_on_our_port_is_no_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with socket.create_server(("127.0.0.1", settings.kafka_port)):
        assert stack.elsewhere(settings) is None
    assert stack.elsewhere(settings) is None


def test_free_ports_are_accepted() -> None:
    port = free_ports(20)
    kafka = {"kafka_port": port, "kafka_controller_port": port + 1}
    others = {"redis_port": port + 2, "clickhouse_port": port + 3, "gateway_port": port + 4}
    plan.check_ports(Settings(**kafka, **others, metrics_port=port + 10))


def test_missing_java_and_maven_are_named_with_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "LIBS", tmp_path / "libs")
    with pytest.raises(StackError, match=r"Java is missing.*openjdk-17-jre-headless"):
        jars.java.__wrapped__()
    with pytest.raises(StackError, match=r"Maven is missing.*apt-get install maven"):
        jars.fetch_jars()


def test_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(StackError, match=r"is Java 8: .* needs Java 17 or newer"):
        jars.java.__wrapped__()


def test_fetched_jars_are_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "LIBS", tmp_path)
    (tmp_path / "fetched.xml").write_bytes((jars.FOLDER / "pom.xml").read_bytes())
    monkeypatch.setenv("PATH", "")
    jars.fetch_jars()


def test_broker_listens_on_this_machine_only() -> None:
    text = properties(Settings(kafka_port=1, kafka_controller_port=2), Path("/data"))
    assert "listeners=LINE://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n" in text
    assert "log.dirs=/data\n" in text


@pytest.mark.parametrize(("made_by", "refused"), [("4.3.1", True), (None, True), ("4.2.1", False), ("4.1.10", False)])
def test_data_of_a_later_kafka_are_refused_with_what_to_do(made_by, refused, tmp_path, monkeypatch):
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka-server-4.2.1.jar").touch()
    (tmp_path / "libs" / "kafka-server-common-4.2.1.jar").touch()
    monkeypatch.setattr("infra.stack.broker.LIBS", tmp_path / "libs")
    monkeypatch.setattr("infra.stack.broker.fetch_jars", lambda: None)
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").touch()
    if made_by:
        (tmp_path / "kafka" / "release").write_text(made_by)
    if not refused:
        assert prepare(Settings(state_dir=str(tmp_path))).name == "kafka"
        return
    with pytest.raises(StackError, match=r"data of Kafka 4\.3\.\d, which Kafka 4\.2\.1 cannot read\. Move that folder"):
        prepare(Settings(state_dir=str(tmp_path)))


def test_log_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.stack.output.FILE_BYTES_MAX", 1000)
    output = Output("router-0", 0, 8, tmp_path, None)
    for number in range(500):
        output.line(f"line {number}")
    output.close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["router-0.log", "router-0.log.1", "router-0.log.2"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert output.tail[-1] == "line 499"
