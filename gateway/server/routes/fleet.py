"""How the whole line is loaded: its pools, its instances, its hosts."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, TypeVar

from gateway import desiring
from gateway.desiring import Wish
from gateway.errors import BadInput
from gateway.fleet import (
    AgentRow,
    HostRow,
    ZoneRow,
    agent_rows,
    host_rows,
    pools_left,
    zone_rows,
)
from gateway.live.board import COLUMNS, MINUTES
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.defined import READ_BACK_S
from gateway.server.live_door import hub_of
from gateway.server.paging import NEXT, page, paged
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
from infra.fleet import set_host as set_state
from schemas.events import AgentDesired, HostDesired

W = TypeVar("W", AgentDesired, HostDesired)


async def fleet(call: Call) -> Reply:
    services = call.services
    found, of_hosts, of_zones = await asyncio.to_thread(_everything, services)
    known = services.registry
    pools = pools_left([plain(status) for _, status in sorted(known.pools.items())], known.removed)
    shown, cursor = page(call, pools, "pool")
    return Reply(
        {
            "at": now_us(),
            "instances_live": sum(row.instances_live for row in found),
            "instances": sum(row.instances for row in found),
            "running": sum(pool["running"] for pool in pools),
            "slots": sum(pool["slots"] for pool in pools),
            "waiting": sum(pool["waiting"] for pool in pools),
            "waiting_max": sum(pool["waiting_max"] for pool in pools),
            "pools": shown,
            "next": cursor,
            "hosts": [row._asdict() for row in of_hosts[: call.given["limit"]]],
            "zones": [row._asdict() for row in of_zones],
        }
    )


async def hosts(call: Call) -> Reply:
    of_hosts = await asyncio.to_thread(_host_rows, call.services)
    of_zones = await asyncio.to_thread(_zone_rows, call.services)
    shown, cursor = page(call, [row._asdict() for row in of_hosts], "host_id")
    zones = [row._asdict() for row in of_zones]
    return Reply({"at": now_us(), "hosts": shown, "next": cursor, "zones": zones})


def _everything(services: Services) -> tuple[list[AgentRow], list[HostRow], list[ZoneRow]]:
    return rows(services), _host_rows(services), _zone_rows(services)


async def history(call: Call) -> Reply:
    hub = hub_of(call.request)
    if hub is None:
        raise Problem(503, "The gateway is still reading the topics; try again.", retry_after_s=1)
    return Reply(hub.board.history(60 * call.given["minutes"]))


def rows(services: Services, wanted: Collection[str] | None = None) -> list[AgentRow]:
    """`wanted`: agents by name; without, all of them, which takes a while when they are thousands."""
    registry = services.registry

    def of(things: Iterable[Any]) -> list[Any]:
        return [one for one in list(things) if wanted is None or one["agent_id"] in wanted]

    return agent_rows(
        of(registry.agents.values()),
        of(registry.pools.values()),
        of(_beats(services)),
        heard_since_us=_heard_since(services),
        model_default=services.settings.model_default,
        desired=registry.desired,
        zones=services.settings.zone_names,
        weights=registry.weights,
    )


def _zone_rows(services: Services) -> list[ZoneRow]:
    registry, zones = services.registry, services.settings.zones
    agents = list(registry.agents.values())
    return zone_rows(agents, _beats(services), registry.desired, zones, _heard_since(services))


def _beats(services: Services) -> list[dict[str, Any]]:
    return list(services.following.heartbeats.values())


def _heard_since(services: Services) -> int:
    return now_us() - int(1_000_000 * services.settings.lease_s)


async def scale(call: Call) -> Reply:
    agent = call.given["agent_id"]
    asked = Wish(agent, call.body["instances"], call.body.get("zone"), call.body.get("reason", ""), call.principal.name)
    try:
        wish = await call.services.slow(desiring.scale, call.services.settings, asked)
    except desiring.NoAgent as error:
        raise Problem(404, str(error)) from None
    except BadInput as error:
        raise Problem(400, str(error)) from None
    return Reply(await _read_back(wish, lambda: call.services.registry.desired.get(agent)))


async def set_host(call: Call) -> Reply:
    host_id, state = call.given["host_id"], call.body["state"]
    known = {host.host_id for host in await asyncio.to_thread(_host_rows, call.services)}
    if host_id not in known and host_id not in call.services.registry.hosts:
        raise Problem(404, "There is no host of this name; GET /api/fleet lists those that are heard of.")
    by, reason = call.principal.name, call.body.get("reason", "")
    wish = await call.services.slow(partial(set_state, call.services.settings, host_id, state, by=by, reason=reason))
    return Reply(await _read_back(wish, lambda: call.services.registry.hosts.get(host_id)))


async def _read_back(wish: W, known: Callable[[], AgentDesired | HostDesired | None]) -> W:
    """The wish, once it is known here, so that who asked for it sees it at the next look."""
    until = time.monotonic() + READ_BACK_S
    while ((now := known()) is None or now["at"] < wish["at"]) and time.monotonic() < until:  # noqa: ASYNC110  a thread
        await asyncio.sleep(0.01)
    return wish


def _host_rows(services: Services) -> list[HostRow]:
    return host_rows(_beats(services), services.registry.hosts, _heard_since(services))


# --- the declarations

_HOST = record(
    "An executor host.",
    {
        "host_id": text("Its name."),
        "zone": text("Its zone; empty where there are none."),
        "state": text(
            "open: works. cordoned: starts nothing new. draining: finishes, others have its instances. drained: has "
            "nothing left. stopping: ends by itself. silent: was heard of, and is no more.",
            enum=["open", "cordoned", "draining", "drained", "stopping", "silent"],
        ),
        "instances": whole("Instances it runs."),
        "running": whole("Attempts in its hands."),
        "agents": whole("Agents that have instances there."),
        "heard_at": or_null(whole("When it was last heard [µs, UTC]")),
        "reason": text("Who asked it to rest, and why."),
    },
)
_ZONE = record(
    "A zone.",
    {
        "zone": text("Its name."),
        "hosts": whole("Hosts that are heard of."),
        "instances": whole("Instances as asked for."),
        "instances_live": whole("Live instances."),
        "running": whole("Attempts in hand."),
    },
)
_POOL = record(
    event("pool_status")["description"],
    fields("pool_status") | {"removed": flag("Whether its agent was taken out, and only its tasks are left.")},
)
PARTS: dict[str, Schema] = {"PoolStatus": _POOL, "Host": _HOST, "Zone": _ZONE} | {
    name: event(of)
    for name, of in (
        ("AgentDesired", "agent_desired"),
        ("HostDesired", "host_desired"),
        ("AgentWeight", "agent_weight"),
    )
}


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
        | {"pools": pools_left([plain(example("pool_status"))], ()), "next": None}
        | {"hosts": [row._asdict() for row in host_rows([beat], {}, beat["at"])]}
        | {"zones": [ZoneRow("a", 2, 8, 8, 3)._asdict()]}
    )


_HOSTS: dict[str, Schema] = {
    "hosts": many(ref("Host"), "By name; those heard of, and those that were asked to rest."),
    "zones": many(ref("Zone"), "As the setting `zones` has them; empty where there are none."),
}
_REASON = text("Why, in words, for those who look later.", maxLength=desiring.REASON_CHARS_MAX)

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
                "instances": whole("Instances as asked for."),
                "running": whole("Tasks that run."),
                "slots": whole("Slots of live instances."),
                "waiting": whole("Tasks that wait."),
                "waiting_max": whole("Most tasks that may wait."),
                "pools": many(ref("PoolStatus"), "By name; not those of agents that were taken out and left no task."),
                "next": NEXT,
            }
            | _HOSTS,
        ),
        example=_example_fleet,
        doc="The totals are of all; `limit` and `cursor` are of the pools. Of the hosts the first `limit` are there, "
        "and GET /api/hosts has them page by page.",
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/hosts",
        hosts,
        "viewer",
        "List the hosts and zones",
        answer=record(
            "The same as in `/api/fleet`, for who looks often.",
            {"at": whole("When this was looked at [µs, UTC]"), "next": NEXT} | _HOSTS,
        ),
        example=lambda: {name: value for name, value in _example_fleet().items() if name in ("at", "next", *_HOSTS)},
        parameters=paged(),
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
    Route(
        "POST",
        "/api/agents/{agent_id}/scale",
        scale,
        "admin",
        "Ask for another number of instances of an agent",
        answer=ref("AgentDesired"),
        example=lambda: example("agent_desired"),
        doc="It goes before the number of its definition. Fewer instances: what runs on those that go is finished.",
        parameters=[
            Parameter("agent_id", "path", text("an agent's name", minLength=1, maxLength=200), "code-reviewer")
        ],
        body=record(
            "What is wanted.",
            {
                "instances": whole("How many.", minimum=0, maximum=desiring.INSTANCES_MAX),
                "zone": or_null(text("In this zone, the others stay; null spreads them over all.")),
                "reason": _REASON,
            },
            optional=("zone", "reason"),
        ),
        body_examples=lambda: {"for a while": {"instances": 6, "reason": "the end of the quarter"}},
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/hosts/{host_id}",
        set_host,
        "admin",
        "Ask a host to rest, or to work again",
        answer=ref("HostDesired"),
        example=lambda: example("host_desired"),
        doc="`cordoned`: it starts nothing new. `drained`: others have its instances, and it finishes what it has. "
        "`open`: it works again.",
        parameters=[Parameter("host_id", "path", text("a host's name", minLength=1, maxLength=200), "host-1")],
        body=record(
            "What is wanted.",
            {"state": text("state", enum=["open", "cordoned", "drained"]), "reason": _REASON},
            optional=("reason",),
        ),
        body_examples=lambda: {"before it is shut down": {"state": "drained", "reason": "a new kernel"}},
        errors=(404,),
    ),
]
