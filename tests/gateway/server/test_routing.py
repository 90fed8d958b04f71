"""`GET /api/route` on a broker: the router's own decision about a text, with nothing handed in."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import headway
from infra import definitions, kafka
from infra.definitions import AGENT, SKILL
from infra.settings import as_env
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


TEXT = "Review this pull request for bugs"


def routed(gateway: Gateway, *words: str, text: str = TEXT, **over: str) -> Result:
    """`headway route` in a shell whose settings are not those of the line."""
    env = as_env(gateway.services.settings) | {"HEADWAY_EXPLORE": "0.4"} | over
    done = CliRunner().invoke(headway, ["route", text, *words], env=env)
    assert done.exit_code == 0, done.output
    return done


def exploration(told: Any) -> str:
    """What a decision says of it, which a setting rules."""
    return next(str(step["reason"]) for step in told["steps"] if step["step"] == "exploration")


def at(gateway: Gateway, token: str) -> dict[str, str]:
    return {"HEADWAY_GATEWAY_URL": f"http://127.0.0.1:{gateway.port}", "HEADWAY_GATEWAY_TOKEN": token}


def test_the_command_tells_what_the_gateway_tells_whatever_the_settings_of_the_shell(
    gateway: Gateway, caller: Caller
) -> None:
    there = at(gateway, gateway.token("acme", "viewer"))
    told = routed(gateway, "--json", **there)
    asked = caller.get("/api/route?text=Review+this+pull+request+for+bugs")
    assert json.loads(told.stdout) == asked and not told.stderr
    assert exploration(asked).startswith("5% of the tasks of this kind")
    words = ("--agent", "doc-writer", "--id", "t-1", "--session", "s-1", "--model", "claude-haiku-5-5")
    named = json.loads(routed(gateway, *words, "--json", **there).stdout)
    assert (named["agent_id"], named["model"]) == ("doc-writer", "claude-haiku-5-5")
    assert "code-reviewer\n" in routed(gateway, **there).stdout
    unknown = "No agent has the skill nosuch, so a fallback takes it; there are code_"
    assert unknown in routed(gateway, "--skill", "nosuch", **there).stderr
    assert not routed(gateway, "--skill", "code-review", "--json", **there).stderr


@pytest.mark.parametrize("why", ["no gateway", "a bad token", "items", "a long text"])
def test_where_the_gateway_does_not_answer_the_command_says_that_the_settings_of_the_shell_decide(
    gateway: Gateway, caller: Caller, why: str
) -> None:
    token = "hw_secret" if why == "a bad token" else gateway.token("acme", "viewer")
    over = {} if why == "no gateway" else at(gateway, token)
    more, text = ["--item", "one"] if why == "items" else [], TEXT * 300 if why == "a long text" else TEXT
    told = routed(gateway, "--json", *more, text=text, **over)
    assert told.stderr.startswith("This is decided with the settings of this shell") and token not in told.stderr
    assert len(told.stderr.splitlines()) == 1
    if why != "items":
        assert exploration(json.loads(told.stdout)).startswith("40% of the tasks of this kind")


def test_a_skill_that_nobody_has_is_remarked_without_a_gateway_too(gateway: Gateway, caller: Caller) -> None:
    assert "No agent has the skill nosuch, so a fallback" in routed(gateway, "--skill", "nosuch").stderr


def test_nobody_asks_without_a_token(gateway: Gateway) -> None:
    assert gateway.stranger().call("GET", "/api/route?text=x").status == 401
