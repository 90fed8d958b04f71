"""Memory of each process of the line: at rest after its start, and at rest again after a burst."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench.load import Load, throughput
from lab.bench.places import bench_settings
from lab.own_line import OwnLine, running

BURST = 10_000
SETTLE_S, REST_S = 5.0, 15.0
BAR_MB = 150.0
SERVICES = ("router", "dispatcher", "executor", "sink")


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    with running(bench_settings(folder / "memory", sinks=1)) as line:
        time.sleep(SETTLE_S)
        fresh = _megabytes(line)
        load = Load(line.settings)
        throughput(load, BURST // 10 if quick else BURST)
        load.close()
        time.sleep(REST_S)
        after = _megabytes(line)
    say(f"at rest: {fresh}; {REST_S:.0f} s after a burst: {after}")
    return {"memory_mb": fresh, "memory_after_burst_mb": after}


def section(found: dict[str, Any]) -> str:
    greatest = max(mb for name, mb in found["memory_after_burst_mb"].items() if name.split("-")[0] in SERVICES)
    lines = [
        f"Resident memory of each process at rest, and {REST_S:.0f} s after a burst of {BURST:,} tasks. The greatest "
        f"of our services is **{greatest:.0f} MB** (less than {BAR_MB:.0f} is asked for).",
        "",
        "| process | at rest (MB) | after the burst (MB) |",
        "|---|--:|--:|",
    ]
    rows = [
        f"| {name} | {found['memory_mb'][name]:.0f} | {mb:.0f} |" for name, mb in found["memory_after_burst_mb"].items()
    ]
    return "\n".join([*lines, *rows])


def _megabytes(line: OwnLine) -> dict[str, float]:
    return {row["name"]: row["rss_mb"] for row in line.processes() if "rss_mb" in row}
