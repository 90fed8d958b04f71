"""What the line would do with a task: the router's own decision, told with what it rests on."""

import json

import pytest

from gateway.deciding import IN_USE, Registries, as_fields, decide
from gateway.server.routes import routing
from gateway.server.shapes import problems
from infra.settings import DEFAULTS
from streams.promoted import Promoted
from streams.router import Routing
from tests.support.agents import agent, pool, skill, task
from tests.support.experiments import running
from tests.support.opinions import ByFirstWord, promoted_record
from tests.support.registries import Known
from tests.support.weighing import weight

AGENTS = (agent("a", "code_review", description="Tax"), agent("b", "code_review", description="Review"))


def known(*agents, models=None, experiments=(), skills=None, pools=None, weights=None):
    return Registries(
        {one["agent_id"]: one for one in agents},
        pools or {},
        skills or {},
        models or {},
        {one["experiment"]: one for one in experiments},
        weights or {},
    )


def decided(text="Review this", of=None, **over):
    return decide(DEFAULTS, of or known(*AGENTS), task(text, **over), ByFirstWord())


@pytest.mark.parametrize("text", ["Review this", "Sing about the sea", "Poems please"])
@pytest.mark.parametrize("over", [{}, {"skill": "poetry"}, {"agent_id": "b"}, {"items": ["x"]}, {"agent_id": "zzz"}])
def test_it_is_what_the_router_would_decide(text, over):
    agents = (*AGENTS, agent("p", "poetry"), agent("other", fallback=True))
    skills = {"poetry": skill("poetry", description="Poems", preferred=["claude-opus-5-5"])}
    pools = {"a": pool("a", completed=7, load_score=20.0)}
    registry = Known(*agents)
    registry.skills, registry.pools = skills, pools
    registry.weights = weights = {"a": weight("a", 0.7), "p": weight("p", 1.3)}
    promoted = Promoted(registry, ByFirstWord)
    promoted.look()
    router = Routing(registry, DEFAULTS, promoted)
    for number in range(5):
        asked = task(text, task_id=str(number), **over)
        (there,) = router.choose([router.enrol(asked)])
        of = known(*agents, skills=skills, pools=pools, weights=weights)
        assert decide(DEFAULTS, of, asked, ByFirstWord()).decision.choice == there


def test_a_model_that_cannot_be_used_is_told_and_the_rules_decide():
    told = decided(of=known(*AGENTS, models={"mlp-1": promoted_record(weights=b"junk")}))
    assert told.model["name"] == "mlp-1"
    assert told.decision.choice.router == "rules/2"
    assert any("mlp-1 cannot be used" in step["reason"] for step in told.decision.choice.steps)


def test_for_programs_it_is_one_document_as_the_api_declares_it():
    arms = [{"name": "control", "value": "rules", "share": 10_000, "stopped": False}]
    compared = running("routers", parameter="routing", layer="routing", arms=arms, unit="task")
    of = known(*AGENTS, models={"mlp-1": promoted_record()}, experiments=(compared,))
    for told in (decided(), decided(of=of), decided(agent_id="a"), decided(agent_id="zzz")):
        fields = json.loads(json.dumps(as_fields(told)))
        assert list(problems(routing.ROUTES[0].answer, fields, routing.PARTS)) == []
    told = as_fields(decided(of=of))
    assert told["exposures"][0]["experiment"] == "routers"
    assert told["in_use"].keys() == set(IN_USE)


def test_the_propensities_of_the_candidates_add_up_to_one():
    told = as_fields(decided())
    assert sum(one["propensity"] for one in told["candidates"]) == pytest.approx(1)
    assert next(one for one in told["candidates"] if one["agent_id"] == told["agent_id"])[
        "propensity"
    ] == pytest.approx(told["propensity"])
