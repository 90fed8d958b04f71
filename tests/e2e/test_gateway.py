"""A line with its gateway: the supervisor keeps it up, who follows misses nothing, and it is seen in a terminal."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest

from gateway.cli.screen.seen import ENDS
from gateway.client.sync import follow
from gateway.sending import Sender, now_us
from gateway.server.tokens import Tokens
from gateway.submission import task_from
from infra import stack
from infra.metrics import port_offset
from infra.settings import Settings, as_env
from processors.admission import Limits
from tests.support.pseudo_terminal import PseudoTerminal, on_terminal
from tests.support.running import running_line, settings_in
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_line(settings_in(tmp_path_factory.mktemp("gateway"), gateways=1, sim_failure_rate=0.0)) as settings:
        yield settings


def headway(line: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway.cli", *words]
    return subprocess.run(
        command, env={**os.environ, **as_env(line)}, capture_output=True, text=True, timeout=60, check=False
    )


def in_terminal(line: Settings, *words: str, **size: int) -> Any:
    return on_terminal([sys.executable, "-m", "gateway.cli", *words], {**os.environ, **as_env(line)}, **size)


def submit(line: Settings, count: int, session: str, text: str = "Review the login module") -> list[str]:
    tasks = [task_from({"text": text, "session_id": session}, now_us(), limits=Limits()) for _ in range(count)]
    Sender(line).submit(tasks)
    return [task["task_id"] for task in tasks]


def gateway_row(line: Settings) -> dict[str, Any]:
    return next(row for row in stack.status(line)["processes"] if row["name"] == "gateway-0")


def kill_gateway(line: Settings) -> float:
    """Seconds until it answers again."""
    before, began = gateway_row(line), time.monotonic()
    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = gateway_row(line)
        return bool(now["state"] == "ready" and now["pid"] != before["pid"])

    until(is_back, 20, "the gateway is back")
    return time.monotonic() - began


class Following(threading.Thread):
    """Somebody who hears all about a session."""

    def __init__(self, line: Settings, session: str) -> None:
        super().__init__(daemon=True)
        token = Tokens(line).local(now_us())
        self.messages = follow(line.gateway, access_token=token, session_id=session)
        self.heard: list[tuple[str, str]] = []
        next(message for message in self.messages if message.event == "snapshot")
        self.start()

    def run(self) -> None:
        for message in self.messages:
            if "task_id" in message.data:
                self.heard.append((message.data["task_id"], message.event))

    def ended(self) -> list[str]:
        return [task for task, event in self.heard if event in ENDS]


def test_a_killed_gateway_is_back_within_seconds_and_nobody_misses_anything(line: Settings) -> None:
    following = Following(line, "killed")
    tasks = submit(line, 30, "killed")
    until(lambda: len(following.ended()) > 3, 20, "some have ended")
    took = kill_gateway(line)
    tasks += submit(line, 30, "killed")
    until(lambda: len(following.ended()) >= len(tasks), 30, "all have ended")
    assert sorted(following.ended()) == sorted(tasks)
    for name in ("task_submitted", "task_queued"):
        assert sorted(task for task, event in following.heard if event == name) == sorted(tasks)
    assert took < 10  # about 1 s when nothing else runs
    assert headway(line, "logs").stdout.count("gateway-0 was killed by SIGKILL") == 1


def test_status_logs_and_metrics_have_the_gateway(line: Settings) -> None:
    row = gateway_row(line)
    assert row["state"] == "ready" and 20 < row["rss_mb"] < 300
    assert f"port={line.gateway_port}" in headway(line, "logs", "gateway-0").stdout
    assert headway(line, "open", "--print").stdout.startswith(f"http://127.0.0.1:{line.gateway_port}/#code=")
    with urlopen(f"http://127.0.0.1:{line.metrics_port + port_offset('gateway', 0)}/metrics") as answer:
        assert b"headway_" in answer.read()


def left_in_order(terminal: PseudoTerminal, code: int = 0) -> None:
    assert terminal.wait_end() == code
    assert terminal.written.rstrip().endswith(b"\x1b[?25h\x1b[?1049l")  # cursor and screen as they were
    assert terminal.echoes()


def test_watch_shows_the_line_in_a_terminal_outlives_the_gateway_and_leaves_in_order(line: Settings) -> None:
    with in_terminal(line, "watch") as terminal:
        terminal.wait_for("● live")
        (task_id,) = submit(line, 1, "seen")
        shown = terminal.wait_for(task_id[-12:])
        assert len(shown) == 24 and max(map(len, shown)) == 80
        terminal.wait_for("completed")
        os.kill(gateway_row(line)["pid"], signal.SIGSTOP)  # silent, not gone
        terminal.wait_for("reconnecting")
        kill_gateway(line)
        terminal.wait_for("● live")
        (late,) = submit(line, 1, "seen-later")
        terminal.wait_for(late[-12:])
        terminal.press("\r")
        terminal.wait_for(f"task {late}")
        terminal.press("\x1b")
        terminal.wait_for("● live")
        terminal.resize(140, 40)
        until(lambda: terminal.read() and len(terminal.screen()) == 40, 30, "the larger screen")
        assert not terminal.echoes()
        terminal.press("q")
        left_in_order(terminal)


def test_ctrl_c_leaves_the_screen_as_q_does(line: Settings) -> None:
    with in_terminal(line, "top") as terminal:
        shown = terminal.wait_for("code-reviewer")
        assert shown[0].startswith("● live") and "running" in shown[1] and "sort: load" in shown[-1]
        terminal.press("\x1b[C")
        terminal.wait_for("sort: agent, least first")
        terminal.process.send_signal(signal.SIGINT)
        left_in_order(terminal)


def test_one_task_is_told_line_by_line_to_its_end(line: Settings) -> None:
    (task_id,) = submit(line, 1, "told", "Translate good morning")
    told = headway(line, "watch", task_id)
    assert told.returncode == 0, told
    assert "completed" in told.stdout.splitlines()[-1]
    again = headway(line, "watch", "--task", task_id, "--json")
    (row,) = json.loads(again.stdout.splitlines()[-1])["data"]["tasks"]
    assert (again.returncode, row["state"]) == (0, "completed")
    nobody = headway(line, "watch", "nothing-of-this-name")
    assert nobody.returncode == 1 and "There is no agent, session or task" in nobody.stderr


def test_a_session_is_told_as_json_lines_until_somebody_ends_it(line: Settings) -> None:
    command = [sys.executable, "-m", "gateway.cli", "watch", "--session", "json", "--json"]
    with subprocess.Popen(
        command, env={**os.environ, **as_env(line)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["event"] == "snapshot"
        (task_id,) = submit(line, 1, "json")
        submit(line, 1, "another")
        told = []
        while not told or told[-1]["event"] not in ENDS:
            told.append(json.loads(watching.stdout.readline()))
        assert told[0]["event"] == "task_submitted" and {m["data"]["task_id"] for m in told} == {task_id}
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0
        assert watching.stderr is not None and watching.stderr.read() == ""


def test_top_is_one_table_in_a_pipe_and_an_object_a_line_for_programs(line: Settings) -> None:
    table = headway(line, "top", "--sort", "agent").stdout.splitlines()
    assert table[0].split()[:2] == ["agent", "instances"] and table[1].startswith("code-reviewer")
    rows = [json.loads(row) for row in headway(line, "top", "--json").stdout.splitlines()]
    assert {"agent_id", "running", "cost_usd_micros"} <= set(rows[0]) and len(rows) == len(table) - 1
