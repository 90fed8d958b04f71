"""Skills: which one a text is by words and by meaning, and which model it is given for its quality and cost."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.folders import load
from infra.skill_file import FORM, SHIPPED
from processors.admission import Limits
from processors.features import GENERAL, read, skill_lexicon, skill_of, skill_points
from processors.meaning import Meanings
from processors.pricing import Price
from processors.routing import Index
from processors.skills import TYPICAL_TOKENS, capable, meant, model_for, of_skill
from tests.support.agents import agent, task

NAMES = ["a", "b", "c", "d"]
WEIGHTS = st.floats(0, 1, allow_nan=False)
PRICES = {
    "dear": Price(15_000_000, 75_000_000),
    "middle": Price(3_000_000, 15_000_000),
    "cheap": Price(100_000, 500_000),
}


def skill(**over: Any) -> Any:
    return {
        "skill": "contract_check",
        "description": "Checking contracts.",
        "category": "legal",
        "words": [],
        "capabilities": [],
        "preferred": ["dear", "middle"],
        "fallback": ["cheap"],
        "cost_weight": 0.3,
        "performance_weight": 0.7,
        "removed": False,
        "updated_at": 0,
    } | over


@pytest.mark.parametrize(
    ("named", "own", "settings", "model", "why"),
    [
        ("claude-t", "claude-a", "claude-e", "claude-t", "the task asks for claude-t"),
        (None, "claude-a", "claude-e", "claude-a", "the file of lawyer names claude-a"),
        (None, None, "claude-e", "claude-e", "an experiment tries claude-e"),
        (None, None, None, "dear", "dear for contract_check: 0.7 × quality 1.00 − 0.3 × cost 1.00 = 0.40"),
    ],
)
def test_who_names_a_model_goes_before_the_skill(
    named: str | None, own: str | None, settings: str | None, model: str, why: str
) -> None:
    tried: Any = [{"name": "max_tokens", "value": "9"}]
    tried += [{"name": "model_default", "value": settings}] if settings else []
    chosen = model_for(skill(), task("x") | {"model": named}, agent("lawyer", model=own), PRICES, settings=tried)
    assert chosen.model == model
    assert chosen.reason.startswith(why)


def test_without_a_skill_the_line_chooses() -> None:
    assert model_for(None, task("x"), None, PRICES).model is None


@pytest.mark.parametrize(
    ("over", "paused", "model", "said"),
    [
        ({}, {"dear"}, "middle", "dear is overloaded"),
        (
            {},
            {"dear", "middle"},
            "cheap",
            "cheap stands in for contract_check: dear is overloaded; middle is overloaded",
        ),
        ({"preferred": ["new"]}, set(), "cheap", "new has no price (model_prices gives it one)"),
        ({"preferred": []}, set(), "cheap", "no model is preferred"),
        ({"preferred": [], "fallback": []}, set(), None, "it names none"),
        ({"preferred": ["new"], "fallback": ["newer"]}, set(), None, "new has no price"),
        ({"cost_weight": 1.0}, set(), "middle", "second: dear"),
        ({"preferred": ["dear-20260101", "cheap"]}, set(), "dear-20260101", "second: cheap"),
        ({"preferred": ["dear", "dear", "middle"]}, set(), "dear", "quality 1.00"),
    ],
)
def test_a_model_that_cannot_be_used_gives_way_and_is_named(
    over: Any, paused: Any, model: str | None, said: str
) -> None:
    chosen = of_skill(skill(**over), PRICES, paused)
    assert chosen.model == model
    assert said in chosen.reason


@given(
    st.permutations(NAMES),
    st.fixed_dictionaries({name: st.integers(1, 10**8) for name in NAMES}),
    st.sets(st.sampled_from(NAMES), max_size=3),
    WEIGHTS,
    WEIGHTS,
    WEIGHTS,
)
def test_a_better_model_that_is_no_dearer_never_loses_and_weights_pull_their_way(
    preferred: list[str], prices: dict[str, int], paused: set[str], gain: float, loss: float, more: float
) -> None:
    listed = {name: Price(price, price) for name, price in prices.items()}

    def chosen(gain: float, loss: float) -> str:
        found = of_skill(skill(preferred=preferred, performance_weight=gain, cost_weight=loss), listed, paused)
        assert found.model is not None
        return found.model

    model = chosen(gain, loss)
    assert model not in paused
    better = [other for other in preferred[: preferred.index(model)] if other not in paused]
    assert all(prices[other] > prices[model] for other in better)
    if sum(TYPICAL_TOKENS) * min(prices.values()) > 10**10:  # so dear that rounding up to a micro-dollar hides nothing
        assert prices[chosen(gain, max(loss, more))] <= prices[model] * 1.001
        assert preferred.index(chosen(max(gain, more), loss)) <= preferred.index(model)


@given(st.floats(), st.floats())
def test_weights_that_no_file_would_hold_do_no_harm(gain: float, loss: float) -> None:
    found = of_skill(skill(performance_weight=gain, cost_weight=loss), PRICES)
    assert found.model in ("dear", "middle")


def near(**likeness: float) -> Meanings:
    """Skills with this likeness to the vector (1, 0)."""
    rows = [[value, math.sqrt(1 - value * value)] for value in likeness.values()]
    return Meanings(tuple(likeness), np.array(rows, np.float32).reshape(-1, 2))


@pytest.mark.parametrize(
    ("likeness", "found"),
    [
        ({"law": 0.7, "light": 0.2}, "law"),
        ({"law": 0.2, "light": 0.1}, None),
        ({"law": 0.7, "light": 0.69}, None),
        ({}, None),
    ],
)
def test_a_text_is_of_the_skill_that_it_is_clearly_most_like(likeness: dict[str, float], found: str | None) -> None:
    told = meant(np.array([1, 0], np.float32), near(**likeness))
    assert (told and told.skill) == found
    if told:
        assert "0.70" in told.reason


def test_a_text_of_unknown_words_is_like_nothing() -> None:
    assert meant(np.zeros(2, np.float32), near(law=0.9)) is None
    poisoned = Meanings(("law",), np.full((1, 2), np.nan, np.float32))
    assert meant(np.array([1, 0], np.float32), poisoned) is None


def taken_for(text: str, defined: dict[str, list[str]], own: dict[str, list[str]] | None = None) -> str:
    return skill_of(skill_points(skill_lexicon(own or {}, defined).find(read(text))))


def test_the_words_of_a_skill_point_to_it_and_weaken_none_that_is_known() -> None:
    assert taken_for("Look at this clause", {}) == GENERAL
    assert taken_for("Look at this clause", {"contract_check": ["clause"]}) == "contract_check"
    assert taken_for("Do the contract check", {"contract_check": []}) == "contract_check"
    assert taken_for("Give it a second pair of eyes", {"code_review": ["second pair of eyes"]}) == "code_review"
    known = skill_points(skill_lexicon({}).find(read("Review it")))
    assert skill_points(skill_lexicon({}, {"code_review": ["review"]}).find(read("Review it"))) == known
    both = {"contract_check": ["clause"]}
    assert taken_for("This covenant", both, {"contract_check": ["covenant"]}) == "contract_check"


def test_an_agent_does_a_skill_that_it_names_or_has_every_capability_for() -> None:
    assert capable(skill(), {"contract_check"})
    assert not capable(skill(), {"legal_review"})
    needs = skill(capabilities=["legal_review", "finance"])
    assert capable(needs, {"legal_review", "finance", "light"})
    assert capable(needs, {"contract_check"})
    assert not capable(needs, {"legal_review"})


def test_the_rules_route_by_the_skills_that_are_defined_and_by_meaning_where_no_word_tells() -> None:
    agents = {
        "lawyer": agent("lawyer", "legal_review"),
        "helper": agent("helper", "light", fallback=True),
    }
    defined = {"contract_check": skill(capabilities=["legal_review"], words=["clause"])}
    by_words = Index(agents, Limits(), defined).route(task("Is this clause binding?"), {})
    assert (by_words.agent_id, by_words.skill) == ("lawyer", "contract_check")
    law = near(contract_check=0.8)
    by_meaning = Index(agents, Limits(), defined, lambda text: meant(np.array([1, 0], np.float32), law))
    assert by_meaning.route(task("Do we owe them damages?"), {}).agent_id == "lawyer"
    assert by_meaning.route(task("Translate it, please"), {}).skill == "light"


def test_the_shipped_skills_add_words_and_change_no_plain_task() -> None:
    shipped = {name: one["words"] for name, one in load(FORM, SHIPPED).items()}
    for text, kind in [
        ("Review the login module for security holes", "code_review"),
        ("Write a function that adds numbers", "code_generation"),
        ("Run the unit tests", "test_run"),
        ("Summarise this in three sentences", "light"),
        ("この文書を要約してください", "light"),
    ]:
        assert taken_for(text, shipped) == taken_for(text, {}) == kind
