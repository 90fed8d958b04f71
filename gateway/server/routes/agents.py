"""The agents and what they are doing: definitions, pools, hosts."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway import defining
from gateway.fleet import AgentRow, agent_rows
from gateway.sending import now_us
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.problems import Problem, sentence
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
    problems,
    record,
    ref,
    text,
    whole,
)
from gateway.submission import task_from
from infra.agent_file import FIELDS, ID, BadAgentFile
from processors.admission import Limits
from processors.routing import Choice, Index
from schemas.events import AgentDefinition, Candidate

READ_BACK_S = 3.0
"""How long a change may take to come back from its topic until it is answered all the same."""


async def list_agents(call: Call) -> Reply:
    rows = [row._asdict() for row in _rows(call.services)]
    words = call.given["find"]
    if words is None:
        return Reply({"agents": [row | {"fit": None, "why": None} for row in rows], "understood": None})
    choice = _choice(call.services, words)
    suits = {one["agent_id"]: one for one in choice.candidates}
    told = [row | _fit(row["agent_id"], suits) for row in rows]
    told.sort(key=lambda row: (-row["fit"], row["agent_id"] != choice.agent_id, row["agent_id"]))
    understood = {"skill": choice.skill, "agent_id": choice.agent_id, "reason": choice.reason}
    return Reply({"agents": told, "understood": understood})


async def show(call: Call) -> Reply:
    agent = _agent(call)
    told: dict[str, Any] = dict(agent)
    if not call.principal.may("admin"):
        told["prompt"] = None
    load = next((row._asdict() for row in _rows(call.services) if row.agent_id == agent["agent_id"]), None)
    return Reply({"definition": told, "now": load and load | {"fit": None, "why": None}})


async def markdown(call: Call) -> Reply:
    return Reply(await call.services.slow(defining.file_text, call.services.settings, _agent(call)))


async def check(call: Call) -> Reply:
    try:
        definition = defining.checked(call.body.get("agent_id", "agent"), call.body["markdown"])
    except BadAgentFile as error:
        return Reply({"definition": None, "problems": [{"line": error.line, "said": error.said}]})
    return Reply({"definition": definition, "problems": []})


async def define(call: Call) -> Reply:
    services, agent_id, body = call.services, call.given["agent_id"], call.body
    is_file = isinstance(body, dict) and "markdown" in body
    for problem in problems(_FILE if is_file else _FIELDS, body, services.parts):
        raise Problem(400, sentence(problem))
    body = dict(body)
    known = services.registry.agents.get(agent_id)
    seen = body.pop("updated_at", None)
    if seen is not None and seen != (known["updated_at"] if known else 0):
        raise Problem(409, "Somebody else has changed this agent meanwhile: look at it again, then send yours anew.")
    if body.pop("agent_id", agent_id) != agent_id:
        raise Problem(400, "agent_id is another than that of the address; an agent keeps its name.")
    body.pop("removed", None)
    try:
        text_of = body["markdown"] if is_file else defining.markdown_of(body)
        made = await services.slow(defining.define, services.settings, known, agent_id, text_of)
    except BadAgentFile as error:
        where = f"line {error.line}: " if error.line is not None and is_file else ""
        line = {"line": error.line} if where else {}
        raise Problem(400, sentence(where + error.said), **line) from error
    return Reply(await _followed(services, agent_id, lambda now: now is not None and _same(now, made)))


async def remove(call: Call) -> Reply:
    services, known = call.services, _agent(call)
    gone = await services.slow(defining.remove, services.settings, known)
    now = await _followed(services, known["agent_id"], lambda now: (now is None) if gone else now is not known)
    waiting = services.registry.pools.get(known["agent_id"])
    return Reply({"agent_id": known["agent_id"], "definition": now, "waiting": waiting["waiting"] if waiting else 0})


def _agent(call: Call) -> AgentDefinition:
    agent = call.services.registry.agents.get(call.given["agent_id"])
    if agent is None:
        raise Problem(404, "There is no agent of this name; GET /api/agents lists them.")
    return agent


async def _followed(
    services: Services, agent_id: str, so: Callable[[AgentDefinition | None], bool]
) -> AgentDefinition | None:
    """What is known of the agent once a change has been read back, so that whoever made it sees it at the next look."""
    until = time.monotonic() + READ_BACK_S
    while not so(services.registry.agents.get(agent_id)) and time.monotonic() < until:  # noqa: ASYNC110  a thread
        await asyncio.sleep(0.01)
    return services.registry.agents.get(agent_id)


def _same(one: AgentDefinition, other: AgentDefinition) -> bool:
    return {**one, "updated_at": 0} == {**other, "updated_at": 0}


def _choice(services: Services, words: str) -> Choice:
    """What the router's rules would do with a task of these words."""
    settings = services.settings
    limits = Limits(settings.text_bytes_max, settings.items_max)
    task = task_from({"text": words, "task_id": "find"}, now_us(), limits=limits)
    return Index(services.registry.agents, limits).route(task, services.registry.pools)


def _fit(agent_id: str, suits: Mapping[str, Candidate]) -> dict[str, Any]:
    one = suits.get(agent_id)
    return {"fit": one["score"], "why": one["reason"]} if one else {"fit": 0.0, "why": "none of these words is its own"}


async def fleet(call: Call) -> Reply:
    services = call.services
    since = _heard_since(services)
    rows = _rows(services)
    beats = [beat for beat in _beats(services) if beat["at"] >= since]
    return Reply(
        {
            "at": now_us(),
            "instances_live": sum(row.instances_live for row in rows),
            "instances": sum(row.instances for row in rows),
            "running": sum(row.running for row in rows),
            "slots": sum(row.slots for row in rows),
            "waiting": sum(row.waiting for row in rows),
            "waiting_max": sum(row.waiting_max for row in rows),
            "pools": [plain(dict(pool)) for _, pool in sorted(services.registry.pools.items())],
            "hosts": _hosts(beats),
        }
    )


def _rows(services: Services) -> list[AgentRow]:
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

_DEFINED = ("agent_id", "description", "role", "capabilities", "runner", "instances")
_LOAD = ("waiting", "waiting_max", "running", "slots", "completed", "failed", "mean_response_ms", "error_rate")
_AGENT: Schema = record(
    "An agent: as it is defined, and as it is loaded.",
    fields("agent_definition", *_DEFINED)
    | {
        "model": text("The model that answers for it: its own, else the line's."),
        "instances_live": whole("Instances that a host named within the lease."),
        "hosts": many(text(""), "Hosts that run it."),
    }
    | fields("pool_status", *_LOAD, "load_score")
    | {
        "fit": or_null(number("How well it suits the words of `find`, 0 to 1; null without them.")),
        "why": or_null(text("What that is made of, in words; null without `find`.")),
    },
)
_DEFINITION: Schema = event("agent_definition")
_MARKDOWN = text("Its file, as docs/agents.md tells: front matter and prompt.", maxLength=300_000)
_SEEN = whole("`updated_at` as it was when you looked: who changed it since then is not overwritten.", minimum=0)
_FILE = record("The file.", {"markdown": _MARKDOWN, "updated_at": _SEEN}, optional=("updated_at",))
_FIELDS = record(
    "The fields; what is left out or null is up to the line.",
    {
        name: or_null(schema)
        for name, schema in fields("agent_definition", *FIELDS, "prompt", "agent_id", "removed").items()
    }
    | {"updated_at": _SEEN},
    optional=(*FIELDS, "prompt", "agent_id", "removed", "updated_at"),
)
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
PARTS: dict[str, Schema] = {
    "Agent": _AGENT,
    "AgentDefinition": _DEFINITION
    | {"properties": _DEFINITION["properties"] | {"prompt": or_null(_DEFINITION["properties"]["prompt"])}},
    "PoolStatus": event("pool_status"),
    "Host": _HOST,
}


def _example_agent() -> dict[str, Any]:
    definition: dict[str, Any] = {**example("agent_definition"), "removed": False}
    beat = example("agent_heartbeat")
    status = {**example("pool_status"), "agent_id": definition["agent_id"]}
    beats = [{**beat, "agent_id": definition["agent_id"]}]
    (row,) = agent_rows([definition], [status], beats, heard_since_us=beat["at"], model_default="claude-sonnet-5-5")
    return row._asdict() | {"fit": None, "why": None}


def _example_found() -> dict[str, Any]:
    definition: AgentDefinition = {**example("agent_definition"), "removed": False}  # type: ignore[typeddict-item]
    limits = Limits(10_000, 10)
    task = task_from({"text": "Review this pull request", "task_id": "find"}, 0, limits=limits)
    choice = Index({definition["agent_id"]: definition}, limits).route(task, {})
    row = _example_agent() | _fit(definition["agent_id"], {one["agent_id"]: one for one in choice.candidates})
    understood = {"skill": choice.skill, "agent_id": choice.agent_id, "reason": choice.reason}
    return {"agents": [row], "understood": understood}


def _example_file() -> str:
    return defining.markdown_of(example("agent_definition"))


def _example_fleet() -> dict[str, Any]:
    row, beat = _example_agent(), example("agent_heartbeat")
    totals = ("instances_live", "instances", "running", "slots", "waiting", "waiting_max")
    return (
        {"at": beat["at"]}
        | {name: row[name] for name in totals}
        | {"pools": [plain(example("pool_status"))], "hosts": _hosts([beat])}
    )


_ID = Parameter("agent_id", "path", text("an agent's name", maxLength=200), example("agent_definition")["agent_id"])
_NEW_ID = Parameter("agent_id", "path", text("an agent's name", pattern=f"^{ID.pattern}$"), _ID.example)

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
                "understood": {
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
                },
            },
        ),
        example=_example_found,
        doc="`find` asks the rules that route tasks: by kind of work, keywords, perspectives, experience and load.",
        parameters=[
            Parameter(
                "find",
                "query",
                text("Words of the work to be done.", minLength=1, maxLength=2000, pattern=r"\S"),
                "Review this pull request",
            )
        ],
    ),
    Route(
        "POST",
        "/api/agents/check",
        check,
        "admin",
        "Tell what an agent's file defines, or what is wrong with it, without keeping it",
        answer=record(
            "The definition, or the problem.",
            {
                "definition": {"anyOf": [ref("AgentDefinition"), {"type": "null"}]},
                "problems": many(
                    record(
                        "A problem.",
                        {
                            "line": or_null(whole("Line of the file, from 1; null: the file as a whole.")),
                            "said": text("What is wrong, and what is accepted."),
                        },
                    ),
                    "None: it can be used.",
                ),
            },
        ),
        example=lambda: {"definition": {**example("agent_definition"), "updated_at": 0}, "problems": []},
        body=record(
            "The file.", {"markdown": _MARKDOWN, "agent_id": text("Its name.", maxLength=63)}, optional=("agent_id",)
        ),
        body_examples=lambda: {"a file": {"markdown": _example_file()}},
    ),
    Route(
        "GET",
        "/api/agents/{agent_id}",
        show,
        "viewer",
        "Tell how an agent is defined",
        answer=record(
            "The agent.",
            {"definition": ref("AgentDefinition"), "now": {"anyOf": [ref("Agent"), {"type": "null"}]}},
        ),
        example=lambda: {"definition": plain(example("agent_definition")), "now": _example_agent()},
        doc="The prompt is told to admins only.",
        parameters=[_ID],
        errors=(404,),
    ),
    Route(
        "PUT",
        "/api/agents/{agent_id}",
        define,
        "admin",
        "Define an agent, or change it",
        answer=ref("AgentDefinition"),
        example=lambda: example("agent_definition"),
        doc="It works as soon as the line has read it, within seconds. The file is kept in the state folder, or where "
        "`agents_dir` has one of this name, so that it is still there after the next start.",
        parameters=[_NEW_ID],
        body={"anyOf": [_FILE, _FIELDS]},
        body_checked_by_handler=True,
        body_examples=lambda: {
            "fields": {"description": "Checks contracts.", "capabilities": ["legal_review"], "prompt": "You check …"},
            "a file": {"markdown": _example_file()},
        },
        errors=(409,),
    ),
    Route(
        "DELETE",
        "/api/agents/{agent_id}",
        remove,
        "admin",
        "Take an agent out",
        answer=record(
            "It is gone.",
            {
                "agent_id": text("Its name."),
                "definition": {
                    "anyOf": [ref("AgentDefinition"), {"type": "null"}],
                    "description": "What works under this name again, where one is shipped; null: nothing.",
                },
                "waiting": whole("Tasks that stay in its queue: cancel them, or hand them in anew."),
            },
        ),
        example=lambda: {"agent_id": _ID.example, "definition": None, "waiting": 0},
        doc="For those that were made here, and programs that are gone; as `headway agents remove`.",
        parameters=[_ID],
        errors=(404, 409),
    ),
    Route(
        "GET",
        "/api/agents/{agent_id}/markdown",
        markdown,
        "admin",
        "Tell an agent's definition as a file",
        answer=text("Front matter and prompt, as docs/agents.md tells."),
        example=_example_file,
        parameters=[_ID],
        errors=(404,),
        media_type="text/markdown",
    ),
    Route(
        "GET",
        "/api/fleet",
        fleet,
        "viewer",
        "Tell how the whole line is loaded",
        answer=record(
            "The line: totals over its agents, every pool, every host.",
            {
                "at": whole("When this was looked at [µs, UTC]"),
                "instances_live": whole("Live instances."),
                "instances": whole("Instances as defined."),
                "running": whole("Tasks that run."),
                "slots": whole("Slots of live instances."),
                "waiting": whole("Tasks that wait."),
                "waiting_max": whole("Most tasks that may wait."),
                "pools": many(ref("PoolStatus"), "By name."),
                "hosts": many(ref("Host"), "By name; those heard of within the lease."),
            },
        ),
        example=_example_fleet,
    ),
]
