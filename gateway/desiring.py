"""Asking for another number of instances: what is wanted, checked, and written by one at a time."""

from typing import NamedTuple

from gateway.errors import BadInput, GatewayError
from gateway.nearest import did_you_mean
from infra import fleet, registry
from infra.settings import Settings
from processors.placing import spread, wanted
from schemas.events import AgentDefinition, AgentDesired

INSTANCES_MAX = 10_000
REASON_CHARS_MAX = 500


class NoAgent(GatewayError):
    """There is no agent of this name."""


class Wish(NamedTuple):
    agent_id: str
    instances: int
    zone: str | None
    """In this zone, and the others stay; null spreads them over all."""
    reason: str
    by: str


def scale(settings: Settings, wish: Wish) -> AgentDesired:
    """Raises NoAgent, BadInput, KafkaTrouble."""
    zones = settings.zone_names
    if not 0 <= wish.instances <= INSTANCES_MAX:
        raise BadInput(f"{wish.instances} instances are not accepted; it takes 0 to {INSTANCES_MAX:,}.")
    if wish.zone is not None and wish.zone not in settings.zones:
        there = f"it takes one of {', '.join(settings.zones)}" if settings.zones else "the setting `zones` is empty"
        raise BadInput(f"There is no zone {wish.zone}: {there}.")

    def make(definition: AgentDefinition | None, before: AgentDesired | None) -> fleet.Zones:
        if definition is None or definition["removed"]:
            names = registry.newest(settings, registry.AGENTS)
            raise NoAgent(f"There is no agent {wish.agent_id}{did_you_mean(wish.agent_id, names)}")
        if definition["runner"] == "external":
            raise BadInput(
                f"The instances of {wish.agent_id} are programs of yours: start or stop them where they run."
            )
        if wish.zone is None:
            return spread(wish.agent_id, wish.instances, zones)
        return wanted(definition, before, zones) | {wish.zone: wish.instances}

    made = fleet.scale(settings, wish.agent_id, make, by=wish.by, reason=wish.reason)
    assert made is not None
    return made
