"""What the live bench sets up: a gateway, a bare peer, a line that tells of progress, and thousands of clients."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import psutil

from infra import kafka
from infra.settings import Settings, as_env
from infra.stack.child import SHIM
from lab.own_line import until
from schemas.codec import encode
from schemas.examples import examples

_START_S = 30.0
_BEGINNING: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("tasks.submitted", "task_submitted", "TaskSubmitted", {}),
    ("routing.decisions", "routing_decision", "RoutingDecision", {"refusal": None}),
    ("tasks.assigned", "task_assigned", "TaskAssigned", {"kind": "run", "attempt": 1}),
)


@contextmanager
def gateway(settings: Settings) -> Iterator[psutil.Process]:
    """The gateway as it comes, with the limits of the settings."""
    command = [sys.executable, "-m", "gateway.server"]
    with _process(command, {**os.environ, **as_env(settings)}) as process:
        if not until(lambda: _answers(settings.gateway_port), _START_S):
            raise RuntimeError("the gateway did not start")
        yield process


@contextmanager
def peer(port: int, sessions: int, rate: float) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "lab.peers.fanout", str(port), str(sessions), str(rate)]
    with _process(command, dict(os.environ)) as process:
        if not until(lambda: any(c.status == "LISTEN" for c in process.net_connections("tcp")), _START_S):
            raise RuntimeError("the bare server did not start")
        yield process


@contextmanager
def _process(command: list[str], env: dict[str, str]) -> Iterator[psutil.Process]:
    """It ends with us, whatever happens."""
    command = [sys.executable, "-I", "-S", SHIM, str(os.getpid()), *command]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


class Line:
    """A running task in each session, and progress of them at a rate."""

    def __init__(self, settings: Settings, sessions: int, rate: float) -> None:
        self.rate = rate
        self._sessions = sessions
        self._producer = kafka.producer(settings, enable_idempotence=False, log_level=2)
        self._run = f"bench-{time.time_ns()}"
        self._stopping = False
        self._thread = threading.Thread(target=self._tell)
        self._progress = examples("task_progress", 1)[0]

    def __enter__(self) -> "Line":
        for n in range(self._sessions):
            for topic, table, event, over in _BEGINNING:
                values = examples(table, 1)[0] | over | self._who(n)
                self._producer.produce(topic, encode(event, values), f"s-{n}")
        self._producer.flush(30)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()
        self._producer.flush(10)

    def _who(self, n: int) -> dict[str, str]:
        return {"task_id": f"{self._run}-{n}", "session_id": f"s-{n}", "tenant_id": "bench"}

    def _tell(self) -> None:
        number, due = 0, time.monotonic()
        while not self._stopping:
            due += 1 / self.rate
            while due > time.monotonic():
                self._producer.poll(max(0.0, due - time.monotonic()))
            n = number * 7 % self._sessions
            number += 1
            more = {"kind": "progress", "attempt": 1, "sequence": number, "message": "reading the file"}
            event = self._progress | self._who(n) | more | {"at": time.time_ns() // 1000}
            self._producer.produce("tasks.progress", encode("TaskProgress", event), f"s-{n}")
            self._producer.poll(0)


class Clients:
    """The process of `lab.bench.live_clients`. `settings`: of the gateway whose token they have; null: no token."""

    def __init__(self, port: int, sessions: int, settings: Settings | None) -> None:
        self._token = "" if settings is None else (settings.state / "token").read_text(encoding="utf-8").strip()
        self._words = [str(port), str(sessions)]

    def __enter__(self) -> "Clients":
        command = [sys.executable, "-m", "lab.bench.live_clients", *self._words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say(self._token)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, words: str) -> dict[str, Any]:
        self._say(words)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
