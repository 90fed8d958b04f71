"""Finding an agent: what shares a word goes before what sounds alike, and what sounds alike is still found."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.finding import ALIKE_WORTH, TOLD_FROM, Finder, ranked
from infra import embedding
from infra.settings import Settings
from processors.admission import Limits
from processors.meaning import Likeness
from processors.routing import Index
from processors.skills import skill_meant
from tests.support.agents import agent, task

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
    found = ranked(choice("Is this contract binding?"), {"lawyer": 0.4, "cook": 0.9, "helper": 0.1})
    assert [one.agent_id for one in found.agents] == ["lawyer", "cook", "helper"]
    assert "knows contract" in found.agents[0].why
    assert found.agents[1].why == "like it in meaning (0.90)"
    assert (found.agents[2].fit, found.agents[2].why) == (0.0, "nothing of it is its own")


@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in AGENTS}))
def test_the_best_fit_is_first_and_none_is_left_out(near: dict[str, float]) -> None:
    found = ranked(choice("Is this contract binding?"), near).agents
    fits = [one.fit for one in found]
    assert fits == sorted(fits, reverse=True)
    assert {one.agent_id for one in found} == set(AGENTS)
    for one in found:
        assert one.fit >= (ALIKE_WORTH * near[one.agent_id] - 1e-3 if near[one.agent_id] >= TOLD_FROM else 0)


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
