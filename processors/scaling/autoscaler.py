"""The autoscaler: looks at the agents once a period and decides which of them get more instances, or fewer.

One mechanism: a score says whether (processors/scaling/signals.py), a size says how many (sizing.py), cool-downs hold
the agent, and bounds hold agent and fleet. It follows the topics alone, so that a new one knows after a restart what
the one before had decided.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from processors import placing
from processors.scaling import words
from processors.scaling.hosts import Ground, Hosts
from processors.scaling.signals import LOAD, Pools, Score, score, seen
from processors.scaling.sizing import TARGET, Expected, instances_for, kept_at_least, load_of, slots_wanted
from processors.scaling.steps import Steps
from schemas.events import AgentDefinition, AgentDesired, AgentHeartbeat, PoolStatus, ScalingDecision

BY = "autoscaler"
HELD_US = 3_600_000_000
"""So long what a person asked for stays as it is."""
RIGHT = 0.65
"""A growth that was cut goes on until the load is no more than this: nearly what it would have come to at once."""
ENOUGH = 30
"""Arrivals that tell their rate; fewer are counted over more looks."""
LOOKS = 4
"""Looks back at the most to count arrivals."""

Mode = Literal["dry_run", "on"]


@dataclass(frozen=True)
class Limits:
    slots_each: int
    instances_min: int
    instances_max: int
    fleet_min: int
    fleet_max: int
    up_us: int
    """Cool-downs: since the last change of an agent, before it may grow or shrink."""
    down_us: int
    lease_us: int = 10_000_000
    """Without word for so long a host is not there."""


class _Look(NamedTuple):
    at: int
    arrived: int
    wanted: float
    score: float


@dataclass
class _Agent:
    definition: AgentDefinition | None = None
    wish: AgentDesired | None = None
    statuses: dict[str, PoolStatus] = field(default_factory=dict)
    looks: deque[_Look] = field(default_factory=deque)
    changed_at: int = 0
    held_at: int = 0
    """When it was told last that more would be right and make nothing better."""
    expected: Expected | None = None
    was_cut: bool = False
    """Whether it grew by less than was right, and still has less."""


class _Wanted(NamedTuple):
    """What one agent would get, were it alone."""

    agent_id: str
    before: int
    after: int
    score: Score
    why: str
    expected: float | None
    is_held: bool = False
    """Whether it needs more, and more would make nothing better."""


class Autoscaler:
    def __init__(self, limits: Limits, mode: Mode, zones: Sequence[str]) -> None:
        self._limits = limits
        self._applied = mode == "on"
        self._zones = zones
        self._agents: dict[str, _Agent] = {}
        self._hosts = Hosts(zones, limits.lease_us)
        self._ground: Ground | None = None
        """Of the newest look."""
        self._steps = Steps(limits.up_us, limits.down_us)

    # --- what the topics tell

    def agent(self, definition: AgentDefinition) -> None:
        self._of(definition["agent_id"]).definition = definition

    def desired(self, wish: AgentDesired) -> None:
        agent = self._of(wish["agent_id"])
        agent.wish = wish
        if wish["by"] == BY:
            agent.changed_at = max(agent.changed_at, wish["at"])

    def pool(self, status: PoolStatus) -> None:
        if status["agent_id"]:
            self._of(status["agent_id"]).statuses[status["pool"]] = status

    def heartbeat(self, event: AgentHeartbeat) -> None:
        agent = self._agents.get(event["agent_id"])
        if agent is None or agent.definition is None or agent.definition["runner"] != "external":
            self._hosts.heard(event)

    def decided(self, decision: ScalingDecision) -> None:
        """One of before a restart, or of our own, come back. What was tried only holds off nothing that is done."""
        if decision["applied"] == self._applied:
            self._note(decision)

    def undone(self, decision: ScalingDecision) -> None:
        """It could not be done: the next look may ask for it again."""
        agent, before = self._of(decision["agent_id"]), self._steps.undo(decision)
        if agent.changed_at == decision["at"]:
            agent.changed_at = before

    def expects(self, expected: Mapping[str, Expected]) -> None:
        """The newest forecasts; agents that are left out have none."""
        for agent_id, agent in self._agents.items():
            agent.expected = expected.get(agent_id)

    def size(self, agent_id: str) -> int:
        """Instances that are wanted now; 0 as well for agents that are none of the line's own."""
        return placing.total(self._of_zones(agent_id))

    def zones_for(self, decision: ScalingDecision) -> Collection[str] | None:
        """Where instances of this look are to come; null: as they are spread."""
        if self._ground is None or decision["after"] <= decision["before"]:
            return None
        return self._ground.roomy(self._ground.open_to(self._used(decision["agent_id"])))

    # --- what is decided

    def look(self, now: int, cpu: float | None = None) -> list[ScalingDecision]:
        """The changes of this period, and what was right but would make nothing better. `cpu`: use of the processors,
        for who knows it better than the heartbeats."""
        self._ground = self._hosts.look(now)
        self._steps.forget(now)
        asked = [wish for name in sorted(self._agents) if (wish := self._wanted(name, now, cpu))]
        more = sorted((w for w in asked if w.after > w.before), key=lambda w: -w.score.value)
        fewer = sorted((w for w in asked if w.after < w.before), key=lambda w: w.score.value)
        held = [self._decision(w, 0, "", now) for w in asked if w.is_held]
        return [*self._grown(more, now), *held, *self._shrunk(fewer, now)]

    def _of(self, agent_id: str) -> _Agent:
        return self._agents.setdefault(agent_id, _Agent())

    def _of_zones(self, agent_id: str) -> dict[str, int]:
        agent = self._agents.get(agent_id)
        if agent is None or agent.definition is None:
            return {}
        return placing.wanted(agent.definition, agent.wish, self._zones)

    def _used(self, agent_id: str) -> list[str]:
        return [zone for zone, count in self._of_zones(agent_id).items() if count]

    def _note(self, decision: ScalingDecision) -> None:
        agent = self._of(decision["agent_id"])
        if decision["after"] == decision["before"]:
            agent.held_at = max(agent.held_at, decision["at"])
        else:
            self._steps.note(decision)
            agent.changed_at = max(agent.changed_at, decision["at"])

    def _wanted(self, agent_id: str, now: int, cpu: float | None) -> _Wanted | None:
        """What the load asks for; null where nothing is to change, or nobody may change it."""
        agent, limits, before = self._agents[agent_id], self._limits, self.size(agent_id)
        if not before or not agent.statuses:  # somebody switched it off, or no task ever came
            agent.looks.clear()
            return None
        pools = seen(agent.statuses.values(), now)
        comes = slots_wanted(pools, _per_s(agent.looks, pools, now))
        ahead = agent.expected.soon / TARGET if agent.expected else 0.0
        slots = max(comes, ahead)
        load = load_of(slots, before, limits.slots_each)
        found = self._score(agent_id, pools, load, cpu)
        agent.was_cut = agent.was_cut and load > RIGHT
        again = bool(agent.looks) and agent.looks[-1].score > 1
        self._remember(agent, _Look(now, pools.arrived, slots, found.value))
        if agent.wish and agent.wish["by"] != BY and now - agent.wish["at"] < HELD_US:
            return None
        after, why, held = before, "", ""
        if (agent.was_cut or (found.value > 1 and again)) and now - agent.changed_at >= limits.up_us:
            size = max(instances_for(slots, limits.slots_each), before + 1)
            after = max(before, min(size, limits.instances_max))
            goes_on = agent.was_cut and found.value <= 1
            why = words.growth(pools, found, slots, ahead > comes, goes_on, size, after)
            if after > before and (held := self._held(agent_id, why)):
                after, why = before, held
        elif found.value < 0 and now - agent.changed_at >= limits.down_us:
            after, why = self._fewer(agent, before, pools, now)
        expected = round(ahead / limits.slots_each, 2) if agent.expected else None
        is_held = bool(held) and now - agent.held_at >= limits.up_us
        return _Wanted(agent_id, before, after, found, why, expected, is_held)

    def _score(self, agent_id: str, pools: Pools, load: float, cpu: float | None) -> Score:
        ground = self._ground
        if cpu is not None or ground is None:
            return score(pools, load, cpu)
        return score(pools, load, ground.of_agents.get(agent_id), eases=ground.eases(self._used(agent_id)))

    def _held(self, agent_id: str, why: str) -> str:
        """Why more instances would make nothing better; empty where they would."""
        if self._ground is None:
            return ""
        to = self._ground.open_to(self._used(agent_id))
        least = min((self._ground.cpu[zone] for zone in to if zone in self._ground.cpu), default=None)
        return "" if self._ground.roomy(to) else words.held(why, to, least)

    def _remember(self, agent: _Agent, look: _Look) -> None:
        """As long as arrivals are counted, and as a scale-in looks back."""
        agent.looks.append(look)
        while len(agent.looks) > LOOKS + 1 and look.at - agent.looks[1].at >= self._limits.down_us:
            agent.looks.popleft()

    def _fewer(self, agent: _Agent, before: int, pools: Pools, now: int) -> tuple[int, str]:
        """Down to what the busiest look of the cool-down wanted, once there were looks for so long.

        Work of which nothing is heard for so long is no small load: its dispatcher may be gone. And where instances do
        not answer, those that do are what is left.
        """
        limits = self._limits
        if pools.instances < before:
            return before, ""
        watched_us = now - agent.looks[0].at
        most = max(look.wanted for look in agent.looks)
        load = load_of(most, before, limits.slots_each)
        if watched_us < limits.down_us or pools.quiet_us >= limits.down_us or load >= LOAD.low:
            return before, ""
        size = max(instances_for(most, limits.slots_each), limits.instances_min)
        kept = kept_at_least(pools, agent.expected, limits.slots_each)
        why = words.shrinkage(watched_us, load, words.kept(pools, agent.expected) if kept > size else "")
        return min(before, max(size, kept)), why

    # --- the fleet as a whole

    def _grown(self, asked: Sequence[_Wanted], now: int) -> list[ScalingDecision]:
        fleet, most = sum(map(self.size, self._agents)), self._limits.fleet_max
        step, left = self._steps.up(fleet, now)
        by_step = words.cut_by_step("gains", step, self._limits.up_us)
        bound = words.cut_by_bound(f"the fleet has {most} at most")
        return self._shared(asked, 1, (left, by_step), (most - fleet, bound), now)

    def _shrunk(self, asked: Sequence[_Wanted], now: int) -> list[ScalingDecision]:
        fleet, least = sum(map(self.size, self._agents)), self._limits.fleet_min
        step, left = self._steps.down(fleet, now)
        by_step = words.cut_by_step("loses", step, self._limits.down_us)
        bound = words.cut_by_bound(f"the fleet keeps {least}")
        return self._shared(asked, -1, (left, by_step), (fleet - least, bound), now)

    def _shared(
        self, asked: Sequence[_Wanted], sign: int, step: tuple[int, str], room: tuple[int, str], now: int
    ) -> list[ScalingDecision]:
        """The first get what they ask for, the one at the bound what is left, with the reason; the others nothing."""
        left, cut = min(step, room)
        made = []
        for wish in asked:
            count = min(abs(wish.after - wish.before), left)
            if count > 0:
                made.append(self._decision(wish, sign * count, cut, now))
                left -= count
        return made

    def _decision(self, wish: _Wanted, by: int, cut: str, now: int) -> ScalingDecision:
        after = wish.before + by
        decision: ScalingDecision = {
            "event_id": f"scaling/{wish.agent_id}/{now}",
            "agent_id": wish.agent_id,
            "at": now,
            "before": wish.before,
            "after": after,
            "applied": self._applied,
            "score": wish.score.value,
            "signals": wish.score.signals,
            "expected": wish.expected,
            "reason": wish.why if after == wish.after else f"{wish.why} {cut}",
        }
        self._note(decision)
        self._agents[wish.agent_id].was_cut = self._applied and after < wish.after
        return decision


def _per_s(looks: Sequence[_Look], pools: Pools, now: int) -> float:
    """Attempts that came a second, since the newest look before which enough came; at first as many as are at work."""
    if not looks:
        return pools.running / pools.response_s if pools.response_s else 0.0
    rate = 0.0
    for look in list(looks)[: -LOOKS - 1 : -1]:
        came = max(0, pools.arrived - look.arrived)
        rate = came / max(1e-6, (now - look.at) / 1e6)
        if came >= ENOUGH:
            break
    return rate
