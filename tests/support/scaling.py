"""A fleet in virtual time for the autoscaler: agents with a queue, instances that take a while to start, tasks that
take a while to run, and instances that finish what they have before they go. The same seed makes the same day.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, cast

from processors.placing import spread
from processors.scaling.autoscaler import BY, Autoscaler, Limits, Mode
from processors.scaling.sizing import TARGET, resized
from schemas.events import AgentDefinition, AgentDesired, AgentHeartbeat, PoolStatus, ScalingDecision
from schemas.examples import examples

S = 1_000_000
T0 = 1_790_000_000
PERIOD_S = 30
SLOTS = 5
LIMITS = Limits(SLOTS, 1, 10, 0, 250, 300 * S, 600 * S)

Rate = Callable[[float], float]
"""Tasks a second, at so many seconds after the start."""


def definition(agent_id: str = "coder", instances: int = 2, **over: Any) -> AgentDefinition:
    made = {"agent_id": agent_id, "instances": instances, "runner": "simulated", "removed": False}
    return cast(AgentDefinition, examples("agent_definition", 1)[0] | made | over)


def wish(instances: int | Mapping[str, int], at_s: float, agent_id: str = "coder", by: str = BY) -> AgentDesired:
    of_zones = {"": instances} if isinstance(instances, int) else instances
    zones = [{"zone": zone, "instances": count} for zone, count in of_zones.items()]
    made = {"event_id": f"{agent_id}@{at_s}", "agent_id": agent_id, "zones": zones, "at": int((T0 + at_s) * S)}
    return cast(AgentDesired, made | {"by": by, "reason": ""})


def status(agent_id: str = "coder", at_s: float = 0.0, **over: Any) -> PoolStatus:
    none = {"waiting": 0, "running": 0, "slots": 10, "instances": 2, "oldest_wait_ms": 0, "completed": 0, "failed": 0}
    made = none | {"mean_response_ms": 10_000.0, "error_rate": 0.0, "waiting_max": 1000, "pool": agent_id}
    made |= {"event_id": f"{agent_id}/{at_s}", "agent_id": agent_id, "at": int((T0 + at_s) * S), "ill": []}
    return cast(PoolStatus, made | {"load_score": 0.0} | over)


def beat(host_id: str, at_s: float, cpu: float | None = None, zone: str = "", **of: int) -> AgentHeartbeat:
    """Of a host with so many instances of an agent; of "coder" if none is named."""
    [(agent_id, count)] = of.items() or [("coder", 1)]
    made = {"host_id": host_id, "zone": zone, "at": int((T0 + at_s) * S), "cpu_used": cpu, "draining": False}
    made |= {"instances": [{"instance_id": f"{agent_id}-{n}", "running": []} for n in range(count)]}
    return cast(AgentHeartbeat, examples("agent_heartbeat", 3)[0] | made | {"pool": agent_id, "agent_id": agent_id})


@dataclass
class _Instance:
    ready_s: float
    zone: str = ""
    running: int = 0


@dataclass
class _Pool:
    rate: Rate
    instances: list[_Instance]
    waiting: deque[float] = field(default_factory=deque)
    leaving: list[_Instance] = field(default_factory=list)
    ends: list[tuple[float, int, _Instance, float]] = field(default_factory=list)
    due: float = 0.0
    """Part of the next task that has come."""
    arrived: int = 0
    done: int = 0
    response_s: float = 0.0
    """Moving mean of what was done."""
    waits: list[tuple[float, float]] = field(default_factory=list)
    """When a task started, and how long it had waited."""

    @property
    def running(self) -> int:
        return len(self.ends)

    @property
    def of_zones(self) -> Counter[str]:
        return Counter(one.zone for one in self.instances)

    def resize(self, of_zones: Mapping[str, int], ready_s: float) -> None:
        kept = []
        for zone, count in of_zones.items():
            here = [one for one in self.instances if one.zone == zone]
            kept += here[:count] + [_Instance(ready_s, zone) for _ in range(count - len(here))]
            self.leaving += [one for one in here[count:] if one.running]
        self.instances = kept


class Fleet:
    """A host in each zone. `seed` None: tasks come evenly and all take the same time. `processors`: tasks that a host
    can do at once; with more of them each is slower, and `tells` whether it says how busy they are."""

    def __init__(
        self,
        rates: Mapping[str, Rate] | Rate,
        *,
        instances: int = 2,
        response_s: float = 10.0,
        limits: Limits = LIMITS,
        mode: Mode = "on",
        seed: int | None = None,
        start_s: float = 20.0,
        zones: Sequence[str] = ("",),
        processors: int | None = None,
        tells: bool = True,
    ) -> None:
        by_agent = rates if isinstance(rates, Mapping) else {"coder": rates}
        self.scaler = Autoscaler(limits, mode, zones)
        self.limits, self._mode, self._instances, self._zones = limits, mode, instances, zones
        self._processors, self._tells = processors, tells
        self.dead = set[str]()
        """Zones whose host is gone."""
        self._response_s, self._start_s = response_s, start_s
        self._random = random.Random(seed) if seed is not None else None
        self.pools = {name: _Pool(rate, []) for name, rate in by_agent.items()}
        for name, pool in self.pools.items():
            pool.resize(spread(name, instances, zones), 0.0)
        self.decisions: list[ScalingDecision] = []
        self._wishes: dict[str, AgentDesired] = {}
        """By decision."""
        self.sizes: list[dict[str, int]] = []
        """At each look, after it."""
        self.now_s = 0
        self._count = 0
        self.introduce()

    def introduce(self) -> None:
        for name in self.pools:
            self.scaler.agent(definition(name, self._instances))

    def run(self, until_s: int) -> "Fleet":
        while self.now_s < until_s:
            self.now_s += 1
            for pool in self.pools.values():
                self._tick(pool)
            if self.now_s % PERIOD_S == 0:
                self._look()
        return self

    def restart_scaler(self) -> None:
        """A new one that knows what the topics say."""
        self.scaler = Autoscaler(self.limits, self._mode, self._zones)
        self.introduce()
        for decision in self.decisions:
            if decision["applied"]:
                self.scaler.desired(self._wishes[decision["event_id"]])
            self.scaler.decided(decision)

    def zone_dies(self, zone: str) -> None:
        """What ran there begins anew elsewhere."""
        self.dead.add(zone)
        for pool in self.pools.values():
            lost = [end for end in pool.ends if end[2].zone == zone]
            pool.ends = [end for end in pool.ends if end[2].zone != zone]
            heapify(pool.ends)
            pool.waiting.extendleft(self.now_s for _ in lost)
            for one in pool.instances:
                one.running *= one.zone != zone

    def zone_is_back(self, zone: str) -> None:
        self.dead.remove(zone)
        for one in (one for pool in self.pools.values() for one in pool.instances if one.zone == zone):
            one.ready_s = max(one.ready_s, self.now_s + self._start_s)

    def person_asks(self, name: str, count: int) -> None:
        self.scaler.desired(wish(count, self.now_s, name, by="ana"))
        self.pools[name].resize({"": count}, self.now_s + self._start_s)

    def needed(self, name: str = "coder") -> float:
        """Instances that are right for what comes at this moment."""
        return self.pools[name].rate(self.now_s) * self._response_s / TARGET / self.limits.slots_each

    def _tick(self, pool: _Pool) -> None:
        while pool.ends and pool.ends[0][0] <= self.now_s:
            _, _, ran, took_s = heappop(pool.ends)
            ran.running -= 1
            pool.response_s += (0.2 if pool.done else 1.0) * (took_s - pool.response_s)
            pool.done += 1
        rate = pool.rate(self.now_s)
        if self._random is None:
            pool.due += rate
        else:
            at = self._random.expovariate(rate) if rate > 0 else 2.0
            while at < 1.0:
                pool.due += 1
                at += self._random.expovariate(rate)
        for _ in range(int(pool.due)):
            pool.waiting.append(self.now_s)
        pool.arrived += int(pool.due)
        pool.due -= int(pool.due)
        ready = self._ready(pool) if pool.waiting else []
        while pool.waiting and ready:
            chosen = min(ready, key=lambda one: one.running)
            if chosen.running >= self.limits.slots_each:
                break
            came = pool.waiting.popleft()
            pool.waits.append((self.now_s, self.now_s - came))
            chosen.running += 1
            self._count += 1
            takes = self._random.expovariate(1 / self._response_s) if self._random else self._response_s
            takes *= max(1.0, self._asked_of(chosen.zone))
            heappush(pool.ends, (self.now_s + takes, self._count, chosen, takes))

    def _ready(self, pool: _Pool) -> list[_Instance]:
        return [one for one in pool.instances if one.ready_s <= self.now_s and one.zone not in self.dead]

    def _asked_of(self, zone: str) -> float:
        """Tasks of a host beside those that its processors can do at once."""
        if self._processors is None:
            return 0.0
        return (
            sum(one.running for p in self.pools.values() for one in p.instances if one.zone == zone) / self._processors
        )

    def _look(self) -> None:
        for name, pool in self.pools.items():
            self.scaler.pool(self._status(name, pool))
            for zone in set(self._zones) - self.dead:
                cpu = min(1.0, self._asked_of(zone)) if self._processors and self._tells else None
                self.scaler.heartbeat(beat(f"host-{zone}", self.now_s, cpu, zone, **{name: pool.of_zones[zone]}))
        for decision in self.scaler.look((T0 + self.now_s) * S):
            self.decisions.append(decision)
            if decision["applied"] and decision["after"] != decision["before"]:
                self._carry_out(decision)
        self.sizes.append({name: len(pool.instances) for name, pool in self.pools.items()})

    def _carry_out(self, decision: ScalingDecision) -> None:
        pool = self.pools[decision["agent_id"]]
        there = {zone: pool.of_zones[zone] for zone in self._zones}
        made = resized(there, decision["after"], self.scaler.zones_for(decision))
        pool.resize(made, self.now_s + self._start_s)
        asked = self._wishes[decision["event_id"]] = wish(made, decision["at"] / S - T0, decision["agent_id"])
        self.scaler.desired(asked)

    def _status(self, name: str, pool: _Pool) -> PoolStatus:
        ready = len(self._ready(pool))
        oldest_s = self.now_s - pool.waiting[0] if pool.waiting else 0
        return status(
            name,
            self.now_s,
            waiting=len(pool.waiting),
            running=pool.running,
            slots=ready * self.limits.slots_each,
            instances=ready,
            oldest_wait_ms=oldest_s * 1000,
            completed=pool.done,
            mean_response_ms=(self._response_s if self._processors is None else pool.response_s)
            * 1000
            * bool(pool.done),
        )
