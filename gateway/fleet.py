"""Agents, hosts and zones as a person wants to see them: what is wanted, what is alive, how loaded it is. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from processors.placing import total, wanted, zone_of


class AgentRow(NamedTuple):
    agent_id: str
    description: str
    role: str
    capabilities: list[str]
    runner: str
    model: str
    """That its file names, else the line's default, which a task's skill goes before."""
    instances: int
    """As was asked for, else as defined in the registry."""
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
    asked: Mapping[str, Any] | None
    """What a person or the autoscaler asked for last (AgentDesired); null: its file says how many."""
    weight: Mapping[str, Any] | None
    """How much it is preferred, and why (AgentWeight); null: as much as others, for nothing was reckoned yet."""


def agent_rows(
    definitions: Iterable[Mapping[str, Any]],
    statuses: Iterable[Mapping[str, Any]],
    heartbeats: Iterable[Mapping[str, Any]],
    *,
    heard_since_us: int,
    model_default: str,
    desired: Mapping[str, Any] | None = None,
    zones: Sequence[str] = ("",),
    weights: Mapping[str, Any] | None = None,
) -> list[AgentRow]:
    """By name. An instance is live when a host named it since `heard_since_us`. `desired`: what was asked, by agent;
    `weights` as well."""
    live: dict[str, set[str]] = {}
    hosts: dict[str, set[str]] = {}
    for beat in newest(heartbeats, heard_since_us):
        if beat["instances"]:
            live.setdefault(beat["agent_id"], set()).update(i["instance_id"] for i in beat["instances"])
            hosts.setdefault(beat["agent_id"], set()).add(beat["host_id"])
    by_agent = {status["agent_id"]: status for status in statuses}
    return [
        _row(
            definition,
            by_agent.get(definition["agent_id"], {}),
            live,
            hosts,
            model_default,
            _wanted(definition, desired or {}, zones),
            (desired or {}).get(definition["agent_id"]),
            (weights or {}).get(definition["agent_id"]),
        )
        for definition in sorted(definitions, key=lambda d: str(d["agent_id"]))
        if not definition["removed"]
    ]


def newest(heartbeats: Iterable[Mapping[str, Any]], since_us: int) -> list[Mapping[str, Any]]:
    """What each host said last of each pool, if it is not older."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for beat in heartbeats:
        key = beat["host_id"], beat["pool"]
        if beat["at"] >= since_us and (key not in found or found[key]["at"] <= beat["at"]):
            found[key] = beat
    return list(found.values())


def _wanted(definition: Mapping[str, Any], desired: Mapping[str, Any], zones: Sequence[str]) -> int:
    if definition["runner"] == "external":
        return int(definition["instances"])
    return total(wanted(definition, desired.get(definition["agent_id"]), zones))  # type: ignore[arg-type]


class HostRow(NamedTuple):
    host_id: str
    zone: str
    state: str
    """open, cordoned, draining, drained, stopping or silent."""
    instances: int
    running: int
    agents: int
    """Agents that have instances there."""
    heard_at: int | None
    reason: str
    """Why it was asked to rest, and by whom."""


def host_rows(
    heartbeats: Iterable[Mapping[str, Any]], wishes: Mapping[str, Mapping[str, Any]], heard_since_us: int
) -> list[HostRow]:
    """By name: every host of these heartbeats, and every one that was asked to rest."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    for beat in heartbeats:
        last[beat["host_id"], beat["pool"]] = beat
    beats: dict[str, list[Mapping[str, Any]]] = {name: [] for name, wish in wishes.items() if wish["state"] != "open"}
    for (name, _), beat in last.items():
        beats.setdefault(name, []).append(beat)
    return [_host(name, of, wishes.get(name), heard_since_us) for name, of in sorted(beats.items())]


def _host(name: str, beats: list[Mapping[str, Any]], wish: Mapping[str, Any] | None, since_us: int) -> HostRow:
    here = [beat for beat in beats if beat["at"] >= since_us]
    instances = sum(len(beat["instances"]) for beat in here)
    running = sum(map(attempts, here))
    asked = wish["state"] if wish is not None else "open"
    had = [beat for beat in beats if beat["at"] < since_us and (beat["instances"] or attempts(beat))]
    if asked == "drained" and (here or not had):
        state = "draining" if instances or running else "drained"
    elif not here:
        state = "silent"
    elif asked == "cordoned":
        state = "cordoned"
    else:
        state = "stopping" if all(beat["draining"] for beat in here) else "open"
    newest_beat = max(beats, key=lambda beat: int(beat["at"]), default=None)
    return HostRow(
        host_id=name,
        zone=newest_beat["zone"] if newest_beat else "",
        state=state,
        instances=instances,
        running=running,
        agents=sum(bool(beat["instances"]) for beat in here),
        heard_at=newest_beat["at"] if newest_beat else None,
        reason=" ".join(filter(None, (f"{wish['by']}:", wish["reason"]))) if wish and asked != "open" else "",
    )


def attempts(beat: Mapping[str, Any]) -> int:
    """What a host has in hand of a pool, wherever the instances are by now."""
    return sum(len(one["running"]) for one in [*beat["instances"], *beat["strays"]])


class ZoneRow(NamedTuple):
    zone: str
    hosts: int
    """That are heard of."""
    instances: int
    """As was asked for."""
    instances_live: int
    running: int


def zone_rows(
    definitions: Iterable[Mapping[str, Any]],
    heartbeats: Iterable[Mapping[str, Any]],
    desired: Mapping[str, Any],
    zones: Sequence[str],
    heard_since_us: int,
) -> list[ZoneRow]:
    """How each zone fares, in their order; none where there are no zones."""
    if not zones:
        return []
    here = newest(heartbeats, heard_since_us)
    hosts = Counter(zone for zone, _ in {(beat["zone"], beat["host_id"]) for beat in here})
    live = Counter(map(zone_of, {one["instance_id"] for beat in here for one in beat["instances"]}))
    running, asked = Counter[str](), Counter[str]()
    for beat in here:
        running[beat["zone"]] += attempts(beat)
    for definition in definitions:
        asked.update(wanted(definition, desired.get(definition["agent_id"]), zones))  # type: ignore[arg-type]
    return [
        ZoneRow(
            zone=zone,
            hosts=hosts[zone],
            instances=asked[zone],
            instances_live=live[zone],
            running=running[zone],
        )
        for zone in zones
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
    instances: int,
    asked: Mapping[str, Any] | None,
    weight: Mapping[str, Any] | None,
) -> AgentRow:
    agent_id = definition["agent_id"]
    return AgentRow(
        agent_id=agent_id,
        description=definition["description"],
        role=definition["role"],
        capabilities=definition["capabilities"],
        runner=definition["runner"],
        model=definition["model"] or model_default,
        instances=instances,
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
        asked=asked,
        weight=weight,
    )
