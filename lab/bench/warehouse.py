"""The warehouse: how long every prepared question and every view takes over a month of ten million events."""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from infra import warehouse
from infra.stack import warehouse_server
from infra.warehouse import rollups
from infra.warehouse.exposed import Asked, exposed
from infra.warehouse.questions import questions
from infra.warehouse.tables import tables
from lab.bench.places import bench_settings
from lab.bench.program import program
from lab.own_line import until
from processors.experiments import line
from processors.experiments.metrics import parse
from processors.experiments.report import Plan
from processors.experiments.rows import Rows
from processors.experiments.story import story

TASKS = 1_200_000
DAYS, PARTS = 30, 10
BAR_MS = 200.0
REPORT_BAR_S = 2.0
ROUNDS, REPORTS = 7, 5
_MONTH = Path(__file__).parent / "month.sql"
_WIDE = {"hours": "720"}
_COARSE = {"step_s": "3600"}
"""A month by the minute is 43,200 points: nobody draws them."""
_QUIET_S = 30.0
_TASK_S = 120
"""Longest that a task of this month takes."""
_VIEWS = {
    "task by status": "SELECT status, count() FROM task GROUP BY status",
    "task by agent and day": "SELECT agent_id, toDate(submitted_at), count(), avg(response_ms) FROM task GROUP BY ALL",
    "one task": "SELECT * FROM task WHERE task_id = '{task}'",
    "a session's tasks": "SELECT * FROM task WHERE session_id = '{session}'",
    "newest tasks": "SELECT task_id, status, text FROM task WHERE submitted_at > now() - INTERVAL 1 HOUR "
    "ORDER BY submitted_at DESC LIMIT 100",
    "task_queue by status": "SELECT status, count() FROM task_queue GROUP BY status",
    "routing_training_data, 100 rows": "SELECT * FROM routing_training_data LIMIT 100",
    "orchestrator_state": "SELECT * FROM orchestrator_state",
}


class Timed(NamedTuple):
    what: str
    ms: float
    """The median of the rounds, warm."""


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    home = folder / "warehouse"
    shutil.rmtree(home, ignore_errors=True)
    settings = bench_settings(home)
    try:
        with program(warehouse_server.prepare(settings)):
            warehouse.furnish(settings)
            with warehouse.client(settings) as client:
                began = time.monotonic()
                _fill(client, TASKS // 50 if quick else TASKS)
                events, size = _extent(client)
                say(f"{events:,} events, {size / 2**30:.2f} GiB, made in {time.monotonic() - began:.0f} s")
                until(lambda: not client.query("SELECT count() FROM system.merges").result_rows[0][0], _QUIET_S, 0.5)
                asked = dict(_asked(client))
            with warehouse.client(settings, limits=warehouse.READER_LIMITS) as client:
                found = [_timed(client, what, *asked[what]) for what in asked]
            with warehouse.client(settings) as client:
                tasks, report_s = _experiment(client)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    for timed in found:
        say(f"{timed.ms:6.0f} ms  {timed.what}{'  OVER THE BAR' if timed.ms > BAR_MS else ''}")
    say(f"{report_s:6.2f} s   the report of an experiment with {tasks:,} tasks")
    return {
        "warehouse_report_tasks": tasks,
        "warehouse_report_s": round(report_s, 2),
        "warehouse_events": events,
        "warehouse_bytes": size,
        "warehouse_ms": {timed.what: round(timed.ms) for timed in found},
    }


def section(found: dict[str, Any]) -> str:
    ms = found["warehouse_ms"]
    over = [what for what, took in ms.items() if took > BAR_MS]
    slowest = sorted(ms, key=lambda what: -ms[what])[:12]
    events, gib = found["warehouse_events"], found["warehouse_bytes"] / 2**30
    return (
        f"A month of {events:,} events of {TASKS:,} tasks in chDB, {gib:.2f} GiB. Every prepared question, as it comes "
        f"and over the whole month, and every view: {len(ms)} queries, the median of {ROUNDS}, warm, through the "
        f"warehouse's port. At most {BAR_MS:.0f} ms are allowed; **over that: {len(over)}**. The median of all is "
        f"{statistics.median(ms.values()):.0f} ms. The report of an experiment in which all "
        f"{found['warehouse_report_tasks']:,} tasks took part takes **{found['warehouse_report_s']:.1f} s**, with its "
        f"history (at most {REPORT_BAR_S:.0f} s). The slowest:\n\n| query | ms |\n|---|--:|\n"
        + "\n".join(f"| {what} | {ms[what]} |" for what in slowest)
    )


def _fill(client: Client, tasks: int) -> None:
    """Three days after three days, as a line would: so the pieces of a table follow each other in time."""
    now, count, seconds = int(time.time()) - _TASK_S, tasks // PARTS, DAYS * 86_400 // PARTS
    lines = (line for line in _MONTH.read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    statements = [text.strip().rstrip(";") for text in "\n".join(lines).split(";\n")]
    for part in range(PARTS):
        places = {"{tasks}": tasks, "{now}": now, "{first}": part * count, "{count}": count}
        for statement in statements:
            for name, value in places.items():
                statement = statement.replace(name, str(value))
            client.command(statement)
        begins = now - (PARTS - part) * seconds
        for table in rollups.feeds():
            rollups.take_over(client, table, f"_at >= {begins} AND _at < {begins + seconds + _TASK_S}")
    client.command(f"OPTIMIZE TABLE {rollups.ROLLUP} FINAL")  # which is done to the past by itself, in five minutes


def _extent(client: Client) -> tuple[int, int]:
    names = ", ".join(f"'{name}'" for name in tables())
    rows = f"SELECT sum(total_rows) FROM system.tables WHERE database = currentDatabase() AND name IN ({names})"
    size = "SELECT sum(total_bytes) FROM system.tables WHERE database = currentDatabase()"
    return int(client.query(rows).result_rows[0][0]), int(client.query(size).result_rows[0][0])


def _asked(client: Client) -> Iterator[tuple[str, tuple[str, Mapping[str, str]]]]:
    """What is asked → the statement and its parameters."""
    for question in questions().values():
        parameters = dict(question.parameters)
        yield question.name, (question.sql, parameters)
        if "hours" in parameters:
            wide = parameters | _WIDE | (_COARSE if "step_s" in parameters else {})
            yield f"{question.name}, a month", (question.sql, wide)
    task, session = client.query("SELECT task_id, session_id FROM task_submitted LIMIT 1 OFFSET 5000").result_rows[0]
    for what, sql in _VIEWS.items():
        yield what, (sql.format(task=task, session=session), {})


def _experiment(client: Client) -> tuple[int, float]:
    """Tasks of an experiment over the whole month, and its report's time, from the warehouse to its last figure."""
    now = int(time.time() * 1e6)
    began_at = now - (DAYS + 1) * 86_400_000_000
    columns = {*line.STAGES.values(), *line.COVARIATES, "redone", "completion_ms"}
    asked = Asked("of-the-month", ("control", "b"), "task", columns, None, began_at, now)
    plan = Plan([parse(spec, columns) for spec in line.METRICS], split={"control": 0.5, "b": 0.5}, control="control")
    took = []
    for _ in range(REPORTS):
        began = time.perf_counter()
        tasks = exposed(client, asked)
        rows = Rows(("control", "b"), line.codes(tasks.unit), tasks.arm, tasks.columns)
        story(rows, tasks.at, plan)
        took.append(time.perf_counter() - began)
    return len(tasks.arm), statistics.median(took)


def _timed(client: Client, what: str, sql: str, parameters: Mapping[str, str]) -> Timed:
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        client.raw_query(sql, parameters=dict(parameters), fmt="JSONCompactEachRow")
        took.append((time.perf_counter() - began) * 1000)
    return Timed(what, statistics.median(took[1:]))
