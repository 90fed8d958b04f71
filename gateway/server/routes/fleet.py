"""How the whole line is loaded: its pools, its instances, its hosts."""

from typing import Any

from gateway.fleet import AgentRow, agent_rows, pools_left
from gateway.live.board import COLUMNS, MINUTES
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.live_door import hub_of
from gateway.server.problems import Problem
from gateway.server.services import Services
from gateway.server.shapes import (
    Schema,
    event,
    example,
    fields,
    flag,
    many,
    number,
    or_null,
    plain,
    record,
    ref,
    text,
    whole,
)


async def fleet(call: Call) -> Reply:
    services = call.services
    since = _heard_since(services)
    found = rows(services)
    beats = [beat for beat in _beats(services) if beat["at"] >= since]
    known = services.registry
    pools = pools_left([plain(status) for _, status in sorted(known.pools.items())], known.removed)
    return Reply(
        {
            "at": now_us(),
            "instances_live": sum(row.instances_live for row in found),
            "instances": sum(row.instances for row in found),
            "running": sum(pool["running"] for pool in pools),
            "slots": sum(pool["slots"] for pool in pools),
            "waiting": sum(pool["waiting"] for pool in pools),
            "waiting_max": sum(pool["waiting_max"] for pool in pools),
            "pools": pools,
            "hosts": _hosts(beats),
        }
    )


async def history(call: Call) -> Reply:
    hub = hub_of(call.request)
    if hub is None:
        raise Problem(503, "The gateway is still reading the topics; try again.", retry_after_s=1)
    return Reply(hub.board.history(60 * call.given["minutes"]))


def rows(services: Services) -> list[AgentRow]:
    registry = services.registry
    return agent_rows(
        list(registry.agents.values()),
        list(registry.pools.values()),
        _beats(services),
        heard_since_us=_heard_since(services),
        model_default=services.settings.model_default,
    )


def _beats(services: Services) -> list[dict[str, Any]]:
    return list(services.following.heartbeats.values())


def _heard_since(services: Services) -> int:
    return now_us() - int(1_000_000 * services.settings.lease_s)


def _hosts(beats: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By name: what each said last."""
    hosts: dict[str, dict[str, Any]] = {}
    for beat in beats:
        host = hosts.setdefault(
            beat["host_id"], {"host_id": beat["host_id"], "at": 0, "draining": False, "instances": 0, "running": 0}
        )
        host["at"] = max(host["at"], beat["at"])
        host["draining"] |= beat["draining"]
        host["instances"] += len(beat["instances"])
        host["running"] += sum(len(instance["running"]) for instance in beat["instances"])
    return [hosts[name] for name in sorted(hosts)]


# --- the declarations

_HOST = record(
    "An executor host.",
    {
        "host_id": text("Its name."),
        "at": whole("When it was last heard [µs, UTC]"),
        "draining": flag("Whether it takes no more work."),
        "instances": whole("Instances it runs."),
        "running": whole("Attempts in its hands."),
    },
)
_POOL = record(
    event("pool_status")["description"],
    fields("pool_status") | {"removed": flag("Whether its agent was taken out, and only its tasks are left.")},
)
PARTS: dict[str, Schema] = {"PoolStatus": _POOL, "Host": _HOST}


def example_row() -> dict[str, Any]:
    """Of an agent."""
    definition: dict[str, Any] = {**example("agent_definition"), "removed": False}
    beat = example("agent_heartbeat")
    status = {**example("pool_status"), "agent_id": definition["agent_id"]}
    beats = [{**beat, "agent_id": definition["agent_id"]}]
    (row,) = agent_rows([definition], [status], beats, heard_since_us=beat["at"], model_default="claude-sonnet-5-5")
    return row._asdict()


def _example_fleet() -> dict[str, Any]:
    row, beat = example_row(), example("agent_heartbeat")
    totals = ("instances_live", "instances", "running", "slots", "waiting", "waiting_max")
    return (
        {"at": beat["at"]}
        | {name: row[name] for name in totals}
        | {"pools": pools_left([plain(example("pool_status"))], ()), "hosts": _hosts([beat])}
    )


ROUTES = [
    Route(
        "GET",
        "/api/fleet",
        fleet,
        "viewer",
        "Tell how the whole line is loaded",
        answer=record(
            "The line: totals over its agents and pools, every pool, every host.",
            {
                "at": whole("When this was looked at [µs, UTC]"),
                "instances_live": whole("Live instances."),
                "instances": whole("Instances as defined."),
                "running": whole("Tasks that run."),
                "slots": whole("Slots of live instances."),
                "waiting": whole("Tasks that wait."),
                "waiting_max": whole("Most tasks that may wait."),
                "pools": many(ref("PoolStatus"), "By name; not those of agents that were taken out and left no task."),
                "hosts": many(ref("Host"), "By name; those heard of within the lease."),
            },
        ),
        example=_example_fleet,
    ),
    Route(
        "GET",
        "/api/fleet/history",
        history,
        "viewer",
        "Tell the figures of the last minutes or hours",
        answer=record(
            "The boards, oldest first, as `history` in a snapshot of live progress; fewer when the gateway is younger.",
            {
                "step_s": whole("Seconds between two points: 5 for up to 15 minutes, else 60."),
                "columns": many(text(""), "What a point holds, in its order."),
                "points": many(
                    many(or_null(number("A figure; null where it is not known.")), "A point."), "Oldest first."
                ),
            },
        ),
        example=lambda: {
            "step_s": 60,
            "columns": list(COLUMNS),
            "points": [[1_790_000_000_000_000, *[None] * (len(COLUMNS) - 1)]],
        },
        doc="Rates and percentiles of a point are of the minute before it. The gateway has them in memory only.",
        parameters=[
            Parameter("minutes", "query", whole("How far back.", minimum=1, maximum=MINUTES, default=60), 60),
        ],
        errors=(503,),
    ),
]
