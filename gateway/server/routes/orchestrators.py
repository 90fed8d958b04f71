"""The routers and dispatchers, as they told of themselves in Redis."""

from typing import Any

from gateway.errors import Unreachable
from gateway.sending import now_us
from gateway.server.declare import Call, Reply, Route
from gateway.server.paging import NEXT, page, paged
from gateway.server.shapes import Schema, many, number, or_null, record, ref, text, whole
from infra.orchestrators import Orchestrator, Orchestrators, Store, StoreDown, availability
from infra.settings import Settings


async def list_orchestrators(call: Call) -> Reply:
    rows = await call.services.slow(_rows, call.services.settings)
    shown, cursor = page(call, [_told(row) for row in rows], "orchestrator_id")
    return Reply({"at": now_us(), "availability": availability(rows), "orchestrators": shown, "next": cursor})


def _rows(settings: Settings) -> list[Orchestrator]:
    store = Store(settings)
    try:
        return Orchestrators(store, settings).list()
    except StoreDown as error:
        raise Unreachable(f"{error}; the line works without, try again later") from error
    finally:
        store.close()


def _told(row: Orchestrator) -> dict[str, Any]:
    """Without the names of sessions, which are their tenants' own."""
    return {name: value for name, value in row._asdict().items() if name not in ("session_ids", "instance_info")} | {
        "service": row.instance_info.get("service"),
        "host": row.instance_info.get("host"),
    }


# --- the declarations

_ORCHESTRATOR = record(
    "A router or dispatcher, or a program of yours that said it is one.",
    {
        "orchestrator_id": text("Its name."),
        "status": text("Sleeping: it has no partition.", enum=["active", "sleeping", "terminated"]),
        "ended": text("How a terminated one ended; empty: it has not.", enum=["", "stopped", "died"]),
        "health_status": text("By what it says, and by its silence.", enum=["healthy", "degraded", "unhealthy"]),
        "current_load": whole("Inputs in its hands."),
        "max_capacity": whole("Most inputs it takes into its hands."),
        "active_sessions": whole("Sessions of those inputs, as far as they tell, and sessions it holds for itself."),
        "partitions": many(text(""), "Those it has, as router/0."),
        "last_heartbeat": whole("When it was last heard [µs, UTC]"),
        "silent_s": number("Seconds since then."),
        "service": or_null(text("router or dispatcher; null: it did not say.")),
        "host": or_null(text("Name of its machine; null: it did not say.")),
        "created_at": whole("When this life of it began [µs, UTC]"),
        "updated_at": whole("When its status last changed [µs, UTC]"),
        "epoch": whole("Fencing token of this life."),
    },
)
PARTS: dict[str, Schema] = {"Orchestrator": _ORCHESTRATOR}


def _example() -> dict[str, Any]:
    at = 1_790_000_000_000_000
    row = Orchestrator(
        orchestrator_id="router-0",
        status="active",
        health_status="healthy",
        current_load=3,
        max_capacity=2000,
        active_sessions=2,
        session_ids=[],
        partitions=["router/0", "router/1"],
        last_heartbeat=at - 400_000,
        silent_s=0.4,
        instance_info={"service": "router", "host": "worker-1"},
        created_at=at - 3_600_000_000,
        updated_at=at - 3_600_000_000,
        ended="",
        epoch=at - 3_600_000_000,
    )
    return {"at": at, "availability": 1.0, "orchestrators": [_told(row)], "next": None}


ROUTES = [
    Route(
        "GET",
        "/api/orchestrators",
        list_orchestrators,
        "viewer",
        "List the routers and dispatchers",
        answer=record(
            "Those that work, and for an hour those that ended.",
            {
                "at": whole("When this was looked at [µs, UTC]"),
                "availability": or_null(
                    number("Healthy ones, as a share of those that did not stop by their own will; null: none.")
                ),
                "orchestrators": many(ref("Orchestrator"), "By name."),
                "next": NEXT,
            },
        ),
        example=_example,
        parameters=paged(),
        errors=(503,),
    ),
]
