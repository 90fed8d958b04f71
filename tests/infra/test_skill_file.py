"""Skill files: the shipped ones are fit for use, and what is wrong with one is told with file and line."""

from pathlib import Path

import pytest

from infra.folders import load
from infra.front_matter import BadFile
from infra.skill_file import FORM, SHIPPED
from processors.features import SKILL_WORDS
from processors.pricing import price_listed
from schemas.codec import decode_as, encode

FULL = """---
description: Checking contracts.
category: legal
words: [contract, clause, 契約]
capabilities: [legal_review]
preferred: [claude-opus-5-5, claude-sonnet-5-5]
fallback: [claude-haiku-5-5]
cost_weight: 0.5
performance_weight: 1
---
Why these models.
"""


def test_a_file_says_everything() -> None:
    skill = FORM.parse_text("contract_check", FULL)
    assert skill == {
        "skill": "contract_check",
        "description": "Checking contracts.",
        "category": "legal",
        "words": ["contract", "clause", "契約"],
        "capabilities": ["legal_review"],
        "preferred": ["claude-opus-5-5", "claude-sonnet-5-5"],
        "fallback": ["claude-haiku-5-5"],
        "cost_weight": 0.5,
        "performance_weight": 1.0,
        "removed": False,
        "updated_at": 0,
    }
    assert decode_as("SkillDefinition", encode("SkillDefinition", skill)) == skill


def test_little_is_needed() -> None:
    skill = FORM.parse_text("haiku", "---\ndescription: Short poems.\n---\n")
    assert (skill["cost_weight"], skill["performance_weight"], skill["preferred"]) == (0.3, 0.7, [])


@pytest.mark.parametrize(
    ("front", "line", "says"),
    [
        ("words: [a]", 1, "`description` is missing"),
        ("description: x\nmodel: claude-x", 3, "unknown name `model`. Accepted: description, category"),
        ("description: x\npreferred: claude-x", 3, "a list of models"),
        ("description: x\nwords: [yes]", 3, "in quotes"),
        ("description: x\ncost_weight: 1.5", 3, "a number from 0 to 1"),
        ("description: x\ncost_weight: .nan", 3, "a number from 0 to 1"),
        ("description: x\ncost_weight: true", 3, "a number from 0 to 1"),
        ("description: x\ncost_weight: 0\nperformance_weight: 0", 1, "both 0"),
    ],
)
def test_a_mistake_is_told_with_its_line(front: str, line: int, says: str) -> None:
    with pytest.raises(BadFile, match=says) as told:
        FORM.parse_text("x", f"---\n{front}\n---\n", "x.md")
    assert str(told.value).startswith(f"x.md:{line}:")


@pytest.mark.parametrize("name", ["Code.md", "code-review.md", "_x.md", "x" * 64 + ".md"])
def test_a_file_name_that_is_no_skill_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FULL)
    with pytest.raises(BadFile, match="the file name is the skill's id"):
        load(FORM, tmp_path)


def test_the_shipped_skills_are_the_kinds_that_the_rules_know_with_models_that_have_a_price() -> None:
    shipped = load(FORM, SHIPPED)
    assert shipped.keys() == SKILL_WORDS.keys()
    for skill in shipped.values():
        assert skill["preferred"] and skill["fallback"]
        assert all(map(price_listed, skill["preferred"] + skill["fallback"]))
        assert (skill["cost_weight"], skill["performance_weight"]) == (0.3, 0.7)
        assert not set(skill["preferred"]) & set(skill["fallback"])
