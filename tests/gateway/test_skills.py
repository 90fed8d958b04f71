"""What is said of a skill that somebody asks for."""

import pytest

from gateway.skills import nobody_has
from tests.support.agents import agent, skill

AGENTS = [agent("a", "code_review", "Legal Review"), agent("b", "light")]
SKILLS = [skill("contracts", capabilities=["legal_review"]), skill("poetry", capabilities=["rhyme"])]


@pytest.mark.parametrize("asked", ["code_review", "Code Review", "legal-review", "contracts"])
def test_a_skill_that_an_agent_names_or_is_able_to_do_is_no_matter(asked):
    assert nobody_has(asked, AGENTS, SKILLS) is None


def test_a_skill_that_nobody_has_is_told_with_those_there_are():
    there = "there are code_review, contracts, legal_review, light."
    assert nobody_has("poetry", AGENTS, SKILLS) == f"No agent has the skill poetry, so a fallback takes it; {there}"
    assert str(nobody_has("x", [], [])).endswith("there are none.")
