from hypothesis import given
from hypothesis import strategies as st

from gateway.report import percentile, report_on
from tests.gateway.events import example

START = 1_790_000_000_000_000


def test_a_batch_is_counted_by_status_and_agent() -> None:
    done = example("TaskOutcome", submitted_at=START, started_at=START + 100_000, finished_at=START + 600_000)
    report = report_on([done, done | {"agent_id": "doc-writer", "status": "failed"}, done, example("TaskOutcome", 1)])
    assert report.tasks == 4
    assert report.by_status == {"completed": 2, "failed": 1, "refused": 1}
    assert [(row.agent_id, row.tasks, row.success, row.mean_run_us) for row in report.agents] == [
        ("code-reviewer", 2, 1.0, 500_000),
        ("doc-writer", 1, 0.0, 500_000),
    ]
    assert report.to_start_us == [100_000] * 3
    assert report.to_finish_us == [600_000] * 2


def test_a_parents_cost_is_that_of_its_items_and_counted_once() -> None:
    child = example("TaskOutcome", cost_usd_micros=100, tokens_in=1, tokens_out=1)
    parent = example("TaskOutcome", 2, cost_usd_micros=200, tokens_in=2, tokens_out=2)
    assert parent["items"]
    report = report_on([child, child, parent])
    assert (report.cost_usd_micros, report.tokens) == (200, 4)


def test_an_empty_batch_has_a_report() -> None:
    assert report_on([]).as_json()["to_start_ms"] == {"p50": None, "p99": None}


@given(st.lists(st.integers(), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_at_least_that_share_does_not_exceed(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
