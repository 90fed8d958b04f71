"""Agents as a person wants to see them: what is defined, what is alive, how loaded it is. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple


class AgentRow(NamedTuple):
    agent_id: str
    description: str
    role: str
    capabilities: list[str]
    runner: str
    model: str
    """That its file names, else the line's default, which a task's skill goes before."""
    instances: int
    """As defined in the registry."""
    instances_live: int
    hosts: list[str]
    waiting: int
    waiting_max: int
    running: int
    slots: int
    completed: int
    failed: int
    mean_response_ms: float
    error_rate: float
    load_score: float


def agent_rows(
    definitions: Iterable[Mapping[str, Any]],
    statuses: Iterable[Mapping[str, Any]],
    heartbeats: Iterable[Mapping[str, Any]],
    *,
    heard_since_us: int,
    model_default: str,
) -> list[AgentRow]:
    """By name. An instance is live when a host named it since `heard_since_us`."""
    live: dict[str, set[str]] = {}
    hosts: dict[str, set[str]] = {}
    for beat in heartbeats:
        if beat["at"] >= heard_since_us:
            live.setdefault(beat["agent_id"], set()).update(i["instance_id"] for i in beat["instances"])
            hosts.setdefault(beat["agent_id"], set()).add(beat["host_id"])
    by_agent = {status["agent_id"]: status for status in statuses}
    return [
        _row(definition, by_agent.get(definition["agent_id"], {}), live, hosts, model_default)
        for definition in sorted(definitions, key=lambda d: str(d["agent_id"]))
        if not definition["removed"]
    ]


def pools_left(statuses: Iterable[Mapping[str, Any]], removed: Collection[str]) -> list[dict[str, Any]]:
    """The states of the pools that there are, in their order, as they are told."""
    return [told_pool(status, removed) for status in statuses if not is_over(status, removed)]


def told_pool(status: Mapping[str, Any], removed: Collection[str]) -> dict[str, Any]:
    """A pool's state with whether its agent was taken out: then nobody will come to work there."""
    return {**status, "removed": status["agent_id"] in removed}


def is_over(status: Mapping[str, Any], removed: Collection[str]) -> bool:
    """Whether nothing is left of a pool but its last state, which its topic keeps: its agent is among those that were
    `removed`, and it holds no task."""
    return status["agent_id"] in removed and not status["waiting"] and not status["running"]


def _row(
    definition: Mapping[str, Any],
    status: Mapping[str, Any],
    live: Mapping[str, set[str]],
    hosts: Mapping[str, set[str]],
    model_default: str,
) -> AgentRow:
    agent_id = definition["agent_id"]
    return AgentRow(
        agent_id=agent_id,
        description=definition["description"],
        role=definition["role"],
        capabilities=definition["capabilities"],
        runner=definition["runner"],
        model=definition["model"] or model_default,
        instances=definition["instances"],
        instances_live=len(live.get(agent_id, ())),
        hosts=sorted(hosts.get(agent_id, ())),
        waiting=status.get("waiting", 0),
        waiting_max=status.get("waiting_max", 0),
        running=status.get("running", 0),
        slots=status.get("slots", 0),
        completed=status.get("completed", 0),
        failed=status.get("failed", 0),
        mean_response_ms=status.get("mean_response_ms", 0.0),
        error_rate=status.get("error_rate", 0.0),
        load_score=status.get("load_score", 0.0),
    )
