"""What the autoscaler changed, or would have changed, and why."""

from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.following import DECISIONS_MAX
from gateway.server.paging import NEXT, page, paged
from gateway.server.shapes import Schema, event, example, many, record, ref, text

_SHOWN = 100


async def decisions(call: Call) -> Reply:
    agent, kept = call.given["agent"], tuple(call.services.following.decisions)
    of_agent = (one for one in reversed(kept) if agent in (None, one["agent_id"]))
    found, cursor = page(call, list(of_agent), "event_id")
    return Reply({"mode": call.services.settings.scaling, "decisions": found, "next": cursor})


# --- the declarations

PARTS: dict[str, Schema] = {"ScalingDecision": event("scaling_decision")}

ROUTES = [
    Route(
        "GET",
        "/api/fleet/decisions",
        decisions,
        "viewer",
        "Tell what the autoscaler decided, the newest first",
        answer=record(
            "How the autoscaler is set, and its decisions.",
            {
                "mode": text("As the setting `scaling` has it.", enum=["off", "dry_run", "on"]),
                "decisions": many(ref("ScalingDecision"), "The newest first."),
                "next": NEXT,
            },
        ),
        example=lambda: {"mode": "dry_run", "decisions": [example("scaling_decision")], "next": None},
        doc=f"Of the newest {DECISIONS_MAX:,} of all agents; older ones are told by `headway fleet decisions`.",
        parameters=[
            Parameter("agent", "query", text("Only about this agent.", minLength=1, maxLength=200), "code-writer"),
            *paged(_SHOWN, DECISIONS_MAX),
        ],
    ),
]
