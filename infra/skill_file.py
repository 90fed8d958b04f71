"""Skills as Markdown files: front matter says what points to a kind of work and which models do it well for their cost.

The text below it is for people: why these models, what belongs to the skill and what does not.
"""

import re
from pathlib import Path
from typing import Any, cast

from infra.front_matter import BadFile, Field, Form, are_texts, is_share, is_text
from schemas.events import SkillDefinition

SHIPPED = Path(__file__).parent / "skills"

_LIST = Field([], are_texts, "a list of texts such as [contract, second pair of eyes]; put yes, no, numbers in quotes")
_MODELS = Field([], are_texts, "a list of models such as [claude-sonnet-5-5, claude-haiku-5-5], best suited first")


def _make(skill: str, values: dict[str, Any], body: str) -> SkillDefinition:
    if values["description"] is None:
        raise BadFile("`description` is missing: one sentence on what work of this kind is", 1)
    weights = {name: float(values[name]) for name in ("cost_weight", "performance_weight")}
    if not any(weights.values()):
        raise BadFile(
            "`cost_weight` and `performance_weight` are both 0: then nothing chooses; give one of them more", 1
        )
    return cast(SkillDefinition, {"skill": skill, **values, **weights, "removed": False, "updated_at": 0})


FORM = Form(
    what="skill",
    id=re.compile(r"[a-z0-9][a-z0-9_]{0,62}"),
    id_accepted="1–63 of a–z, 0–9 and _",
    fields={
        "description": Field(None, is_text, "a sentence on what work of this kind is"),
        "category": Field("general", is_text, "a name for skills that belong together, such as engineering"),
        "words": _LIST,
        "capabilities": _LIST,
        "preferred": _MODELS,
        "fallback": _MODELS,
        "cost_weight": Field(0.3, is_share, "a number from 0 to 1"),
        "performance_weight": Field(0.7, is_share, "a number from 0 to 1"),
    },
    make=_make,
)
