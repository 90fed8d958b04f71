from collections import Counter

from gateway.first_batch import SHARES, first_batch

NOW_US = 1_790_000_000_000_000


def test_the_ordinary_work_has_the_usual_mix() -> None:
    assert {kind: count for kind, (count, _) in SHARES.items()} == {
        "code generation": 18,
        "test run": 15,
        "code review": 12,
        "documentation": 9,
        "light work": 6,
    }


def test_the_batch_shows_every_way_a_task_can_go() -> None:
    batch = first_batch(NOW_US)
    assert len(batch) == 63
    assert len({task["task_id"] for task in batch}) == 63
    assert sum(bool(task["items"]) for task in batch) == 1
    assert sum(task["deadline_at"] is not None for task in batch) == 1
    assert sum(task["agent_id"] is not None for task in batch) == 1
    assert len(Counter(task["tenant_id"] for task in batch)) >= 4
    assert len(Counter(task["priority"] for task in batch)) >= 5
