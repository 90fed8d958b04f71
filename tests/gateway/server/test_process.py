"""The process: answers as soon as it listens, and ends in order when it is told to."""

import dataclasses
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway.live.live import SUBPROTOCOL
from gateway.server.tokens import Tokens
from infra.settings import Settings, as_env
from lab.ports import free_ports
from tests.support.gateway import Caller
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def test_the_process_starts_serves_and_ends_though_somebody_still_waits(broker: Settings, tmp_path: Path) -> None:
    settings = dataclasses.replace(broker, state_dir=str(tmp_path), gateway_port=free_ports(1), log_level="debug")
    log = tmp_path / "log.txt"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.server"],
            env={**os.environ, **as_env(settings)},
            stdout=said,
            stderr=said,
        )
    try:
        until(lambda: process.poll() is not None or _answers(settings.gateway_port), 30, "the gateway answers")
        assert process.returncode is None, log.read_text()
        token = (tmp_path / "token").read_text().strip()  # made at the first start
        caller = Caller(settings.gateway_port, token)
        until(lambda: caller.get("/healthz")["state"] == "ready", 30, "what happened before is known")
        task_id = caller.submit("Nobody works here")
        for offered, status in (([], 401), ([f"headway.token.{token}x"], 401), ([f"headway.token.{token}"], 101)):
            assert _upgraded(settings.gateway_port, *offered) == status
        answers: list[int] = []
        waiting = threading.Thread(
            target=lambda: answers.append(caller.call("GET", f"/api/tasks/{task_id}/wait?timeout=60").status)
        )
        waiting.start()
        time.sleep(0.3)  # it is on its way; nothing tells when it has arrived
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, log.read_text()
        assert time.monotonic() - began < 5
        waiting.join(5)
        assert answers == [200]
    finally:
        process.kill()
        process.wait()
    told = log.read_text()
    assert "listening" in told
    assert token.split("_", 2)[2] not in told
    assert "Traceback" not in told, told
    assert [t.name for t in Tokens(settings).all()] == ["local"]


def _upgraded(port: int, *offered: str) -> int:
    """What the door to live progress says to a browser that offers these subprotocols."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": f"http://127.0.0.1:{port}"}
    headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        protocols = {"Sec-WebSocket-Protocol": ", ".join((SUBPROTOCOL, *offered))}
        connection.request("GET", "/ws", headers=headers | protocols)
        answer = connection.getresponse()
        if answer.status == 101:
            assert answer.fp.read(1) != b""  # it is greeted; the greeting may have come with the answer
        return answer.status
    finally:
        connection.close()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
