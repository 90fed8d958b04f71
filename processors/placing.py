"""How many instances of an agent there are to be in which zone, and their names."""

from collections.abc import Mapping, Sequence
from zlib import crc32

from schemas.events import AgentDefinition, AgentDesired


def spread(agent_id: str, total: int, zones: Sequence[str]) -> dict[str, int]:
    """A number as evenly as can be over the zones. Where the odd ones go differs by agent, so that no zone has the odd
    ones of all.
    """
    first = crc32(agent_id.encode()) % len(zones)
    each, odd = divmod(total, len(zones))
    return {zone: each + ((at - first) % len(zones) < odd) for at, zone in enumerate(zones)}


def wanted(definition: AgentDefinition, desired: AgentDesired | None, zones: Sequence[str]) -> dict[str, int]:
    """Instances by zone: as was asked, else as the definition has it. What was asked for a zone that is not there any
    more is spread over those that are.
    """
    if definition["removed"] or definition["runner"] == "external":
        return {}
    if desired is None:
        return spread(definition["agent_id"], definition["instances"], zones)
    asked = {of["zone"]: of["instances"] for of in desired["zones"]}
    homeless = total({zone: count for zone, count in asked.items() if zone not in zones})
    more = spread(definition["agent_id"], homeless, zones)
    return {zone: asked.get(zone, 0) + more[zone] for zone in zones}


def total(of_zones: Mapping[str, int]) -> int:
    return sum(of_zones.values())


def names(agent_id: str, zone: str, count: int) -> list[str]:
    """The instances of an agent in one zone. No agent's name has an @, so that no two agents share one."""
    stem = f"{agent_id}@{zone}" if zone else agent_id
    return [f"{stem}-{number}" for number in range(count)]


def zone_of(instance_id: str) -> str:
    """The zone that the name of an instance tells."""
    _, at, rest = instance_id.partition("@")
    return rest.rpartition("-")[0] if at else ""
