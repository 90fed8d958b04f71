"""`GET /api/route` on a broker: the router's own decision about a text, with nothing handed in."""

import pytest

from infra import definitions, kafka
from infra.definitions import AGENT, SKILL
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Caller, Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def caller(gateway: Gateway) -> Caller:
    for kind in (AGENT, SKILL):
        definitions.publish(kind, gateway.services.settings)
    registry = gateway.services.registry
    until(lambda: {"code-reviewer", "doc-writer"} <= registry.agents.keys(), 10, "the shipped agents")
    until(lambda: "documentation" in registry.skills, 10, "the shipped skills")
    return gateway.caller("acme", "viewer")


@pytest.mark.parametrize(
    ("query", "skill", "agent_id"),
    [
        ("text=Review+this+pull+request+for+bugs", "code_review", "code-reviewer"),
        ("text=Have+a+look&skill=documentation&priority=1", "documentation", "doc-writer"),
    ],
)
def test_the_decision_about_a_text_is_told_with_its_reasons(
    gateway: Gateway, caller: Caller, query: str, skill: str, agent_id: str
) -> None:
    topics = ("tasks.submitted", "routing.decisions")
    before = [kafka.ends(gateway.services.settings, topic) for topic in topics]
    told = as_declared("GET", "/api/route", caller.get(f"/api/route?{query}"))
    assert (told["skill"], told["agent_id"], told["refusal"]) == (skill, agent_id, None)
    assert told["candidates"][0]["agent_id"] == agent_id
    assert sum(one["propensity"] for one in told["candidates"]) == pytest.approx(1)
    assert told["propensity"] == next(c["propensity"] for c in told["candidates"] if c["agent_id"] == agent_id)
    assert {"skill", "model"} <= {step["step"] for step in told["steps"]}
    assert caller.get(f"/api/route?{query}") == told  # what is left to chance is drawn alike
    assert [kafka.ends(gateway.services.settings, topic) for topic in topics] == before


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Say in text what is to be done"),
        ("?text=", "text has 0 characters"),
        ("?text=%20%0A", "Say in text what is to be done"),
        ("?text=x&priority=11", "priority must be at most 10"),
        ("?text=x&priority=soon", "priority must be integer"),
        ("?text=x&agent=me", 'no parameter "agent"'),
        ("?text=x&text=y", "given twice"),
        (f"?text=x&skill={'s' * 201}", "skill has 201 characters"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(caller: Caller, query: str, said: str) -> None:
    answer = caller.call("GET", f"/api/route{query}")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert said in answer.body["detail"]


def test_nobody_asks_without_a_token(gateway: Gateway) -> None:
    assert gateway.stranger().call("GET", "/api/route?text=x").status == 401
