"""The router's desk: one decision an id, and nothing that could not travel."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from infra.settings import DEFAULTS
from processors.admission import TASK_BYTES_MAX
from processors.learning.learned import Made
from schemas.codec import BadMessage, decode_as, encode
from streams.promoted import Promoted
from streams.router import LOG, RouteDesk, Routing
from tests.support.agents import agent
from tests.support.experiments import running
from tests.support.opinions import Alike, ByFirstWord, promoted_record
from tests.support.registries import Known
from tests.support.weighing import weight
from tests.support.world import submission


def desk(remembered_max: int = 10, known: Known | None = None, promoted: Promoted | None = None) -> RouteDesk:
    known = known or Known(agent("writer", fallback=True))
    router = Routing(known, DEFAULTS, promoted or Promoted(known, ByFirstWord))  # type: ignore[arg-type]
    return RouteDesk(router, remembered_max)


def submit(target: RouteDesk, task_id: str, **over: Any) -> list[Any]:
    target.handle("tasks.submitted", encode("TaskSubmitted", submission(task_id, **over)), 1)
    return target.take(1)


def test_an_id_handed_in_again_gets_no_second_decision_also_after_a_crash():
    before = desk()
    written = submit(before, "a")
    assert [w.topic for w in written] == ["routing.decisions", LOG]
    assert submit(before, "a", agent_id="writer") == []
    after = desk()
    after.restore({w.key: w.value for w in written if w.topic == LOG}, 1)
    assert submit(after, "a") == []


def test_decisions_are_counted_by_agent_and_refusals_apart():
    def counted() -> list[float]:
        names = [("headway_decisions_total", {"agent_id": "writer"}), ("headway_unroutable_total", {})]
        return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in names]

    target, before = desk(), counted()
    submit(target, "fit")
    submit(target, "unfit", agent_id="nobody")
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1]


def test_remembered_ids_are_bounded_and_leave_the_log():
    target = desk(remembered_max=2)
    assert [w.key for name in "abc" for w in submit(target, name) if w.topic == LOG and w.value is None] == ["a"]


def test_a_task_too_large_to_travel_is_refused_with_enough_of_it_for_an_outcome():
    items = ["x" * 60_000] * 8
    [decision, _] = submit(desk(), "big", items=items)
    event = decode_as("RoutingDecision", decision.value)
    assert event["agent_id"] is None and "split it" in event["refusal"] and str(TASK_BYTES_MAX)[:3] in event["refusal"]
    assert decode_as("TaskSubmitted", event["task"])["items"] == [] and len(decision.value) < 10_000


@pytest.mark.parametrize("task_id", ["", "@x", "#x", "x" * 201])
def test_an_id_that_cannot_be_kept_is_set_aside(task_id):
    with pytest.raises(BadMessage):
        submit(desk(), task_id)


def test_the_arm_of_an_experiment_says_which_router_decides_its_tasks():
    agents = (agent("a", "code_review", description="Tax"), agent("b", "code_review", description="Review"))
    arms = [
        {"name": "control", "value": "hybrid", "share": 5000, "stopped": False},
        {"name": "plain", "value": "rules", "share": 5000, "stopped": False},
    ]
    known = Known(
        *agents, experiments=(running("routers", parameter="routing", layer="routing", arms=arms, unit="task"),)
    )
    known.models = {"alike-1": promoted_record("alike-1")}
    promoted = Promoted(known, ByFirstWord, lambda record, embedder: Made(record["name"], Alike(), None))
    promoted.look()
    target = desk(1000, known, promoted)
    by_arm: dict[str, set[tuple[str, str]]] = {"control": set(), "plain": set()}
    for number in range(60):
        [decision, _] = submit(target, f"t-{number}", text="Review this")
        event = decode_as("RoutingDecision", decision.value)
        by_arm[event["exposures"][0]["arm"]].add((event["agent_id"], event["router"]))
        assert event["settings"] == [
            {"name": "routing", "value": arms[event["exposures"][0]["arm"] == "plain"]["value"]}
        ]
        exploration = next(step for step in event["steps"] if step["step"] == "exploration")
        assert exploration["result"] == "no"  # neither arm is blurred by tries
    assert by_arm == {"control": {("b", "hybrid/1")}, "plain": {("a", "rules/2"), ("b", "rules/2")}}


def test_a_decision_carries_its_steps_and_what_the_other_router_would_have_chosen():
    agents = (agent("a", "code_review", description="Tax"), agent("b", "code_review", description="Review"))
    known = Known(*agents)
    known.models = {"alike-1": promoted_record("alike-1")}
    promoted = Promoted(known, ByFirstWord, lambda record, embedder: Made(record["name"], Alike(), None))
    promoted.look()
    [decision, _] = submit(desk(10, known, promoted), "t-1", text="Review this", priority=1)
    event = decode_as("RoutingDecision", decision.value)
    assert (event["agent_id"], event["decided"]["scorer"]) == ("b", "alike-1")
    assert event["decided"]["expected"] == pytest.approx(event["candidates"][0]["learned"], abs=1e-4)
    assert [step["step"] for step in event["steps"]][-1] == "agent"
    assert event["alternative"] in ("a", "b")


def test_weights_count_from_the_next_task_on_and_only_when_they_are_on():
    def chance(target: RouteDesk, task_id: str) -> float:
        """That it goes to `a`."""
        [decision, _] = submit(target, task_id, text="Review this", priority=1)
        event = decode_as("RoutingDecision", decision.value)
        return event["propensity"] if event["agent_id"] == "a" else 1 - event["propensity"]

    for mode, share in (("on", 0.2), ("dry_run", 0.5), ("off", 0.5)):
        known = Known(agent("a", "code_review"), agent("b", "code_review"))
        router = Routing(known, replace(DEFAULTS, weights=mode), Promoted(known, ByFirstWord))  # type: ignore[arg-type]
        target = RouteDesk(router, 10)
        assert chance(target, "before") == pytest.approx(0.5)
        known.weights = {"a": weight("a", 0.5), "b": weight("b", 2.0), "c": weight("c", 0.5, applied=False)}
        known.version += 1
        assert chance(target, "after") == pytest.approx(share)
        known.weights = {name: {**one, "applied": False} for name, one in known.weights.items()}
        known.version += 1
        assert chance(target, "told only") == pytest.approx(0.5)
