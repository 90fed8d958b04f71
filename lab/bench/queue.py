"""100,000 waiting tasks: the dispatcher's memory, its restart, and the order in which it gives them out."""

import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from infra.metrics import port_offset
from infra.settings import Settings
from lab.bench.line import bench_settings
from lab.bench.load import Load
from lab.own_line import OwnLine, running, until

WAITING = 100_000
AGENT = "noop-a"


def measure(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    settings = bench_settings(folder / "queue")
    with running(settings) as line:
        executor = psutil.Process(line.pid("executor-0"))
        executor.suspend()  # its leases end, so the pool has no live instance and everything waits
        load = Load(settings, "tasks.assigned", "TaskAssigned")
        time.sleep(settings.lease_s + 2)
        before = _rss(line)
        for i in range(WAITING):
            load.submit(f"q-{i}", agent_id=AGENT, priority=1 + i % 10, tenant_id=f"t{i % 7}")
        load.flush()
        until(lambda: _waiting(line) >= WAITING, 240, 0.5)
        waiting, after = _waiting(line), _rss(line)
        say(f"{waiting:,} waiting: {before:.0f} → {after:.0f} MB")
        recovery_s = _restart(line)
        say(f"restart after kill -9: {recovery_s:.1f} s until its log was read back")
        executor.kill()
        first = load.hear_until(lambda seen: len(seen) >= 20_000, 120)
        load.close()
    priorities = [int(event["task_id"].rsplit("-", 1)[1]) % 10 + 1 for event in first if event["kind"] == "run"]
    return {
        "queue_waiting": waiting,
        "queue_dispatcher_mb": round(after),
        "queue_bytes_a_task": round((after - before) * 1e6 / max(1, waiting)),
        "queue_recovery_s": round(recovery_s, 2),
        "queue_out_of_order": sum(a > b for a, b in pairwise(priorities)),
        "queue_started": len(priorities),
    }


def section(found: dict[str, Any]) -> str:
    return (
        f"{found['queue_waiting']:,} tasks wait in one pool: the dispatcher holds {found['queue_dispatcher_mb']} MB, "
        f"{found['queue_bytes_a_task']} bytes a task with its text of about 100 bytes. After kill -9 it had "
        f"read its log back in **{found['queue_recovery_s']} s**. Of the first {found['queue_started']:,} starts "
        f"**{found['queue_out_of_order']}** came after one of a lower priority."
    )


def _rss(line: OwnLine) -> float:
    return float(psutil.Process(line.pid("dispatcher-0")).memory_info().rss / 1e6)


def _restart(line: OwnLine) -> float:
    """Seconds that the slowest partition took to read its log back."""
    old = line.signal("dispatcher-0", signal.SIGKILL)
    until(lambda: line.pid("dispatcher-0") not in (None, old), 30)
    until(lambda: _metric(line.settings, "headway_recovery_seconds_count") >= line.settings.partitions, 60)
    return _metric(line.settings, "headway_recovery_seconds_sum") / 1.0


def _waiting(line: OwnLine) -> int:
    return int(_metric(line.settings, "headway_queued_tasks"))


def _metric(settings: Settings, name: str) -> float:
    """The sum of a metric of the dispatcher over its labels; 0 while it does not answer."""
    port = settings.metrics_port + port_offset("dispatcher", 0)
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return sum(float(row.rsplit(" ", 1)[1]) for row in lines if row.startswith((f"{name} ", f"{name}{{")))
