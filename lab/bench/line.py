"""The line against its peers: no-op tasks a second beside Celery with Redis, latency beside a bare chain of clients."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from infra.settings import Settings
from infra.stack import broker
from lab.bench.figures import spread
from lab.bench.load import Load, latencies_ms, p50_p99, throughput
from lab.bench.peers import celery_tasks_per_s, chain_latencies_ms, environment
from lab.bench.places import bench_settings
from lab.bench.program import program
from lab.own_line import running

RATE = 33.0
"""Tasks a second while latency is measured."""
HOPS = 4
"""Topics a task crosses in our line after it was handed in: decided, assigned, result, outcome."""


@dataclass(frozen=True)
class Extent:
    """How much a round measures: `count` tasks at once after `warm_up`, then `seconds` at RATE after `warm_up_s`."""

    count: int = 10_000
    warm_up: int = 2_000
    seconds: float = 20.0
    warm_up_s: float = 8.0
    """For both: each has just started, and the chain stalls once, some 5 s after its start."""


QUICK = Extent(count=2_000, warm_up=500, seconds=4.0)
SHORTEST = Extent(count=500, warm_up=100, seconds=1.0, warm_up_s=0.0)


@dataclass
class Rounds:
    tasks_per_s: list[float] = field(default_factory=list)
    celery_tasks_per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    chain_p50_ms: list[float] = field(default_factory=list)
    chain_p99_ms: list[float] = field(default_factory=list)
    load_before: list[float] = field(default_factory=list)
    """Load average of the machine before the round, which the round before it raises too."""

    def results(self) -> dict[str, Any]:
        medians = {name: round(median(values), 2) for name, values in vars(self).items() if name != "load_before"}
        return {
            **medians,
            "throughput_ratio_celery": round(medians["tasks_per_s"] / medians["celery_tasks_per_s"], 2),
            "p99_ratio_chain": round(medians["p99_ms"] / medians["chain_p99_ms"], 2),
            "rounds": vars(self),
        }


def measure(folder: Path, rounds: int, quick: bool, say: Callable[[str], None]) -> Rounds:
    """Ours and theirs by turns, and who begins alternates. While a peer runs, our services are stopped."""
    found, extent = Rounds(), QUICK if quick else Extent()
    python = environment(folder / "peers")
    shutil.rmtree(folder / "broker", ignore_errors=True)
    shared = bench_settings(folder / "broker")
    settings = dataclasses.replace(shared, state_dir=str(folder / "line"), kafka_bootstrap=shared.bootstrap)
    with program(broker.prepare(shared)):
        _ours(settings, SHORTEST, Rounds())  # uncounted: topics are made, the broker's code is compiled
        for number in range(1, rounds + 1):
            found.load_before.append(round(os.getloadavg()[0], 1))
            if number % 2:
                _ours(settings, extent, found)
            _theirs(python, folder, settings.bootstrap, extent, found)
            if not number % 2:
                _ours(settings, extent, found)
            say(_round(number, found))
    return found


def _ours(settings: Settings, extent: Extent, found: Rounds) -> None:
    with running(settings):
        load = Load(settings)
        try:
            throughput(load, extent.warm_up)
            found.tasks_per_s.append(throughput(load, extent.count))
            p50, p99 = p50_p99(latencies_ms(load, RATE, extent.seconds, extent.warm_up_s))
        finally:
            load.close()
    found.p50_ms.append(p50)
    found.p99_ms.append(p99)


def _theirs(python: Path, folder: Path, bootstrap: str, extent: Extent, found: Rounds) -> None:
    found.celery_tasks_per_s.append(celery_tasks_per_s(python, folder / "redis", extent.warm_up, extent.count))
    p50, p99 = p50_p99(chain_latencies_ms(bootstrap, HOPS, RATE, extent.seconds, extent.warm_up_s))
    found.chain_p50_ms.append(p50)
    found.chain_p99_ms.append(p99)


def _round(number: int, found: Rounds) -> str:
    ours, celery = found.tasks_per_s[-1], found.celery_tasks_per_s[-1]
    p99, chain_p99 = found.p99_ms[-1], found.chain_p99_ms[-1]
    return (
        f"round {number}: {ours:,.0f} tasks/s, Celery {celery:,.0f} (x {ours / celery:.2f}); "
        f"p50/p99 {found.p50_ms[-1]:.1f}/{p99:.1f} ms, chain {found.chain_p50_ms[-1]:.1f}/{chain_p99:.1f} ms "
        f"(x {p99 / chain_p99:.2f}); load before {found.load_before[-1]}"
    )


def section(found: Rounds) -> str:
    results = found.results()
    rows = [
        ("no-op tasks a second, submitted → outcome seen", found.tasks_per_s),
        ("Celery 5.7 + Redis, no-op tasks a second, 2 worker processes", found.celery_tasks_per_s),
        (f"p50 at {RATE:.0f} tasks/s (ms)", found.p50_ms),
        (f"p99 at {RATE:.0f} tasks/s (ms)", found.p99_ms),
        (f"bare chain of {HOPS} hops, p50 (ms)", found.chain_p50_ms),
        (f"bare chain of {HOPS} hops, p99 (ms)", found.chain_p99_ms),
    ]
    lines = [
        f"**{results['throughput_ratio_celery']:.2f} × Celery + Redis** in throughput; "
        f"p99 **{results['p99_ratio_chain']:.2f} × a bare {HOPS}-hop chain**. "
        f"Medians of {len(found.p50_ms)} rounds, least and greatest in brackets. Ours and the peers ran by turns, our "
        "services stopped while a peer ran; latency counts from the intended time of each submission. One router, "
        "one dispatcher and one executor host, four agents, no sink; Celery acknowledges late, prefetches 64 and keeps "
        "nothing on disk, our tasks are in Kafka's log; the chain is bare clients with library defaults.",
        "",
        "| what | median (least–greatest) |",
        "|---|--:|",
    ]
    return "\n".join([*lines, *(f"| {what} | {spread(values)} |" for what, values in rows)])
