"""Tenants in one pool: how soon a newcomer starts beside a backlog, and how evenly backlogged tenants are served."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench.figures import jain
from lab.bench.line import bench_settings
from lab.bench.load import Load
from lab.own_line import running

BACKLOG = 10_000
TENANTS = {"w": 4_000, "x": 2_500, "y": 1_500, "z": 1_500}
SERVED = 4_000
"""Starts that are looked at: while they last, every tenant has a backlog."""
AGENT = "noop-a"


def measure(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    # Slow enough that the backlog lasts: 100 slots, about 30 ms a task.
    with running(bench_settings(folder / "fairness", sim_speed=150.0)) as line:
        load = Load(line.settings, "tasks.assigned", "TaskAssigned")
        for i in range(BACKLOG):
            load.submit(f"big-{i}", agent_id=AGENT, tenant_id="big")
        load.flush()
        load.hear_until(lambda seen: len(seen) >= BACKLOG // 5, 60)
        load.submit("small-0", agent_id=AGENT, tenant_id="small")
        load.flush()
        rest = load.hear_until(lambda seen: any("small" in e["task_id"] for e in seen), 60)
        small = next(e for e in rest if "small" in e["task_id"])
        batch = [e for e in rest if e["assigned_at"] == small["assigned_at"]]
        ahead = next(i for i, e in enumerate(batch) if e is small)
        say(f"the newcomer was start {ahead + 1} of the {len(batch)} slots that were given out when it was queued")
        load.hear_until(lambda seen: len(seen) + len(rest) >= BACKLOG * 4 // 5 - 1, 120)
        for i in range(max(TENANTS.values())):
            for tenant, count in TENANTS.items():
                if i < count:
                    load.submit(f"{tenant}-{i}", agent_id=AGENT, tenant_id=tenant)
        load.flush()
        starts = load.hear_until(lambda seen: sum(_tenant(e) in TENANTS for e in seen) >= SERVED, 120)
        load.close()
    served = Counter(_tenant(e) for e in starts if _tenant(e) in TENANTS)
    return {
        "fairness_newcomer_start": ahead + 1,
        "fairness_slots_in_turn": len(batch),
        "fairness_jain": round(jain([served[tenant] for tenant in TENANTS]), 4),
        "fairness_served": dict(served),
    }


def section(found: dict[str, Any]) -> str:
    newcomer, turn = found["fairness_newcomer_start"], found["fairness_slots_in_turn"]
    return (
        f"Beside a backlog of {BACKLOG:,} tasks of one tenant, another tenant's task was start "
        f"{newcomer} of the {turn} slots that the next turn gave out. Four backlogged tenants of unequal backlogs: "
        f"Jain index **{found['fairness_jain']}** over their first {SERVED:,} starts."
    )


def _tenant(event: dict[str, Any]) -> str:
    return str(event["task_id"]).rsplit("-", 2)[1]
