"""The skills: which kinds of work there are, which model each would be given now, who does them, and defining one."""

from typing import Any

from gateway.finding import SkillFit
from gateway.server.declare import Call, Reply, Route
from gateway.server.defined import STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.routes.agents import FIND, UNDERSTOOD, understood
from gateway.server.services import Services
from gateway.server.shapes import Schema, event, example, fields, flag, many, number, or_null, record, ref, text
from gateway.skills import SkillRow, skill_rows
from infra.definitions import SKILL

DEFINED = Defined(SKILL, "skill_definition", "SkillDefinition", lambda services: services.registry.skills)


async def list_skills(call: Call) -> Reply:
    services, words = call.services, call.given["find"]
    rows = {row.skill: row._asdict() for row in _rows(services)}
    if words is None:
        shown, cursor = page(call, [row | _NO_FIT for row in rows.values()], "skill")
        return Reply({"skills": shown, "next": cursor, "understood": None})
    known = services.registry
    pools, skills, weights = dict(known.pools), known.skills, known.weights
    found = await services.slow(services.finder.find, words, known.agents, pools, skills, weights)
    told, cursor = page(call, [rows[one.skill] | _told(one) for one in found.skills if one.skill in rows], "skill")
    return Reply({"skills": told, "next": cursor, "understood": understood(found)})


_NO_FIT = {"likeness": None, "weak": None, "why": None}


def _told(one: SkillFit) -> dict[str, Any]:
    return {"likeness": one.likeness, "weak": one.weak, "why": one.why}


async def show(call: Call) -> Reply:
    definition = DEFINED.known(call)
    now = next((row._asdict() for row in _rows(call.services) if row.skill == definition["skill"]), None)
    return Reply({"definition": definition, "now": now and now | _NO_FIT, "stays": await DEFINED.stays(call)})


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
        "likeness": or_null(number("How like the words of `find` it is in meaning, 0 to 1; null without them.")),
        "weak": or_null(flag("Whether it is no more than faintly like these words, which may be chance.")),
        "why": or_null(text("Why it stands where it stands, in words; null without `find`.")),
    },
)
PARTS: dict[str, Schema] = {"Skill": _SKILL, "SkillDefinition": event("skill_definition")}


def _example_skill() -> dict[str, Any]:
    definition: Any = example("skill_definition")
    agent: Any = {**example("agent_definition"), "removed": False}
    (row,) = skill_rows({definition["skill"]: definition}, {agent["agent_id"]: agent})
    return row._asdict() | _told(SkillFit(row.skill, 0.41, False, "like it in meaning (0.41)"))


def _example_found() -> dict[str, Any]:
    skill = _example_skill()
    meant = {
        "skill": skill["skill"],
        "agent_id": skill["agents"][0] if skill["agents"] else None,
        "reason": "its words",
    }
    return {"skills": [skill], "next": None, "understood": meant}


ROUTES = [
    Route(
        "GET",
        "/api/skills",
        list_skills,
        "viewer",
        "List the skills with the model each is given now and the agents that do it, or find the one for some work",
        answer=record(
            "The skills.",
            {
                "skills": many(ref("Skill"), "By name; with `find` the best first."),
                "next": NEXT,
                "understood": UNDERSTOOD,
            },
        ),
        example=_example_found,
        doc="`find` puts the one first that the router takes such a task for, then those that are like it in meaning.",
        parameters=[FIND, *paged()],
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
