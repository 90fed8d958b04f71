"""Skills as a person wants to see them: what is defined, who does it, which model it is given. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from infra.settings import Settings
from processors.pricing import with_own
from processors.routing import skill_name
from processors.skills import capable, of_skill
from schemas.events import AgentDefinition, SkillDefinition


class SkillRow(NamedTuple):
    skill: str
    description: str
    category: str
    words: list[str]
    capabilities: list[str]
    preferred: list[str]
    fallback: list[str]
    cost_weight: float
    performance_weight: float
    updated_at: int
    agents: list[str]
    """Those that do it and have instances."""
    model: str | None
    """That a task of it is given now, when nothing else names one; null: the line's default."""
    reason: str


def skill_rows(
    skills: Mapping[str, SkillDefinition], agents: Mapping[str, AgentDefinition], settings: Settings | None = None
) -> list[SkillRow]:
    """By name."""
    prices = with_own(settings.model_prices if settings else {})
    rows = []
    for _, skill in sorted(skills.items()):
        able = sorted(
            agent_id
            for agent_id, agent in agents.items()
            if agent["instances"] > 0 and capable(skill, set(map(skill_name, agent["capabilities"])))
        )
        chosen = of_skill(skill, prices)
        told = {field: skill[field] for field in SkillRow._fields if field in skill}  # type: ignore[literal-required]
        rows.append(SkillRow(**told, agents=able, model=chosen.model, reason=chosen.reason))
    return rows


def nobody_has(skill: str, agents: Iterable[Mapping[str, Any]], skills: Iterable[Mapping[str, Any]]) -> str | None:
    """What to say to who asks for a skill that no agent has; null where one has it."""
    able = [set(map(skill_name, agent["capabilities"])) for agent in agents]
    defined = {one["skill"] for one in skills if any(capable(cast(SkillDefinition, one), can) for can in able)}
    known = defined.union(*able)
    if skill_name(skill) in known:
        return None
    return f"No agent has the skill {skill}, so a fallback takes it; there are {', '.join(sorted(known)) or 'none'}."
