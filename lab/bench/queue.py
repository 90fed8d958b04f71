"""100,000 waiting tasks: the dispatcher's memory, its restart, and the order in which it gives them out."""

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench import dispatcher
from lab.bench.figures import out_of_order, widest_lead
from lab.bench.load import Load
from lab.bench.outside import AGENT, OutsideAgent
from lab.bench.places import bench_settings
from lab.own_line import OwnLine, running

WAITING, STARTED = 100_000, 30_000
TENANTS = ("t0", "t1", "t2", "t3")
PRIORITIES = 10
RECOVERY_BAR_S = 10.0
_REST_S = 12.0
"""So long after the last submission freed memory has surely been given back."""
_LIMIT_S = 240.0


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    count, wanted = (WAITING // 10, STARTED // 10) if quick else (WAITING, STARTED)
    # One instance with many slots; and no aging, under which an old task rightly overtakes a more urgent one.
    settings = bench_settings(folder / "queue", slots_per_instance=200, aging_s=1e6)
    with running(settings) as line:
        return _measure(line, count, wanted, say)


def _measure(line: OwnLine, count: int, wanted: int, say: Callable[[str], None]) -> dict[str, Any]:
    load, agent = Load(line.settings), OutsideAgent(line.settings)
    before = dispatcher.megabytes(line)
    priority_of = _submit(load, count)
    dispatcher.await_waiting(line.settings, AGENT, count, _LIMIT_S)
    time.sleep(_REST_S)
    after = dispatcher.megabytes(line)
    say(f"{count:,} waiting: {before:.0f} → {after:.0f} MB")
    recovery_s = dispatcher.kill_and_recover(line)
    say(f"{recovery_s:.1f} s from kill -9 until all was known again, then {dispatcher.megabytes(line):.0f} MB")
    starts = _starts(agent, wanted)
    agent.close()
    load.close()
    by_priority = defaultdict(list)
    for start in starts:
        by_priority[priority_of[start["task_id"]]].append(start["tenant_id"])
    return {
        "queue_waiting": count,
        "queue_dispatcher_mb": round(after),
        "queue_bytes_a_task": round((after - before) * 1e6 / count),
        "queue_recovery_s": round(recovery_s, 2),
        "queue_started": len(starts),
        "queue_out_of_order": out_of_order([priority_of[start["task_id"]] for start in starts]),
        "queue_tenant_lead": max(widest_lead(order, TENANTS) for order in by_priority.values()),
    }


def _submit(load: Load, count: int) -> dict[str, int]:
    """Tasks of all priorities and tenants in turn; the priority of each."""
    priority_of: dict[str, int] = {}
    for i in range(count):
        priority, tenant = 1 + i % PRIORITIES, TENANTS[i // PRIORITIES % len(TENANTS)]
        priority_of[load.submit(agent_id=AGENT, priority=priority, tenant_id=tenant)] = priority
    load.flush()
    return priority_of


def _starts(agent: OutsideAgent, wanted: int) -> list[dict[str, Any]]:
    starts: list[dict[str, Any]] = []
    end = time.monotonic() + _LIMIT_S
    while len(starts) < wanted and time.monotonic() < end:
        starts += agent.work()
    if len(starts) < wanted:
        raise RuntimeError(f"{len(starts)} of {wanted} tasks were given out within {_LIMIT_S:.0f} s")
    return starts


def section(found: dict[str, Any]) -> str:
    return (
        f"{found['queue_waiting']:,} tasks wait in one pool whose agent has not come yet: the dispatcher holds "
        f"{found['queue_dispatcher_mb']} MB, {found['queue_bytes_a_task']} bytes a task with its text of about 100 "
        f"bytes. After kill -9 it knew all again in **{found['queue_recovery_s']} s**, its start included (at most "
        f"{RECOVERY_BAR_S:.0f} s are allowed). Then the agent came: of the first {found['queue_started']:,} starts "
        f"**{found['queue_out_of_order']}** came right after one of a lower priority, and within a priority no tenant "
        f"of {len(TENANTS)} was ever more than **{found['queue_tenant_lead']}** ahead of another. Aging was off."
    )
