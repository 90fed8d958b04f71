"""The agents: who there is, who fits some work, and defining one."""

import asyncio
from collections.abc import Collection
from typing import Any

from gateway.finding import Found, ranked
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.defined import STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.routes.fleet import example_row, rows
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
from gateway.submission import task_from
from infra.definitions import AGENT
from processors.admission import Limits
from processors.routing import Index
from schemas.events import AgentDefinition

DEFINED = Defined(AGENT, "agent_definition", "AgentDefinition", lambda services: services.registry.agents)


async def list_agents(call: Call) -> Reply:
    services, words = call.services, call.given["find"]
    known = services.registry
    if words is None:
        named = sorted((one for one in known.agents.copy().values() if not one["removed"]), key=lambda a: a["agent_id"])
        chosen, cursor = page(call, named, "agent_id")
        by_id = await _rows_of(services, [one["agent_id"] for one in chosen])
        return Reply({"agents": [row | _NO_FIT for row in by_id.values()], "next": cursor, "understood": None})
    pools, skills, weights = dict(known.pools), known.skills, known.weights
    found = await services.slow(services.finder.find, words, known.agents, pools, skills, weights)
    fits, cursor = page(call, [one._asdict() for one in found.agents], "agent_id")
    by_id = await _rows_of(services, [fit["agent_id"] for fit in fits])
    told = [by_id[fit["agent_id"]] | _told(fit) for fit in fits if fit["agent_id"] in by_id]
    return Reply({"agents": told, "next": cursor, "understood": understood(found)})


def understood(found: Found) -> dict[str, Any]:
    choice = found.choice
    return {"skill": choice.skill, "agent_id": choice.agent_id, "reason": choice.reason}


_NO_FIT = {"fit": None, "weak": None, "why": None}


def _told(fit: dict[str, Any]) -> dict[str, Any]:
    return {name: fit[name] for name in _NO_FIT}


async def _rows_of(services: Services, wanted: Collection[str]) -> dict[str, dict[str, Any]]:
    """In a thread, for with thousands of agents it takes a while."""
    found = await asyncio.to_thread(rows, services, set(wanted))
    return {row.agent_id: row._asdict() for row in found}


async def show(call: Call) -> Reply:
    agent = DEFINED.known(call)
    told: dict[str, Any] = dict(agent)
    if not call.principal.may("admin"):
        told["prompt"] = None
    load = (await _rows_of(call.services, [agent["agent_id"]])).get(agent["agent_id"])
    return Reply({"definition": told, "now": load and load | _NO_FIT, "stays": await DEFINED.stays(call)})


async def remove(call: Call) -> Reply:
    gone = await DEFINED.remove(call)
    waiting = call.services.registry.pools.get(call.given["agent_id"])
    return Reply(gone.body | {"waiting": waiting["waiting"] if waiting else 0})


# --- the declarations

_DEFINED = ("agent_id", "description", "role", "capabilities", "runner", "instances")
_LOAD = ("waiting", "waiting_max", "running", "slots", "completed", "failed", "mean_response_ms", "error_rate")
_AGENT: Schema = record(
    "An agent: as it is defined, and as it is loaded.",
    fields("agent_definition", *_DEFINED)
    | {
        "model": text("The model that its file names, else the line's default, which a task's skill goes before."),
        "instances_live": whole("Instances that a host named within the lease."),
        "hosts": many(text(""), "Hosts that run it."),
    }
    | fields("pool_status", *_LOAD, "load_score")
    | {
        "asked": {
            "anyOf": [ref("AgentDesired"), {"type": "null"}],
            "description": "What a person or the autoscaler asked for last; null: its file says how many.",
        },
        "weight": {
            "anyOf": [ref("AgentWeight"), {"type": "null"}],
            "description": "How much it is preferred, and why; null: as much as others, for nothing was reckoned yet.",
        },
        "fit": or_null(number("How well it suits the words of `find`, 0 to 1; null without them.")),
        "weak": or_null(flag("Whether it is no more than faintly like these words, which may be chance.")),
        "why": or_null(text("What that is made of, in words; null without `find`.")),
    },
)
_DEFINITION: Schema = event("agent_definition")
PARTS: dict[str, Schema] = {
    "Agent": _AGENT,
    "AgentDefinition": _DEFINITION
    | {"properties": _DEFINITION["properties"] | {"prompt": or_null(_DEFINITION["properties"]["prompt"])}},
}


UNDERSTOOD: Schema = {
    "anyOf": [
        record(
            "What the router's rules would do with a task of the words of `find`.",
            {
                "skill": text("Kind of work that they mean."),
                "agent_id": or_null(text("Agent that would get it; null: none.")),
                "reason": text("Why, in words."),
            },
        ),
        {"type": "null"},
    ]
}
FIND = Parameter(
    "find",
    "query",
    text("Words of the work to be done.", minLength=1, maxLength=2000, pattern=r"\S"),
    "Review this pull request",
)


def _example_agent() -> dict[str, Any]:
    return example_row() | _NO_FIT


def _example_found() -> dict[str, Any]:
    definition: AgentDefinition = {**example("agent_definition"), "removed": False}  # type: ignore[typeddict-item]
    limits = Limits(10_000, 10)
    task = task_from({"text": "Review this pull request", "task_id": "find"}, 0, limits=limits)
    found = ranked(
        Index({definition["agent_id"]: definition}, limits).route(task, {}), {definition["agent_id"]: 0.62}, {}
    )
    return {"agents": [example_row() | _told(found.agents[0]._asdict())], "next": None, "understood": understood(found)}


ROUTES = [
    Route(
        "GET",
        "/api/agents",
        list_agents,
        "viewer",
        "List the agents with their load, or find the one for some work",
        answer=record(
            "The agents.",
            {
                "agents": many(ref("Agent"), "By name; with `find` the best first."),
                "next": NEXT,
                "understood": UNDERSTOOD,
            },
        ),
        example=_example_found,
        doc="`find` asks the rules that route tasks (kind of work, keywords, perspectives, experience, load) and looks "
        "for agents like it in meaning: `fit` is the rules' score, or half the likeness where that is more.",
        parameters=[
            FIND,
            *paged(),
        ],
    ),
    Route(
        "GET",
        "/api/agents/{agent_id}",
        show,
        "viewer",
        "Tell how an agent is defined",
        answer=record(
            "The agent.",
            {
                "definition": ref("AgentDefinition"),
                "now": {"anyOf": [ref("Agent"), {"type": "null"}]},
                "stays": STAYS,
            },
        ),
        example=lambda: {"definition": plain(example("agent_definition")), "now": _example_agent(), "stays": None},
        doc="The prompt is told to admins only.",
        parameters=[DEFINED.named],
        errors=(404,),
    ),
    *DEFINED.routes(
        {"description": "Checks contracts.", "capabilities": ["legal_review"], "prompt": "You check …"},
        remove,
        {"waiting": whole("Tasks that stay in its queue: cancel them, or hand them in anew.")},
        {"waiting": 0},
    ),
]
