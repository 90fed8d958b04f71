from typing import Any

from gateway.record import Record
from gateway.submission import task_from
from gateway.watching import Watch
from processors.admission import Limits
from schemas.events import TaskSubmitted
from tests.gateway.events import example

NOW_US = 1_790_000_000_000_000


def task(task_id: str) -> TaskSubmitted:
    return task_from({"text": "x", "task_id": task_id}, NOW_US, limits=Limits())


def event(name: str, index: int = 0, **over: Any) -> Record:
    return Record("a.topic", 0, 0, name, example(name, index, **over))


def watch_of(*task_ids: str, resubmit: bool = True) -> Watch:
    watch = Watch(resubmit=resubmit)
    watch.add(task(task_id) for task_id in task_ids)
    return watch


def test_it_ends_when_each_task_has_its_outcome() -> None:
    watch = watch_of("a", "b")
    assert watch.see(event("TaskOutcome", task_id="a"), NOW_US) is not None
    assert watch.see(event("TaskOutcome", task_id="somebody else's"), NOW_US) is None
    assert (watch.open, watch.all_completed) == (1, False)
    watch.see(event("TaskOutcome", task_id="b"), NOW_US)
    assert (watch.open, watch.all_completed) == (0, True)


def test_an_outcome_seen_twice_counts_once() -> None:
    watch = watch_of("a", "b")
    for _ in range(2):
        watch.see(event("TaskOutcome", task_id="a"), NOW_US)
    assert watch.open == 1


def test_progress_says_what_a_task_is_doing() -> None:
    watch = watch_of("t-1")
    seen = watch.see(event("TaskProgress", 1), NOW_US)
    assert seen is not None and seen.doing == "running on quick-helper-0"
    watch.see(event("TaskProgress", task_id="t-1", kind="progress", fraction=0.5, message="half way"), NOW_US)
    assert seen.doing == "half way"
    watch.see(event("TaskProgress", task_id="t-1", kind="progress", fraction=0.75, message=""), NOW_US)
    assert seen.doing == "75% done"


def test_a_refused_task_is_handed_in_again_as_a_new_one_when_its_time_has_come() -> None:
    watch = watch_of("first", "t-1", "last")
    watch.see(event("TaskOutcome", 1, retry_after_ms=4000), NOW_US)
    assert watch.open == 3
    assert watch.due(NOW_US + 3_999_999) == []
    ((old_id, renewed),) = watch.due(NOW_US + 4_000_000)
    assert old_id == "t-1" != renewed.task_id
    assert renewed.submission["submitted_at"] == NOW_US + 4_000_000
    assert list(watch.tasks) == ["first", renewed.task_id, "last"]
    assert watch.due(NOW_US + 9_000_000) == []
    watch.see(event("TaskOutcome", task_id=renewed.task_id), NOW_US)
    assert watch.counts == {"completed": 1}


def test_without_resubmission_a_refusal_is_the_end() -> None:
    watch = watch_of("t-1", resubmit=False)
    watch.see(event("TaskOutcome", 1), NOW_US)
    assert (watch.open, watch.all_completed, watch.due(2 * NOW_US)) == (0, False, [])


def test_what_the_dispatcher_does_meanwhile_is_told() -> None:
    watch = watch_of("t-1")
    told = []
    for over in (
        {"phase": "queued"},
        {"phase": "delayed", "attempt": 1, "retries": 1, "error": "overloaded.", "entered_at": 0, "ready_at": 800_000},
        {"phase": "queued", "attempt": 1, "crashes": 1, "error": "its host died"},
        {"phase": "running", "attempt": 2, "crashes": 1},
        {"phase": "queued", "attempt": 2, "crashes": 1, "redos": 1, "feedback": "too short"},
    ):
        quiet = {"agent_id": "a", "attempt": 0, "crashes": 0, "redos": 0, "feedback": None}
        seen = watch.see(event("DispatchRecord", task_id="t-1", **quiet | over), NOW_US)
        told.append(seen.doing if seen else None)
    assert told == [
        "waits for a",
        "attempt 1 failed: overloaded; retry in 800 ms",
        "attempt 1 was lost: its host died",
        None,
        "attempt 2 was not good enough: too short",
    ]


def test_a_task_waits_for_its_agent_until_it_runs() -> None:
    watch = watch_of("t-1")
    waiting = event("DispatchRecord", task_id="t-1", phase="queued", agent_id="a", redos=0, crashes=0)
    seen = watch.see(waiting, NOW_US)
    assert seen is not None and seen.agent_id == "a"
    watch.see(event("TaskProgress", 1), NOW_US)
    assert seen.agent_id is None
