"""Tenants in one pool: how evenly backlogged ones are served, and how soon a newcomer starts beside a backlog."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.kafka import read_all
from infra.settings import Settings
from lab.bench import dispatcher
from lab.bench.figures import jain, starts_while_all_wait
from lab.bench.load import Load
from lab.bench.outside import AGENT, OutsideAgent
from lab.bench.places import bench_settings
from lab.own_line import running
from schemas.codec import decode

BACKLOG = 10_000
BACKLOGS = {"w": 4_000, "x": 2_500, "y": 1_500, "z": 1_000}
NEWCOMERS = 20
JAIN_BAR = 0.95
_LIMIT_S = 240.0


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    settings = bench_settings(folder / "fairness")
    with running(settings):
        return _measure(settings, 10 if quick else 1, say)


def _measure(settings: Settings, less: int, say: Callable[[str], None]) -> dict[str, Any]:
    load, agent = Load(settings), OutsideAgent(settings)
    served = _serve_backlogs(settings, load, agent, {tenant: count // less for tenant, count in BACKLOGS.items()})
    say(f"starts while all of them waited: {served}")
    ahead = _newcomers(settings, load, agent, BACKLOG // less)
    say(f"starts of others before each newcomer: {ahead}")
    agent.close()
    load.close()
    return {
        "fairness_jain": round(jain(list(served.values())), 4),
        "fairness_served": served,
        "fairness_slots": settings.slots_per_instance,
        "fairness_newcomers": len(ahead),
        "fairness_ahead_max": max(ahead),
    }


def _serve_backlogs(settings: Settings, load: Load, agent: OutsideAgent, backlogs: dict[str, int]) -> dict[str, int]:
    """Starts of each tenant while all have tasks waiting. All were queued, one tenant after another, before any ran."""
    for tenant, count in backlogs.items():
        for _ in range(count):
            load.submit(agent_id=AGENT, tenant_id=tenant)
    load.flush()
    total = sum(backlogs.values())
    dispatcher.await_waiting(settings, AGENT, total, _LIMIT_S)
    order = [start["tenant_id"] for start in _work(agent, lambda starts: len(starts) >= total)]
    return starts_while_all_wait(order, backlogs)


def _newcomers(settings: Settings, load: Load, agent: OutsideAgent, backlog: int) -> list[int]:
    """Other starts between the moment each newcomer was queued and its start, beside one tenant's backlog."""
    for _ in range(backlog):
        load.submit(agent_id=AGENT, tenant_id="big")
    load.flush()
    dispatcher.await_waiting(settings, AGENT, backlog, _LIMIT_S)
    starts: list[dict[str, Any]] = []
    names: list[str] = []
    for number in range(NEWCOMERS):
        names.append(load.submit(agent_id=AGENT, tenant_id=f"small-{number}"))
        load.flush()
        starts += _work(agent, lambda seen: any(start["task_id"] == names[-1] for start in seen))
    if len(starts) >= backlog:
        raise RuntimeError("the backlog was gone before the last newcomer started")
    queued_at = _queued_at(settings, set(names))
    return [_ahead(starts, name, queued_at[name]) for name in names]


def _ahead(starts: list[dict[str, Any]], task_id: str, queued_at: int) -> int:
    """Starts from the moment it was queued, those of the same moment included, to its own."""
    own = next(i for i, start in enumerate(starts) if start["task_id"] == task_id)
    return sum(start["assigned_at"] >= queued_at for start in starts[:own])


def _queued_at(settings: Settings, names: set[str]) -> dict[str, int]:
    """When each task entered its queue, from the dispatcher's log [µs]."""
    found: dict[str, int] = {}
    for message in read_all(settings, "dispatch.log"):
        if message.value() and (message.key() or b"").decode() in names:
            _, record = decode(message.value())
            if record["queued_at"]:
                found.setdefault(record["task_id"], record["queued_at"])
    return found


def _work(agent: OutsideAgent, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    starts: list[dict[str, Any]] = []
    end = time.monotonic() + _LIMIT_S
    while not (starts and enough(starts)):
        if time.monotonic() > end:
            raise RuntimeError(f"only {len(starts)} tasks were given out within {_LIMIT_S:.0f} s")
        starts += agent.work()
    return starts


def section(found: dict[str, Any]) -> str:
    return (
        f"Four tenants with backlogs of {', '.join(f'{n:,}' for n in BACKLOGS.values())} tasks: Jain index "
        f"**{found['fairness_jain']}** of their starts while all of them waited (at least {JAIN_BAR} is asked for). "
        f"Beside a backlog of {BACKLOG:,} tasks of one tenant, {found['fairness_newcomers']} newcomers of equal "
        f"priority, one after another: at most **{found['fairness_ahead_max']}** other tasks started between a "
        f"newcomer's queueing and its start, in a pool of {found['fairness_slots']} slots."
    )
