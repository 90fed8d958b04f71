"""The line against its peers: no-op tasks a second beside Celery with Redis, latency beside a bare chain of clients."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from lab.bench.figures import quantile, spread
from lab.bench.load import Load, latencies_ms, throughput
from lab.bench.peers import celery_tasks_per_s, chain_latencies_ms, environment, redis_at
from lab.own_line import own_settings, running

AGENTS = Path(__file__).parents[1] / "agents"
TASKS, WARM_UP, RATE, SECONDS = 10_000, 2_000, 33.0, 10.0
CELERY_TASKS = 5_000
SERVICES = ("router", "dispatcher", "executor")


@dataclass
class Rounds:
    tasks_per_s: list[float] = field(default_factory=list)
    celery_tasks_per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    chain_p50_ms: list[float] = field(default_factory=list)
    chain_p99_ms: list[float] = field(default_factory=list)

    def results(self) -> dict[str, Any]:
        medians = {name: round(median(values), 2) for name, values in vars(self).items()}
        return {
            **medians,
            "throughput_ratio_celery": round(medians["tasks_per_s"] / medians["celery_tasks_per_s"], 2),
            "p99_ratio_chain": round(medians["p99_ms"] / medians["chain_p99_ms"], 2),
            "rounds": vars(self),
        }


def bench_settings(state: Path, **over: Any) -> Any:
    """No-op agents that never fail, and a queue that takes a whole burst."""
    values = {"sim_speed": 1e9, "sim_failure_rate": 0.0, "queue_max": 200_000, "agents_dir": str(AGENTS)}
    return own_settings(state, **values | over)


def measure(folder: Path, rounds: int, say: Callable[[str], None]) -> Rounds:
    """Ours and theirs by turns. While a peer runs, our line is idle: its services wait for messages."""
    found = Rounds()
    python = environment(folder / "peers")
    with running(bench_settings(folder / "line")) as line, redis_at(folder / "redis") as redis_port:
        load = Load(line.settings)
        throughput(load, WARM_UP)
        for number in range(1, rounds + 1):
            found.tasks_per_s.append(throughput(load, TASKS))
            found.celery_tasks_per_s.append(celery_tasks_per_s(python, redis_port, CELERY_TASKS))
            ours = latencies_ms(load, RATE, SECONDS)
            chain = chain_latencies_ms(line.settings.bootstrap, RATE, SECONDS)
            found.p50_ms.append(quantile(ours, 0.5))
            found.p99_ms.append(quantile(ours, 0.99))
            found.chain_p50_ms.append(quantile(chain, 0.5))
            found.chain_p99_ms.append(quantile(chain, 0.99))
            say(
                f"round {number}: {found.tasks_per_s[-1]:,.0f} tasks/s, Celery {found.celery_tasks_per_s[-1]:,.0f}; "
                f"p50/p99 {found.p50_ms[-1]:.1f}/{found.p99_ms[-1]:.1f} ms, "
                f"chain {found.chain_p50_ms[-1]:.1f}/{found.chain_p99_ms[-1]:.1f} ms"
            )
        load.close()
    return found


def section(found: Rounds) -> str:
    results = found.results()
    rows = [
        ("no-op tasks a second, submitted → outcome seen", found.tasks_per_s),
        ("Celery 5.7 + Redis, no-op tasks a second, 2 worker processes", found.celery_tasks_per_s),
        (f"p50 at {RATE:.0f} tasks/s (ms)", found.p50_ms),
        (f"p99 at {RATE:.0f} tasks/s (ms)", found.p99_ms),
        ("bare chain of 4 hops, p50 (ms)", found.chain_p50_ms),
        ("bare chain of 4 hops, p99 (ms)", found.chain_p99_ms),
    ]
    lines = [
        f"**{results['throughput_ratio_celery']:.2f} × Celery + Redis** in throughput; "
        f"p99 **{results['p99_ratio_chain']:.2f} × a bare 4-hop chain**. "
        f"Medians of {len(found.p50_ms)} rounds, least and greatest in brackets.",
        "",
        "| what | median (least–greatest) |",
        "|---|--:|",
    ]
    return "\n".join([*lines, *(f"| {what} | {spread(values)} |" for what, values in rows)])
