"""Replacements for instances that fell silent, when so many did that nobody should wait for the load to tell."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from processors import placing
from processors.scaling.autoscaler import BY, HELD_US, Limits
from schemas.events import AgentDefinition, AgentDesired, PoolStatus


class Change(NamedTuple):
    before: int
    after: int


def replacements(
    definitions: Iterable[AgentDefinition],
    wishes: Mapping[str, AgentDesired],
    statuses: Iterable[PoolStatus],
    zones: Sequence[str],
    limits: Limits,
    now: int,
) -> dict[str, Change]:
    """As many more of each agent as are wanted and do not answer, within the bounds; who lacks most goes first.

    An agent that never had work has no pool, so nothing is known of it and nothing is done. What a person asked for
    within the hour stays, and what was asked for by itself a moment ago is still to come.
    """
    answering: Counter[str] = Counter()
    for status in statuses:
        answering[status["agent_id"]] += status["instances"]
    sizes = {
        one["agent_id"]: placing.total(placing.wanted(one, wishes.get(one["agent_id"]), zones)) for one in definitions
    }
    missing = {
        agent_id: size - answering[agent_id]
        for agent_id, size in sizes.items()
        if agent_id in answering and not _is_fresh(wishes.get(agent_id), limits, now)
    }
    room = limits.fleet_max - sum(sizes.values())
    found: dict[str, Change] = {}
    for agent_id in sorted(missing, key=lambda name: (-missing[name], name)):
        before = sizes[agent_id]
        count = min(missing[agent_id], limits.instances_max - before, room)
        if count > 0:
            found[agent_id] = Change(before, before + count)
            room -= count
    return found


def _is_fresh(wish: AgentDesired | None, limits: Limits, now: int) -> bool:
    return wish is not None and now - wish["at"] < (limits.up_us if wish["by"] == BY else HELD_US)
