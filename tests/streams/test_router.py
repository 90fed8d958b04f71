"""The router's desk: one decision an id, and nothing that could not travel."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from processors.admission import TASK_BYTES_MAX, Limits
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import Experiment
from streams.router import LOG, RouteDesk, Rules
from tests.support.agents import agent
from tests.support.world import submission


class Known:
    """What a registry knows."""

    def __init__(self, *experiments: Experiment) -> None:
        self.agents = {"writer": agent("writer", fallback=True)}
        self.pools: dict[str, Any] = {}
        self.version = 1
        self.experiments = {experiment["experiment"]: experiment for experiment in experiments}


def desk(remembered_max: int = 10, known: Known | None = None) -> RouteDesk:
    return RouteDesk(Rules(known or Known(), Limits()), remembered_max)  # type: ignore[arg-type]


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
