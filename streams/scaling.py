"""The autoscaler beside the monitor: it is told what the topics say, and asks for other sizes once a period.

Nothing waits for it: changes go out in a thread. After a restart it knows the last decisions and wishes from their
topics.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

import structlog

from infra import fleet, kafka, metrics
from infra.settings import Settings
from processors import placing
from processors.scaling.autoscaler import BY, Autoscaler, Limits
from processors.scaling.sizing import Expected, resized
from schemas.calendar import calendar
from schemas.events import AgentDefinition, AgentDesired, AgentHeartbeat, PoolStatus, ScalingDecision
from streams.beside import Beside

PERIOD_S = 30
DECISIONS = "scaling.decisions"

log = structlog.get_logger()


class _Tried(NamedTuple):
    """What became of a decision that was to be carried out."""

    decision: ScalingDecision
    done: bool


class Scaling:
    def __init__(self, settings: Settings, now: int) -> None:
        """Follows the topics from `now` on (µs), and a little before it."""
        self._settings = settings
        self._mode = settings.scaling
        self._scaler = Autoscaler(limits(settings), "on" if self._mode == "on" else "dry_run", settings.zone_names)
        self._look_due = now + PERIOD_S * 1_000_000
        self._changes: Beside[_Tried] = Beside("scaling")

    # --- what the topics tell

    def agent(self, event: AgentDefinition) -> None:
        self._scaler.agent(event)

    def desired(self, event: AgentDesired) -> None:
        self._scaler.desired(event)

    def pool(self, event: PoolStatus) -> None:
        self._scaler.pool(event)

    def heartbeat(self, event: AgentHeartbeat) -> None:
        self._scaler.heartbeat(event)

    def expects(self, slots: Mapping[str, Expected]) -> None:
        self._scaler.expects(slots)

    def decided(self, event: ScalingDecision) -> None:
        self._scaler.decided(event)

    # --- what comes of it

    def look(self, now: int) -> list[ScalingDecision]:
        """The decisions that are to be written: those of a dry run at once, others when they are carried out."""
        if self._mode == "off":
            return []
        told = [_told(tried.decision) for tried in self._changes.taken() if self._knows(tried)]
        if now < self._look_due:
            return told
        self._look_due = now + PERIOD_S * 1_000_000
        made = self._scaler.look(now)
        if self._mode == "dry_run":
            return [*told, *map(_told, made)]
        for decision in made:
            if decision["after"] == decision["before"]:
                told.append(_told(decision))
            else:
                self._changes.put(partial(self._carry_out, decision, self._scaler.zones_for(decision)))
        return told

    def _carry_out(self, decision: ScalingDecision, there: Collection[str] | None) -> _Tried:
        agent_id, sizes = decision["agent_id"], (decision["before"], decision["after"])
        try:
            done = resize(self._settings, agent_id, *sizes, by=BY, reason=decision["reason"], there=there)
            return _Tried(decision, done)
        except kafka.KafkaTrouble as error:
            log.warning("scaling failed, the next look may ask again", agent=agent_id, error=str(error))
            return _Tried(decision, False)

    def _knows(self, tried: _Tried) -> bool:
        if not tried.done:
            metrics.SCALINGS.labels(_way(tried.decision), "failed").inc()
            self._scaler.undone(tried.decision)
        return tried.done


def limits(settings: Settings) -> Limits:
    return Limits(
        settings.slots_per_instance,
        settings.instances_min,
        settings.instances_max,
        settings.fleet_min,
        settings.fleet_max,
        int(settings.scale_up_s * 1_000_000),
        int(settings.scale_down_s * 1_000_000),
        int(settings.lease_s * 1_000_000),
        calendar(settings.calendar, settings.calendar_timezone),
    )


def resize(
    settings: Settings,
    agent_id: str,
    before: int,
    after: int,
    *,
    by: str,
    reason: str,
    there: Collection[str] | None = None,
) -> bool:
    """Asks the fleet for it, unless somebody asked for another number than `before` meanwhile. `there`: zones in which
    that is of use; null: all. Raises KafkaTrouble."""
    zones = settings.zone_names

    def make(definition: AgentDefinition | None, desired: AgentDesired | None) -> fleet.Zones | None:
        now = placing.wanted(definition, desired, zones) if definition else {}
        return resized(now, after, there) if placing.total(now) == before else None

    return fleet.scale(settings, agent_id, make, by=by, reason=reason) is not None


def _told(decision: ScalingDecision) -> ScalingDecision:
    metrics.SCALINGS.labels(_way(decision), "yes" if decision["applied"] else "dry_run").inc()
    size = f"{decision['before']} → {decision['after']}"
    log.info("scaling", agent=decision["agent_id"], size=size, done=decision["applied"], reason=decision["reason"])
    return decision


def _way(decision: ScalingDecision) -> str:
    grown = decision["after"] - decision["before"]
    return "up" if grown > 0 else "down" if grown else "held"
