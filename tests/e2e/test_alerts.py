"""Alerts on a running line: work that fails is seen, told once, acted upon and over when it is well again."""

import json
import os
import signal
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from infra import experiments, registry, stack
from infra.settings import Settings
from processors.experiments import lifecycle
from schemas.examples import examples
from tests.support.running import running_line, settings_in
from tests.support.tasks import Submitter
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

RULE = """---
description: Nearly everything fails.
measure: error_rate
above: 0.2
for_s: 1
window_s: 12
severity: critical
actions: [notify, pause_experiments]
---
Look at what fails.
"""


class Receiver:
    """Somebody who is told of alerts."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()


@pytest.fixture
def watched_line(tmp_path: Path, receiver: Receiver) -> Iterator[Settings]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "errors.md").write_text(RULE)
    settings = settings_in(
        tmp_path / "line",
        monitors=1,
        rules_dir=str(tmp_path / "rules"),
        alerts_webhook=f"http://127.0.0.1:{receiver.server.server_port}/hook?key=secret",
        sim_failure_rate=0.0,
        sim_success={"code-writer/broken": 0.000001},
    )
    with running_line(settings) as running:
        yield running


def runs(settings: Settings, name: str) -> None:
    draft: Any = examples("experiment", 1)[1] | {"experiment": name, "change": "created", "version": 1}
    experiments.change(settings, lambda known: draft)
    now = time.time_ns() // 1000
    experiments.change(settings, lambda known: lifecycle.started(known[name], known, now, "a test"))


def monitor(settings: Settings) -> Any:
    return next(row for row in stack.status(settings)["processes"] if row["name"] == "monitor-0")


def alert(settings: Settings) -> Any:
    return registry.newest(settings, registry.ALERTS).get("errors/line")


def test_work_that_fails_is_told_once_stops_experiments_and_is_over_when_it_is_well(watched_line, receiver):
    runs(watched_line, "second-tries")
    tasks = Submitter(watched_line)
    try:
        for number in range(40):
            tasks.submit(f"bad-{number}", text=f"Mend the broken part {number}", agent_id="code-writer")

        def acted_on() -> Any:
            found = alert(watched_line)
            return found if found and all(a["result"] != "due" for a in found["actions"]) else None

        fired = until(acted_on, 30, "the alert fires and is acted on")
        assert (fired["state"], fired["severity"], fired["fired"]) == ("firing", "critical", 1)
        assert "tasks that ended in the last 12 s failed: 100.0%; at most 20.0%." in fired["evidence"]
        assert all(task["task_id"].startswith(f"{tasks.prefix}-bad") for task in fired["tasks"]) and fired["tasks"]
        assert [a["result"] for a in fired["actions"]] == ["sent", "paused second-tries"]
        paused = experiments.read(watched_line)["second-tries"]
        assert (paused["status"], paused["by"]) == ("paused", "monitor")
        assert paused["reason"].startswith("Alert errors/line: ")
        assert [told["notification_id"] for told in receiver.told] == [f"errors/line@{fired['since_at']}"]
        assert receiver.told[0]["advice"] == "Look at what fails."

        before = monitor(watched_line)
        os.kill(before["pid"], signal.SIGKILL)
        until(lambda: monitor(watched_line)["restarts"] > before["restarts"], 20, "the monitor is started again")
        for number in range(40):
            tasks.submit(f"good-{number}", text=f"Write part {number}", agent_id="code-writer")

        over = until(lambda: (a := alert(watched_line)) and a["state"] == "resolved" and a, 60, "it is resolved")
        assert (over["since_at"], over["fired"]) == (fired["since_at"], 1), "the same alert, not a new one"
        assert over["actions"] == fired["actions"]
        assert len(receiver.told) == 1
        logs = (watched_line.state / "log").glob("*")
        assert not any("secret" in log.read_text(errors="replace") for log in logs if log.is_file())
    finally:
        tasks.close()
