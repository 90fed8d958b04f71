"""The skills: which kinds of work there are, which model each would be given now, who does them, and defining one."""

from typing import Any

from gateway.server.declare import Call, Reply, Route
from gateway.server.defined import STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.services import Services
from gateway.server.shapes import Schema, event, example, fields, many, or_null, record, ref, text
from gateway.skills import SkillRow, skill_rows
from infra.definitions import SKILL

DEFINED = Defined(SKILL, "skill_definition", "SkillDefinition", lambda services: services.registry.skills)


async def list_skills(call: Call) -> Reply:
    shown, cursor = page(call, [row._asdict() for row in _rows(call.services)], "skill")
    return Reply({"skills": shown, "next": cursor})


async def show(call: Call) -> Reply:
    definition = DEFINED.known(call)
    now = next((row._asdict() for row in _rows(call.services) if row.skill == definition["skill"]), None)
    return Reply({"definition": definition, "now": now, "stays": await DEFINED.stays(call)})


def _rows(services: Services) -> list[SkillRow]:
    known = services.registry
    return skill_rows(known.skills, known.agents, services.settings)


# --- the declarations

_SKILL: Schema = record(
    "A skill: as it is defined, and what comes of it.",
    fields("skill_definition", *(name for name in SkillRow._fields if name not in ("agents", "model", "reason")))
    | {
        "agents": many(text(""), "Agents that do it, by name."),
        "model": or_null(text("Model that a task of it is given now; null: the line's default.")),
        "reason": text("Why this model, in words."),
    },
)
PARTS: dict[str, Schema] = {"Skill": _SKILL, "SkillDefinition": event("skill_definition")}


def _example_skill() -> dict[str, Any]:
    definition: Any = example("skill_definition")
    agent: Any = {**example("agent_definition"), "removed": False}
    (row,) = skill_rows({definition["skill"]: definition}, {agent["agent_id"]: agent})
    return row._asdict()


ROUTES = [
    Route(
        "GET",
        "/api/skills",
        list_skills,
        "viewer",
        "List the skills, each with the model it is given now and the agents that do it",
        answer=record("The skills.", {"skills": many(ref("Skill"), "By name."), "next": NEXT}),
        example=lambda: {"skills": [_example_skill()], "next": None},
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/skills/{skill}",
        show,
        "viewer",
        "Tell how a skill is defined",
        answer=record(
            "The skill.",
            {
                "definition": ref("SkillDefinition"),
                "now": {"anyOf": [ref("Skill"), {"type": "null"}]},
                "stays": STAYS,
            },
        ),
        example=lambda: {"definition": example("skill_definition"), "now": _example_skill(), "stays": None},
        parameters=[DEFINED.named],
        errors=(404,),
    ),
    *DEFINED.routes(
        {
            "description": "Checks contracts.",
            "words": ["contract", "clause"],
            "preferred": ["claude-opus-5-5", "claude-sonnet-5-5"],
            "cost_weight": 0.5,
        }
    ),
]
