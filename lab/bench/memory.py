"""Memory of each process of the line: at rest after its start, and at rest again after a burst."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench.line import bench_settings
from lab.bench.load import Load, throughput
from lab.own_line import OwnLine, running

BURST, REST_S = 10_000, 20.0


def measure(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    with running(bench_settings(folder / "memory")) as line:
        time.sleep(REST_S / 4)
        fresh = _megabytes(line)
        load = Load(line.settings)
        throughput(load, BURST)
        load.close()
        time.sleep(REST_S)
        after = _megabytes(line)
    say(f"at rest: {fresh}; after a burst of {BURST:,}: {after}")
    return {"memory_mb": fresh, "memory_after_burst_mb": after}


def section(found: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {name} | {found['memory_mb'][name]:.0f} | {after:.0f} |"
        for name, after in found["memory_after_burst_mb"].items()
    )
    return f"| process | at rest (MB) | at rest after {BURST:,} tasks (MB) |\n|---|--:|--:|\n{rows}"


def _megabytes(line: OwnLine) -> dict[str, float]:
    return {row["name"]: row["rss_mb"] for row in line.processes() if "rss_mb" in row}
