"""Finding an agent: what shares a word goes before what sounds alike, and what sounds alike is still found."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.finding import ALIKE_WORTH, FAINT_BELOW, Finder, ranked
from infra import embedding
from infra.settings import Settings
from processors.admission import Limits
from processors.meaning import Likeness
from processors.routing import Index
from processors.skills import skill_meant
from tests.support.agents import agent, skill, task

AGENTS = {
    "lawyer": agent("lawyer", "legal_review", keywords=["contract"], description="Reads contracts and agreements."),
    "cook": agent("cook", "cooking", keywords=["soup"], description="Writes recipes and plans meals."),
    "helper": agent("helper", "light", fallback=True, description="Does small things."),
}


class Counting:
    """An embedder whose axes are a few words; counts what it is asked."""

    name, size = "axes", 2
    axes = ({"contract", "contracts", "agreements", "deal"}, {"recipes", "meals", "dinner", "soup"})

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Any) -> Any:
        self.asked += texts
        words = [set(re.findall(r"\w+", text.lower())) for text in texts]
        rows = np.array([[len(each & axis) for axis in self.axes] for each in words], np.float32).reshape(-1, 2)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


def choice(words: str) -> Any:
    return Index(AGENTS, Limits()).route(task(words), {})


def test_what_only_sounds_alike_is_found_behind_what_shares_a_word() -> None:
    found = ranked(choice("Is this contract binding?"), {"lawyer": 0.4, "cook": 0.9, "helper": 0.0}, {})
    assert [one.agent_id for one in found.agents] == ["lawyer", "cook", "helper"]
    assert "knows contract" in found.agents[0].why
    assert found.agents[1].why == "like it in meaning (0.90)"
    assert (found.agents[2].fit, found.agents[2].why) == (0.0, "nothing of it is its own")


@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in AGENTS}))
def test_the_best_fit_is_first_and_none_is_left_out(near: dict[str, float]) -> None:
    found = ranked(choice("Is this contract binding?"), near, {}).agents
    fits = [one.fit for one in found]
    assert fits == sorted(fits, reverse=True)
    assert {one.agent_id for one in found} == set(AGENTS)
    for one in found:
        assert one.fit >= ALIKE_WORTH * near[one.agent_id] - 1e-3


def test_what_is_only_faintly_alike_is_ranked_by_it_too_and_said_to_be_weak() -> None:
    found = ranked(choice("put this into french"), {"lawyer": 0.02, "cook": 0.15, "helper": 0.08}, {}).agents
    others = [one for one in found if one.agent_id != "helper"]
    assert [one.agent_id for one in others] == ["cook", "lawyer"]
    assert [one.fit for one in others] == [0.075, 0.01]
    assert all(one.weak and "only faintly like it" in one.why for one in others)
    assert not next(one for one in found if one.agent_id == "helper").weak, "it takes what nobody else does"


@given(st.dictionaries(st.sampled_from(["cooking", "law", "light"]), st.floats(0, 1)))
def test_skills_are_ranked_by_likeness_behind_the_one_that_the_router_takes_the_words_for(
    near: dict[str, float],
) -> None:
    found = ranked(dataclasses.replace(choice("Is this contract binding?"), skill="law"), {}, near).skills
    assert {one.skill for one in found} == set(near)
    others = [one for one in found if one.skill != "law"]
    assert "law" not in near or found[0].skill == "law"
    assert [one.likeness for one in others] == sorted((one.likeness for one in others), reverse=True)
    assert all(one.weak == (one.likeness < FAINT_BELOW) for one in others)


def test_a_skill_is_found_by_meaning_where_no_word_of_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "load", lambda name: Counting())
    skills = {
        "law": skill("law", description="Reads agreements."),
        "kitchen": skill("kitchen", description="Plans meals."),
    }
    best = Finder(Settings()).find("What is for dinner?", AGENTS, {}, skills, {}).skills[0]
    assert (best.skill, best.weak) == ("kitchen", False)


def test_an_agent_is_embedded_again_only_when_what_is_said_of_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counting()
    monkeypatch.setattr(embedding, "load", lambda name: made)
    finder = Finder(Settings())
    best = finder.find("What is for dinner?", AGENTS, {}, {}, {}).agents[0]
    assert (best.agent_id, best.fit) == ("cook", ALIKE_WORTH)
    made.asked.clear()
    changed = AGENTS | {"cook": AGENTS["cook"] | {"description": "Counts calories of meals."}}
    finder.find("What is for dinner?", changed, {}, {}, {})
    assert [text for text in made.asked if text.startswith(("Reads", "Does"))] == []
    assert any("calories" in text for text in made.asked)


def test_without_agents_or_skills_nobody_is_found() -> None:
    made = Counting()
    assert Likeness(made).meanings({}).near(np.ones(2, np.float32)) == []
    assert skill_meant(made, {})("dinner") is None
