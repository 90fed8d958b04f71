"""Metrics: each is explained, each process has a port of its own."""

import re
import urllib.request
from pathlib import Path

from infra import metrics
from infra.settings import Settings
from lab.ports import free_ports

SOURCE = Path(metrics.__file__).read_text().splitlines()
ROOT = Path(metrics.__file__).parents[1]


def test_each_metric_stands_under_a_comment() -> None:
    places = [n for n, line in enumerate(SOURCE) if re.match(r"[A-Z_]+ = (Counter|Gauge|Histogram)\(", line)]
    assert len(places) > 20
    for place in places:
        above = SOURCE[place - 1]
        paired = re.match(r"[A-Z_]+ = ", above)  # two that are explained together
        assert above.startswith("# ") or paired, SOURCE[place]


def test_each_metric_is_set_somewhere() -> None:
    declared = {match[1] for line in SOURCE if (match := re.match(r"([A-Z_]+) = (?:Counter|Gauge|Histogram)\(", line))}
    rooms = ("infra", "streams", "scorer_service", "gateway", "lab")
    users = [path.read_text() for room in rooms for path in (ROOT / room).rglob("*.py")]
    assert declared - set(re.findall(r"\bmetrics\.([A-Z_]+)\b", "\n".join(users))) == set()


def test_ports_of_processes_do_not_meet() -> None:
    offsets = [metrics.port_offset(service, index) for service in metrics.SERVICES for index in range(20)]
    assert len(set(offsets)) == len(offsets)
    assert [metrics.port_offset(service, 2) for service in ("router", "dispatcher", "sink")] == [20, 21, 23]


def test_serves_every_metric() -> None:
    settings = Settings(metrics_port=free_ports(2))
    server, thread = metrics.serve(settings, 1)
    metrics.EVENTS_READ.labels("tasks.submitted").inc(3)
    with urllib.request.urlopen(f"http://127.0.0.1:{settings.metrics_port + 1}/metrics") as answer:
        text = answer.read().decode()
    server.shutdown()
    server.server_close()
    thread.join()
    assert 'headway_events_read_total{topic="tasks.submitted"}' in text
    assert "headway_heartbeats_total" in text


def test_documents_name_metrics_that_there_are() -> None:
    declared = set(re.findall(r'(?:Counter|Gauge|Histogram)\(\s*"(headway_\w+)"', "\n".join(SOURCE)))
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md")]
    named = set(re.findall(r"\bheadway_\w+", "\n".join(texts)))
    ends = ("", "_total", "_sum", "_count", "_bucket")
    assert {name for name in named if not any(name.removesuffix(end) in declared for end in ends)} == set()
