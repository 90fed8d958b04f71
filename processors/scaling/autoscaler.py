"""The autoscaler: looks at the agents once a period and decides which of them get more instances, or fewer.

One mechanism: a score says whether (processors/scaling/signals.py), a size says how many (sizing.py), cool-downs hold
the agent, and bounds hold agent and fleet. It follows the topics alone, so that a new one knows after a restart what
the one before had decided.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from processors import placing
from processors.scaling import words
from processors.scaling.hosts import Ground, Hosts
from processors.scaling.signals import LOAD, Pools, Score, score, seen
from processors.scaling.sizing import (
    TARGET,
    Expected,
    by_calendar,
    instances_for,
    kept_at_least,
    load_of,
    slots_wanted,
)
from processors.scaling.steps import Steps
from processors.scaling.watched import Look, Watched
from schemas.calendar import Calendar
from schemas.events import AgentDefinition, AgentDesired, AgentHeartbeat, PoolStatus, ScalingDecision

BY = "autoscaler"
HELD_US = 3_600_000_000
"""So long what a person asked for stays as it is."""
RIGHT = 0.65
"""A growth that was cut goes on until the load is no more than this: nearly what it would have come to at once."""
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
    calendar: Calendar | None = None
    """Of which agents it tells the load to come that have no forecast."""


class _Seen(NamedTuple):
    """One agent at one look."""

    watched: Watched
    agent_id: str
    of_zones: Mapping[str, int]
    """Instances that are wanted now."""
    gone: int
    """Those of them in zones that are lost: they neither work nor count as size."""
    pools: Pools
    slots: float
    """That the work wants."""
    expected: Expected | None
    ahead: str
    """Who expects that much, where it is work to come."""
    load: float
    score: Score

    @property
    def here(self) -> int:
        return placing.total(self.of_zones) - self.gone


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
        self._agents: dict[str, Watched] = {}
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

    def scores(self) -> dict[str, float]:
        """By agent, at the newest look: above 1 more were needed, below 0 fewer."""
        return {agent_id: agent.looks[-1].score for agent_id, agent in self._agents.items() if agent.looks}

    def zones_for(self, decision: ScalingDecision) -> Collection[str] | None:
        """Where instances of this look are to come or go; null: anywhere."""
        if self._ground is None:
            return None
        if decision["after"] < decision["before"]:
            return frozenset(self._zones) - self._ground.lost
        return self._ground.roomy(self._ground.open_to(self._of_zones(decision["agent_id"])))

    # --- what is decided

    def look(self, now: int) -> list[ScalingDecision]:
        """The changes of this period, and what was right but would make nothing better."""
        self._ground = self._hosts.look(now)
        self._steps.forget(now)
        asked = [wish for name in sorted(self._agents) if (wish := self._wanted(name, now))]
        more = sorted((w for w in asked if w.after > w.before), key=lambda w: -w.score.value)
        fewer = sorted((w for w in asked if w.after < w.before), key=lambda w: w.score.value)
        held = [self._decision(w, 0, "", now) for w in asked if w.is_held]
        return [*self._grown(more, now), *held, *self._shrunk(fewer, now)]

    def _of(self, agent_id: str) -> Watched:
        return self._agents.setdefault(agent_id, Watched())

    def _of_zones(self, agent_id: str) -> dict[str, int]:
        agent = self._agents.get(agent_id)
        return agent.of_zones(self._zones) if agent else {}

    def _note(self, decision: ScalingDecision) -> None:
        agent = self._of(decision["agent_id"])
        if decision["after"] == decision["before"]:
            agent.held_at = max(agent.held_at, decision["at"])
        else:
            self._steps.note(decision)
            agent.changed_at = max(agent.changed_at, decision["at"])

    def _wanted(self, agent_id: str, now: int) -> _Wanted | None:
        """What the load asks for; null where nothing is to change, or nobody may change it."""
        agent, limits, before = self._agents[agent_id], self._limits, self.size(agent_id)
        if not before or not agent.statuses:  # somebody switched it off, or no task ever came
            agent.looks.clear()
            return None
        found = self._seen(agent_id, now)
        again = bool(agent.looks) and agent.looks[-1].score > 1
        agent.was_cut = agent.was_cut and found.load > RIGHT
        agent.remember(Look(now, found.pools.arrived, found.slots, found.score.value), limits.down_us)
        if agent.wish and agent.wish["by"] != BY and now - agent.wish["at"] < HELD_US:
            return None
        after, why, is_held = before, "", False
        if (agent.was_cut or (found.score.value > 1 and again)) and now - agent.changed_at >= limits.up_us:
            after, why = self._more(found, before)
            if after > before and (held := self._held(agent_id, why)):
                after, why, is_held = before, held, now - agent.held_at >= limits.up_us
        elif found.score.value < 0 and now - agent.changed_at >= limits.down_us:
            after, why = self._fewer(found, before, now)
        expected = round(found.expected.soon / TARGET / limits.slots_each, 2) if found.expected else None
        return _Wanted(agent_id, before, after, found.score, why, expected, is_held)

    def _seen(self, agent_id: str, now: int) -> _Seen:
        agent, of_zones, each = self._agents[agent_id], self._of_zones(agent_id), self._limits.slots_each
        gone = sum(of_zones[zone] for zone in self._ground.lost) if self._ground else 0
        pools = seen(agent.statuses.values(), now)
        comes = slots_wanted(pools, agent.per_s(pools, now))
        expected = agent.expected
        if expected is None and self._limits.calendar is not None:
            expected = by_calendar(self._limits.calendar, comes * TARGET, now)
        ahead = expected.soon / TARGET if expected else 0.0
        slots = max(comes, ahead)
        load = load_of(slots, placing.total(of_zones) - gone, each)
        found = self._score(agent_id, pools, load)
        by = expected.by if expected and ahead > comes else ""
        return _Seen(agent, agent_id, of_zones, gone, pools, slots, expected, by, load, found)

    def _score(self, agent_id: str, pools: Pools, load: float) -> Score:
        ground = self._ground
        if ground is None:
            return score(pools, load)
        return score(pools, load, ground.of_agents.get(agent_id), eases=ground.eases(self._of_zones(agent_id)))

    def _held(self, agent_id: str, why: str) -> str:
        """Why more instances would make nothing better; empty where they would."""
        if self._ground is None:
            return ""
        to = self._ground.open_to(self._of_zones(agent_id))
        least = min((self._ground.cpu[zone] for zone in to if zone in self._ground.cpu), default=None)
        return "" if self._ground.roomy(to) else words.held(why, to, least)

    def _more(self, found: _Seen, before: int) -> tuple[int, str]:
        """Up to what the work wants of the instances that live, and the reason."""
        limits, gone = self._limits, found.gone
        size = max(instances_for(found.slots, limits.slots_each), found.here + 1) + gone
        after = max(before, min(size, limits.instances_max))
        goes_on = found.watched.was_cut and found.score.value <= 1
        why = words.growth(found.pools, found.score, found.slots, found.ahead, goes_on, size, after)
        silent_us = self._ground.silent_us if self._ground else {}
        away = {zone: us for zone, us in silent_us.items() if found.of_zones[zone]}
        return after, f"{why} {words.elsewhere(away, gone)}" if away else why

    def _fewer(self, found: _Seen, before: int, now: int) -> tuple[int, str]:
        """Down to what the busiest look of the cool-down wanted, once there were looks for so long.

        Work of which nothing is heard for so long is no small load: its dispatcher may be gone. And where instances do
        not answer, those that do are what is left.
        """
        limits, pools, looks, expected = self._limits, found.pools, found.watched.looks, found.expected
        if pools.instances < found.here or not found.here:
            return before, ""
        watched_us = now - looks[0].at
        most = max(look.wanted for look in looks)
        load = load_of(most, found.here, limits.slots_each)
        if watched_us < limits.down_us or pools.quiet_us >= limits.down_us or load >= LOAD.low:
            return before, ""
        size = max(instances_for(most, limits.slots_each), limits.instances_min)
        kept = kept_at_least(pools, expected, limits.slots_each)
        why = words.shrinkage(watched_us, load, words.kept(pools, expected) if kept > size else "")
        return min(before, max(size, kept) + found.gone), why

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
