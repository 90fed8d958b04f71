"""Whether an agent is alive, by its heartbeats, and why a task in its queue waits."""

from collections.abc import Mapping
from typing import Any

from gateway.history import read
from gateway.units import duration
from infra.settings import Settings

LOOK_BACK_US = 3_600_000_000
"""How far back the last heartbeat of a silent agent is looked for."""


def why_waiting(settings: Settings, agent_id: str, now_us: int) -> str | None:
    """In words for a person why no task of this agent runs; null when it has live instances."""
    heard_at = last_heartbeat(settings, agent_id, now_us, 2 * lease_us(settings))
    if heard_at is not None and now_us - heard_at <= lease_us(settings):
        return None
    heard_at = heard_at or last_heartbeat(settings, agent_id, now_us, LOOK_BACK_US)
    last = f"last heartbeat {duration(now_us - heard_at)} ago" if heard_at else "no heartbeat in the last hour"
    return f"waits: no instance of {agent_id} is alive ({last})"


def last_heartbeat(settings: Settings, agent_id: str, now_us: int, look_back_us: int) -> int | None:
    """When an instance of the agent last said that it would take tasks [µs]."""
    beats = read(settings, "agents.heartbeats", since_us=now_us - look_back_us, containing=agent_id)
    return max((r.event["at"] for r in beats if takes_tasks(r.event, agent_id)), default=None)


def takes_tasks(beat: Mapping[str, Any], agent_id: str) -> bool:
    return beat["agent_id"] == agent_id and bool(beat["instances"]) and not beat["draining"]


def lease_us(settings: Settings) -> int:
    return int(1_000_000 * settings.lease_s)
