from typing import Any

import pytest

from gateway.live import tasks as module
from gateway.live.messages import ALL_TENANTS
from gateway.live.order import Read
from gateway.live.tasks import SHOWN_MAX, SHOWN_TOGETHER_MAX, Tasks
from tests.gateway.live.log import moved, progress, story


def seen(*stories: list[Any], tasks_max: int = 1000, first: int | None = None) -> Tasks:
    tasks = Tasks(tasks_max)
    for events in stories:
        for n, (_, name, event) in enumerate(events[:first]):
            tasks.see(Read(0, n, 0, name, event))
    return tasks


def one(tasks: Tasks, kind: str, tenant: str | None, name: str) -> dict[str, Any]:
    (found,) = tasks.snapshots([(kind, tenant, name)])
    return found


@pytest.mark.parametrize(
    ("events", "state"),
    [(1, "submitted"), (2, "queued"), (3, "assigned"), (4, "running"), (7, "judged"), (9, "completed")],
)
def test_a_snapshot_says_how_far_a_task_is(events: int, state: str) -> None:
    (row,) = one(seen(story("t", "s", "acme", 1), first=events), "task", "acme", "t")["tasks"]
    assert row["state"] == state


@pytest.mark.parametrize(("before", "state", "agent"), [(2, "queued", "second"), (4, "running", "writer")])
def test_a_task_that_moves_waits_for_the_other_agent_unless_an_instance_has_it(
    before: int, state: str, agent: str
) -> None:
    events = story("t", "s", "acme", 1)
    tasks = seen(events, first=before)
    tasks.see(Read(0, 20, 0, "TaskMoved", moved(events[0][2], "second")))
    (row,) = one(tasks, "task", "acme", "t")["tasks"]
    assert (row["state"], row["agent_id"]) == (state, agent)


def test_the_text_that_streams_is_in_the_snapshot_of_its_task_until_it_ends() -> None:
    events = story("t", "s", "acme", 1)
    tasks = seen(events, first=4)
    run = events[2][2]
    for n, piece in enumerate(["Hel", "lo ", "you"]):
        tasks.see(Read(0, 10 + n, 0, "TaskProgress", progress(run, "text", n) | {"message": piece}))
    assert one(tasks, "task", "acme", "t")["tasks"][0]["answer"] == "Hello you"
    assert "answer" not in one(tasks, "session", "acme", "s")["tasks"][0]
    tasks.see(Read(0, 20, 0, "TaskOutcome", events[-1][2]))
    assert one(tasks, "task", "acme", "t")["tasks"][0]["answer"] == ""


def test_a_text_that_is_not_known_whole_is_not_shown_as_if_it_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_CHARS_MAX", 5)
    events = story("t", "s", "acme", 1)
    tasks = seen(events, first=4)
    for n in range(3):
        tasks.see(Read(0, 10 + n, 0, "TaskProgress", progress(events[2][2], "text", n) | {"message": "abcd"}))
    assert one(tasks, "task", "acme", "t")["tasks"][0]["answer"] is None


def test_progress_of_an_attempt_that_was_given_up_changes_nothing() -> None:
    events = story("t", "s", "acme", 2)
    tasks = seen(events, first=9)
    before = one(tasks, "task", "acme", "t")["tasks"][0]
    tasks.see(Read(0, 30, 0, "TaskProgress", progress(events[2][2], "progress", 9)))
    assert one(tasks, "task", "acme", "t")["tasks"][0] == before


def test_tenants_with_the_same_names_see_their_own() -> None:
    tasks = seen(story("t", "s", "acme", 1), story("t", "s", "other", 0))
    for kind, name in (("task", "t"), ("session", "s"), ("agent", "writer")):
        assert [row["tenant_id"] for row in one(tasks, kind, "acme", name)["tasks"]] == ["acme"]
        assert {row["tenant_id"] for row in one(tasks, kind, None, name)["tasks"]} == {"acme", "other"}
    assert [row["tenant_id"] for row in one(tasks, "tenant", "other", "other")["tasks"]] == ["other"]
    assert len(one(tasks, "tenant", None, ALL_TENANTS)["tasks"]) == 2


def test_a_snapshot_has_the_newest_and_says_that_there_are_more() -> None:
    tasks = seen(*(story(f"t-{n}", "s", "acme", 1) for n in range(SHOWN_MAX + 5)))
    for key in (("session", "acme", "s"), ("tenant", "acme", "acme")):
        found = one(tasks, *key)
        assert len(found["tasks"]) == SHOWN_MAX and found["more"]
    assert one(tasks, "tenant", "acme", "acme")["tasks"][0]["task_id"] == f"t-{SHOWN_MAX + 4}"


def test_many_snapshots_at_once_stay_small_together() -> None:
    tasks = seen(*(story(f"t-{n}", f"s-{n % 50}", "acme", 0) for n in range(1000)), tasks_max=1000)
    found = tasks.snapshots([("session", "acme", f"s-{n}") for n in range(50)])
    assert sum(len(snapshot["tasks"]) for snapshot in found) <= SHOWN_TOGETHER_MAX


def test_the_oldest_are_forgotten_without_a_trace() -> None:
    tasks = seen(*(story(f"t-{n}", f"s-{n}", "acme", 1) for n in range(100)), tasks_max=10)
    assert len(tasks) == len(tasks._of_session) == len(tasks._of_id) == 10
    assert one(tasks, "task", "acme", "t-3") == {"tasks": [], "more": False}
