"""Experiments by HTTP, on a broker without a judge: what is told of one from its verdicts, and plans for the next."""

import uuid
from typing import Any

import pytest

from gateway.experiments import in_a_sentence
from gateway.server.routes.planning import ROUTES as PLANNING
from infra import experiments, kafka
from schemas.codec import encode
from schemas.events import Experiment, ExperimentVerdict
from schemas.examples import examples
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Caller, Gateway


@pytest.fixture(scope="session")
def admin(gateway: Gateway) -> Caller:
    return gateway.caller("acme", "admin")


@pytest.fixture
def name(admin: Caller) -> str:
    """Of an experiment that runs."""
    name = f"e-{uuid.uuid4().hex[:8]}"
    asked = {"name": name, "parameter": "balancer", "arms": {"adaptive": "adaptive"}, "traffic": 0.1}
    assert admin.call("POST", "/api/experiments", asked).status == 201
    assert admin.call("POST", f"/api/experiments/{name}/start").status == 200
    return name


def say(gateway: Gateway, name: str, *verdicts: dict[str, Any]) -> None:
    producer = kafka.producer(gateway.services.settings)
    for number, verdict in enumerate(verdicts):
        example = examples("experiment_verdict", 1)[0]
        own = {"experiment": name, "event_id": f"{name}/{number}", "to_at": example["to_at"] + number}
        producer.produce(experiments.VERDICTS, encode("ExperimentVerdict", {**example, **own, **verdict}), name)
    producer.flush(10)


@pytest.mark.e2e
def test_an_experiment_is_told_with_all_its_verdicts_and_without_the_warehouse(
    gateway: Gateway, admin: Caller, name: str
) -> None:
    path = f"/api/experiments/{name}"
    young = as_declared("GET", "/api/experiments/{name}", admin.get(path))
    assert (young["verdict"], young["verdicts"], young["sentence"]) == (None, [], "Nobody has looked at it yet.")
    say(gateway, name, {"verdict": "too few data", "winner": None, "figures": [], "srm_p": None}, {})
    say(gateway, "another", {})
    told = as_declared("GET", "/api/experiments/{name}", admin.get(path))
    assert [verdict["event_id"] for verdict in told["verdicts"]] == [f"{name}/0", f"{name}/1"]
    assert told["verdict"] == told["verdicts"][-1]
    assert told["sentence"].startswith('"adaptive" wins. ')
    ratio = told["sample_ratio"]
    assert (ratio["p"], ratio["alarm"], ratio["units"]) == (0.64, False, {"control": 2610, "adaptive": 2590})
    assert ratio["planned"] == {"control": 0.5, "adaptive": 0.5}
    say(gateway, name, {"verdict": "invalid", "winner": None, "srm_p": 1e-9, "reasons": ["The shares are wrong."]})
    told = admin.get(path)
    assert told["sample_ratio"]["alarm"] is True
    assert told["sentence"] == "Read no effect from this experiment: The shares are wrong."


@pytest.mark.e2e
def test_an_arm_that_a_guardrail_stopped_is_told_with_its_reason(gateway: Gateway, admin: Caller, name: str) -> None:
    def stopped(known: dict[str, Experiment]) -> Experiment:
        one = known[name]
        arms = [{**arm, "stopped": arm["name"] == "adaptive"} for arm in one["arms"]]
        return {**one, "arms": arms, "version": one["version"] + 1, "reason": "worse on wait_ms"}  # type: ignore[typeddict-item]

    made = experiments.change(gateway.services.settings, stopped)
    told = as_declared("GET", "/api/experiments/{name}", admin.get(f"/api/experiments/{name}"))
    assert told["guardrails"]["stopped"] == [{"arm": "adaptive", "at": made["at"], "reason": "worse on wait_ms"}]


@pytest.mark.e2e
def test_a_plan_is_made_of_what_is_typed_so_far_and_changes_nothing(admin: Caller) -> None:
    before = admin.get("/api/experiments")
    asked = {"parameter": "balancer", "arms": {"quick": "adaptive"}, "effect": 0.03, "mode": "fixed"}
    asked |= {"metrics": ["completed:binary"], "baseline": 0.9, "units_a_day": 400}
    told = admin.call("POST", "/api/experiments/plan", asked)
    assert told.status == 200, told
    as_declared("POST", "/api/experiments/plan", told.body)
    assert told.body["needed"] == PLANNING[0].example()["needed"]  # as it is documented
    assert admin.call("POST", "/api/experiments/plan", {}).status == 200
    assert admin.get("/api/experiments") == before
    for wrong, said in (
        ({"metrics": ["nothing"]}, "nothing"),
        ({"arms": {"control": "x"}}, "an arm beside control"),
        ({"split": {"a": 0.5, "control": 0.5}}, "The split names"),
        ({"days": 0}, "days must be more than 0"),
        ({"effect": "much"}, "effect must be number"),
        ({"power": 2}, "power must be at most"),
    ):
        answer = admin.call("POST", "/api/experiments/plan", wrong)
        assert answer.status == 400, wrong
        assert said in answer.body["detail"]


@pytest.mark.parametrize(
    ("over", "verdict", "said"),
    [
        ({"started_at": None}, None, "It has not been started."),
        ({}, {"verdict": "winner", "winner": "control"}, 'Keep "control". '),
        ({}, {"verdict": "mixed", "winner": None}, "Mixed so far. "),
        ({"ended_at": 5}, {"verdict": "no difference shown", "winner": None}, "No difference shown. "),
        ({}, {"verdict": "too few data", "winner": None, "reasons": []}, "Nothing can be said yet: "),
    ],
)
def test_what_an_experiment_says_is_a_sentence(over: Any, verdict: Any, said: str) -> None:
    one: Experiment = {**examples("experiment", 1)[0], "started_at": 1, "ended_at": None, **over}
    spoken: ExperimentVerdict | None = verdict and {**examples("experiment_verdict", 1)[0], **verdict}
    assert in_a_sentence(one, spoken).startswith(said)
