"""The dispatcher's metrics: what its events say, and nothing of a partition that has gone."""

from typing import Any

from prometheus_client import REGISTRY

from streams.figures import Figures
from tests.support.agents import pool


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"headway_{name}", labels)


def outcome(agent_id: str | None, status: str, **over: Any) -> dict[str, Any]:
    times = {"submitted_at": 1_000_000, "started_at": None, "finished_at": 4_000_000}
    return {"agent_id": agent_id, "status": status, **times} | over


def test_outcomes_are_counted_and_timed():
    figures = Figures(0)
    figures.sent("TaskOutcome", outcome("f-writer", "completed", started_at=2_000_000))
    figures.sent("TaskOutcome", outcome("f-writer", "expired", submitted_at=9_000_000))  # a clock ahead of ours
    assert value("outcomes_total", agent_id="f-writer", status="completed") == 1
    assert value("outcomes_total", agent_id="f-writer", status="expired") == 1
    assert value("task_seconds_sum", agent_id="f-writer") == 3
    assert (value("wait_seconds_sum", agent_id="f-writer"), value("wait_seconds_count", agent_id="f-writer")) == (1, 1)


def test_further_attempts_and_those_taken_back_are_counted():
    figures = Figures(0)
    for kind, attempt in (("run", 1), ("cancel", 1), ("run", 2), ("run", 3)):
        figures.sent("TaskAssigned", {"kind": kind, "attempt": attempt, "pool": "f-again"})
    assert value("attempts_again_total", pool="f-again") == 2
    assert value("attempts_taken_back_total", pool="f-again") == 1


def test_quality_is_told_and_other_events_are_passed_over():
    figures = Figures(0)
    figures.sent("Evaluation", {"agent_id": "f-judged", "quality": 0.25})
    figures.sent("DeadLetter", {})
    assert value("quality_sum", agent_id="f-judged") == 0.25


def test_a_partition_that_goes_takes_its_gauges_along():
    figures = Figures(77)
    figures.sent("PoolStatus", pool("f-pool", waiting=3, running=2, slots=5, instances=1))
    figures.waiting(1234)
    gauges = ("queued_tasks", "slots_taken", "slots", "instances")
    assert [value(name, pool="f-pool") for name in gauges] == [3, 2, 5, 1]
    assert value("queued_bytes", partition="77") == 1234
    figures.close()
    assert [value(name, pool="f-pool") for name in gauges] == [None] * 4
    assert value("queued_bytes", partition="77") is None
