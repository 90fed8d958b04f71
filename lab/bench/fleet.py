"""The fleet: a host that dies for good, more instances, equal shares, what a task costs among ten thousand."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from infra import fleet, kafka
from infra.settings import Settings, as_env
from lab.bench.load import AGENTS, Load
from lab.bench.places import bench_settings
from lab.own_line import running, until
from processors.dispatch import Dispatcher, Limits
from schemas.codec import FOLDER, decode_as, encode
from schemas.evolution import entries
from schemas.examples import examples

AGENT = AGENTS[0]
SKILL, SKILL_S = "code_generation", 45.0
_INSTANCES = 120
_LIMIT_S = 90.0
SIZES = (10, 100, 1_000, 10_000)
SECOND = 1_000_000


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    costs = {size: _cost_us(size, 200 if quick else 2_000) for size in (SIZES[:2] if quick else SIZES)}
    say(f"µs a task by instances: {costs}")
    spreads = {name: _spread(name, 2 if quick else 30) for name in ("weighted_round_robin", "adaptive")}
    say(f"spread: {spreads}")
    died = _host_dies(folder / "fleet", 20 if quick else _INSTANCES, say)
    say(f"a host died: {died}")
    few, many = (_throughput(folder / "fleet", count, quick) for count in (50, 200))
    say(f"tasks a second: {few} and {many}")
    return {
        "fleet_cost_us": {str(size): cost for size, cost in costs.items()},
        "fleet_spread": spreads,
        **{f"fleet_{name}": value for name, value in died.items()},
        "fleet_throughput_50": few,
        "fleet_throughput_200": many,
        "fleet_linear": round(many / few / 4, 3),
    }


# --- a host that dies for good


def _host_dies(folder: Path, instances: int, say: Callable[[str], None]) -> dict[str, Any]:
    settings = bench_settings(folder, sim_speed=SKILL_S / 30, slots_per_instance=1)
    with running(settings) as line:
        second = subprocess.Popen(
            [sys.executable, "-m", "streams", "executor", "--index", "1"],
            env={**os.environ, **as_env(settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            fleet.scale(settings, AGENT, lambda *_: {"": instances}, by="bench")
            return _kill_one(settings, second, instances, line.verify)
        finally:
            second.kill()
            second.wait(10)


def _kill_one(
    settings: Settings, host: "subprocess.Popen[bytes]", instances: int, verify: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    if not until(lambda: _on_two_hosts(settings, instances), _LIMIT_S, 0.5):
        raise RuntimeError("the instances are not on two hosts")
    load = Load(settings)
    tasks = {load.submit(agent_id=AGENT, skill=SKILL) for _ in range(instances)}
    load.flush()
    if not until(lambda: len(_hosts_of_tasks(settings)) == instances, _LIMIT_S, 0.5):
        raise RuntimeError("not every instance is at work")
    there = {task for task, host_id in _hosts_of_tasks(settings).items() if host_id == "host-1"}
    killed_at = time.time_ns() // 1000
    host.send_signal(signal.SIGKILL)
    moved: dict[str, int] = {}

    def is_done() -> bool:
        moved.update(_started_again(settings, there, killed_at))
        return moved.keys() >= there

    if not until(is_done, _LIMIT_S, 0.2):
        raise RuntimeError(f"{len(there - moved.keys())} of {len(there)} tasks were not started elsewhere")
    ends: Counter[str] = Counter()

    def has_ended() -> bool:
        ends.update(o["task_id"] for o in load.outcomes(0.1))
        return ends.keys() >= tasks

    until(has_ended, _LIMIT_S, 0)
    load.close()
    verdict = verify()
    return {
        "busy_instances": len(there),
        "elsewhere_s": round((max(moved.values()) - killed_at) / SECOND, 1),
        "lost": len(tasks - ends.keys()),
        "duplicates": sum(count > 1 for count in ends.values()),
        "verify_exit": verdict["exit_code"],
    }


def _on_two_hosts(settings: Settings, instances: int) -> bool:
    beats: dict[str, int] = {}
    for message in kafka.read_all(settings, "agents.heartbeats", since_us=time.time_ns() // 1000 - 3 * SECOND):
        beat = decode_as("AgentHeartbeat", message.value())
        if beat["pool"] == AGENT:
            beats[beat["host_id"]] = len(beat["instances"])
    return len(beats) == 2 and min(beats.values()) > 0 and sum(beats.values()) == instances


def _progress(settings: Settings) -> list[dict[str, Any]]:
    found = (decode_as("TaskProgress", m.value()) for m in kafka.read_all(settings, "tasks.progress"))
    return [event for event in found if event["kind"] == "started" and event["agent_id"] == AGENT]


def _hosts_of_tasks(settings: Settings) -> dict[str, str]:
    """By task, the host that says that it has it in hand."""
    where: dict[str, str] = {}
    for message in kafka.read_all(settings, "agents.heartbeats", since_us=time.time_ns() // 1000 - 3 * SECOND):
        beat = decode_as("AgentHeartbeat", message.value())
        for one in [*beat["instances"], *beat["strays"]]:
            where |= {run["task_id"]: beat["host_id"] for run in one["running"]}
    return where


def _started_again(settings: Settings, tasks: set[str], since: int) -> dict[str, int]:
    again = [event for event in _progress(settings) if event["task_id"] in tasks and event["at"] > since]
    return {event["task_id"]: event["at"] for event in again}


# --- more instances


def _throughput(folder: Path, instances: int, quick: bool) -> float:
    """Tasks a second of about two seconds each, while all instances are at work."""
    settings = bench_settings(folder, sim_speed=SKILL_S / 2, slots_per_instance=1)
    with running(settings):
        fleet.scale(settings, AGENT, lambda *_: {"": instances}, by="bench")
        load = Load(settings)
        count = instances * (3 if quick else 20)
        for _ in range(count):
            load.submit(agent_id=AGENT, skill=SKILL)
        load.flush()
        ended: list[int] = []

        def is_done() -> bool:
            ended.extend(o["finished_at"] for o in load.outcomes(0.02))
            return len(ended) >= count

        if not until(is_done, _LIMIT_S * 3, 0):
            raise RuntimeError(f"only {len(ended)} of {count} tasks ended")
        load.close()
        # The start and the end, when not all instances are at work, are left out.
        ended.sort()
        first, last = count // 5, count - count // 5
        return round((last - first) / (ended[last] - ended[first]) * SECOND, 2)


# --- the dispatcher alone, in a time of its own


class _Alone:
    """One pool of equal instances with a dispatcher that talks to nobody."""

    def __init__(self, instances: int, **limits: Any) -> None:
        self.now = SECOND
        self.dispatcher = Dispatcher(Limits(partitions=1, lease_us=10**12, **limits))
        names = [f"{AGENT}-{n}" for n in range(instances)]
        beat = {"event_id": "b", "pool": AGENT, "agent_id": AGENT, "host_id": "h", "incarnation": "i", "sequence": 0}
        listed = [{"instance_id": name, "running": []} for name in names]
        self._heartbeat = _event("AgentHeartbeat", {**beat, "at": self.now, "instances": listed})
        self.dispatcher.heartbeat(self._heartbeat, self.now)
        self.dispatcher.take(self.now)
        self._count = 0
        self._decision, self._result = _event("RoutingDecision", {}), _event("TaskResult", {})

    def arrive(self) -> list[dict[str, Any]]:
        """A task; what was assigned."""
        self._count += 1
        who = {"task_id": f"t{self._count}", "session_id": "s", "tenant_id": "bench"}
        task = encode("TaskSubmitted", {**who, "text": "x", "submitted_at": self.now})
        decision = {**who, "event_id": "d", "pool": AGENT, "agent_id": AGENT, "skill": SKILL, "task": task}
        more = {"priority": 5, "decided_at": self.now, "refusal": None, "parent_id": None, "deadline_at": None}
        self.dispatcher.decision(self._decision | decision | more, self.now)
        return self._taken()

    def end(self, run: dict[str, Any], started_at: int) -> list[dict[str, Any]]:
        names = ("task_id", "session_id", "tenant_id", "attempt", "pool", "agent_id", "instance_id")
        report = {name: run[name] for name in names} | {
            "event_id": "r",
            "kind": "completed",
            "output": "It is done, as asked.",
        }
        report |= {"host_id": "h", "incarnation": "i", "started_at": started_at, "finished_at": self.now}
        self.dispatcher.result(self._result | report, self.now)
        return self._taken()

    def _taken(self) -> list[dict[str, Any]]:
        self.dispatcher.tick(self.now)
        sends, _ = self.dispatcher.take(self.now)
        return [send.value for send in sends if send.event == "TaskAssigned"]


def _event(name: str, fields: dict[str, Any]) -> Any:
    """As of its newest version; what is not given is as in its first example."""
    entry = [entry for entry in entries(FOLDER) if entry.event == name][-1]
    return examples(entry.folder, entry.version)[0] | fields


def _cost_us(instances: int, tasks: int) -> float:
    """A decision and a result, in the median of rounds."""
    alone, took = _Alone(instances), []
    for _ in range(tasks):
        began = time.perf_counter()
        (run,) = alone.arrive()
        alone.end(run, alone.now)
        took.append(time.perf_counter() - began)
    return round(1e6 * sorted(took)[len(took) // 2], 1)


def _spread(balancer: str, minutes: int, instances: int = 20, a_minute: int = 500) -> float:
    """Busiest less idlest of equal instances beside their mean, over tasks of 5 to 60 s that come at random."""
    chance, alone = random.Random(1), _Alone(instances, balancer=balancer)
    busy: Counter[str] = Counter()
    ends: list[tuple[int, int, dict[str, Any], int]] = []
    count = 0

    def start(runs: list[dict[str, Any]]) -> None:
        nonlocal count
        for run in runs:
            count += 1
            lasts = int(chance.choice([5, 20, 30, 45, 60]) * chance.uniform(0.8, 1.2) * SECOND)
            busy[run["instance_id"]] += lasts
            heappush(ends, (alone.now + lasts, count, run, alone.now))

    arrival, until_at = alone.now, alone.now + minutes * 60 * SECOND
    while arrival < until_at:
        arrival += int(chance.expovariate(a_minute / 60) * SECOND)
        while ends and ends[0][0] <= arrival:
            alone.now, _, run, began = heappop(ends)
            start(alone.end(run, began))
        alone.now = arrival
        start(alone.arrive())
    loads = [busy[f"{AGENT}-{n}"] for n in range(instances)]
    return round((max(loads) - min(loads)) / (sum(loads) / len(loads)), 3)


def section(found: dict[str, Any]) -> str:
    costs = ", ".join(f"{cost} µs among {int(size):,}" for size, cost in found["fleet_cost_us"].items())
    spreads = ", ".join(f"{share:.1%} with `{name}`" for name, share in found["fleet_spread"].items())
    return (
        f"A host killed for good with **{found['fleet_busy_instances']}** instances at work: all its work ran "
        f"elsewhere after **{found['fleet_elsewhere_s']} s** (15 allowed), {found['fleet_lost']} lost, "
        f"{found['fleet_duplicates']} with two outcomes, `headway verify` exit {found['fleet_verify_exit']}. "
        f"From 50 to 200 instances with tasks of two seconds: {found['fleet_throughput_50']} to "
        f"{found['fleet_throughput_200']} tasks a second, **{found['fleet_linear']}** of linear (0.95 asked). "
        f"What the dispatcher's decisions cost a task: {costs}. "
        f"500 tasks a minute of 5 to 60 s on 20 equal instances for half an hour, in simulated time on the line's "
        f"dispatcher: the busiest did more than the idlest by {spreads} of the mean (20 % allowed)."
    )
