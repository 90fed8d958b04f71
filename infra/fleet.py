"""What the fleet is to be like, on Kafka: reading it, and changing it by one at a time."""

import time
import uuid
from collections.abc import Callable, Mapping

from infra import changing, registry
from infra.changing import Record
from infra.registry import DESIRED, HOSTS
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import AgentDefinition, AgentDesired, HostDesired, HostState

_WRITER = "headway-fleet"

Zones = Mapping[str, int]
"""Instances by zone."""


def desired(settings: Settings) -> dict[str, AgentDesired]:
    """What was asked of each agent last."""
    return registry.newest(settings, DESIRED)


def hosts(settings: Settings) -> dict[str, HostDesired]:
    """What was asked of each host last."""
    return registry.newest(settings, HOSTS)


Make = Callable[[AgentDefinition | None, AgentDesired | None], Zones | None]
"""From the newest definition and wish of an agent: how many are wanted now, or null when nothing is to change."""


def scale(settings: Settings, agent_id: str, make: Make, *, by: str, reason: str = "") -> AgentDesired | None:
    """Asks for what `make` says; it may raise, and may be called again when another was faster. Raises KafkaTrouble."""

    def change() -> tuple[AgentDesired | None, list[Record]]:
        of_zones = make(registry.newest(settings, registry.AGENTS).get(agent_id), desired(settings).get(agent_id))
        if of_zones is None:
            return None, []
        wish: AgentDesired = {
            "event_id": str(uuid.uuid4()),
            "agent_id": agent_id,
            "zones": [{"zone": zone, "instances": count} for zone, count in of_zones.items()],
            "at": time.time_ns() // 1000,
            "by": by,
            "reason": reason,
        }
        return wish, [Record(DESIRED, agent_id, encode("AgentDesired", wish))]

    return changing.change(settings, _WRITER, f"the number of {agent_id}", change)


def set_host(settings: Settings, host_id: str, state: HostState, *, by: str, reason: str = "") -> HostDesired:
    """Asks a host to be like this. Raises KafkaTrouble."""
    wish: HostDesired = {
        "event_id": str(uuid.uuid4()),
        "host_id": host_id,
        "state": state,
        "at": time.time_ns() // 1000,
        "by": by,
        "reason": reason,
    }
    record = Record(HOSTS, host_id, encode("HostDesired", wish))
    changing.change(settings, _WRITER, f"the state of {host_id}", lambda: (None, [record]))
    return wish
