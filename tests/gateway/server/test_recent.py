"""The newest tasks in memory: the same whatever order the topics were read in, and bounded."""

import asyncio
import random
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.record import Record
from gateway.server.recent import Raw, Recent, Task, as_json, newest, packed_with, unpacked
from schemas.codec import encode
from tests.gateway.events import example
from tests.support.world import submission

offsets = count()


def fed(recent: Recent, name: str, topic: str = "a.topic", **fields: Any) -> str | None:
    """What `see` says to an example of this event with other fields."""
    made = example(name, **fields) if name != "TaskSubmitted" else submission(**fields)
    offset = next(offsets)
    return recent.see(Record(topic, 0, offset, name, made), (topic, 0, offset, encode(name, made)))


def story_of(task_id: str, tenant_id: str = "acme") -> list[tuple[str, dict[str, Any]]]:
    own = {"task_id": task_id, "tenant_id": tenant_id}
    return [
        ("TaskSubmitted", {**own, "session_id": "s", "text": f"text of {task_id}", "submitted_at": 5}),
        ("RoutingDecision", own | {"event_id": f"{task_id}/d", "agent_id": "code-reviewer"}),
        ("TaskMoved", own | {"event_id": f"{task_id}/moved", "agent_id": "generalist"}),
        ("TaskAssigned", own | {"event_id": f"{task_id}/a"}),
        ("TaskProgress", own | {"event_id": f"{task_id}/p"}),
        ("TaskResult", own | {"event_id": f"{task_id}/r"}),
        ("Evaluation", own | {"event_id": f"{task_id}/e"}),
        ("TaskOutcome", own | {"event_id": f"{task_id}/o", "agent_id": "generalist"}),
    ]


@given(st.randoms(use_true_random=False), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_task_is_the_same_whatever_order_its_events_came_in(chooser: random.Random, tasks: int) -> None:
    events = [(name, fields) for number in range(tasks) for name, fields in story_of(f"t-{number}")]
    ordered, mixed = Recent(100, 1 << 20), Recent(100, 1 << 20)
    for name, fields in events:
        fed(ordered, name, **fields)
    chooser.shuffle(events)
    ended = [fed(mixed, name, **fields) for name, fields in events]
    assert {i: as_json(t) for i, t in mixed.tasks.items()} == {i: as_json(t) for i, t in ordered.tasks.items()}
    assert sorted(filter(None, ended)) == sorted(mixed.tasks)
    for task in mixed.tasks.values():
        assert {record.name for record in mixed.records(task)} == {name for name, _ in story_of("t")}


def test_a_running_task_tells_when_it_started_before_its_outcome_does() -> None:
    recent, own = Recent(100, 1 << 20), {"task_id": "t", "tenant_id": "acme"}
    fed(recent, "TaskSubmitted", **own, submitted_at=5)
    fed(recent, "TaskProgress", **own, kind="started", at=7)
    fed(recent, "TaskProgress", **own, kind="progress", at=9)
    assert recent.tasks["t"].started_at == 7


def test_an_id_that_another_tenant_uses_too_stays_with_the_first() -> None:
    recent = Recent(100, 1 << 20)
    fed(recent, "TaskSubmitted", task_id="t", tenant_id="acme", text="ours")
    fed(recent, "TaskSubmitted", task_id="t", tenant_id="globex", text="theirs")
    assert fed(recent, "TaskOutcome", task_id="t", tenant_id="globex") is None
    task = recent.tasks["t"]
    assert (task.tenant_id, task.text, task.state) == ("acme", "ours", "submitted")
    assert {record.event["tenant_id"] for record in recent.records(task)} == {"acme"}


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=200), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_there_is_never_much_more_than_may_be_and_what_is_missing_is_older_than_the_floor(
    made: list[tuple[int, bool]], tasks_max: int
) -> None:
    recent, submitted = Recent(tasks_max, 1 << 20), {}
    for number, (at, ends) in enumerate(made):
        own = {"task_id": f"t-{number}", "tenant_id": "acme"}
        fed(recent, "TaskSubmitted", **own, submitted_at=at)
        submitted[f"t-{number}"] = at
        if ends:
            fed(recent, "TaskOutcome", **own)
        recent.clear_up()
        assert len(recent.tasks) <= tasks_max * 1.02 + tasks_max // 2 + 1
        assert recent.order == sorted((t.submitted_at, t.task_id) for t in recent.tasks.values())
    assert all(at <= recent.floor for i, at in submitted.items() if i not in recent.tasks)


def test_open_tasks_stay_when_finished_ones_go() -> None:
    recent = Recent(10, 1 << 20)
    fed(recent, "TaskSubmitted", task_id="open", tenant_id="acme", submitted_at=0)
    for number in range(50):
        fed(recent, "TaskSubmitted", task_id=f"t-{number}", tenant_id="acme", submitted_at=number + 1)
        fed(recent, "TaskOutcome", task_id=f"t-{number}", tenant_id="acme")
        recent.clear_up()
    assert "open" in recent.tasks
    assert len(recent.tasks) == 10


def test_bytes_are_bounded_too_and_packing_loses_nothing() -> None:
    recent = Recent(1000, 200_000)
    for number in range(200):
        own = {"task_id": f"t-{number}", "tenant_id": "acme"}
        fed(recent, "TaskSubmitted", **own, submitted_at=number, text=random.Random(number).randbytes(4000).hex())
        fed(recent, "TaskOutcome", **own)
        recent.clear_up()
    assert sum(task.events.size for task in recent.tasks.values()) <= 1.02 * 200_000
    newest_one = recent.tasks["t-199"]
    assert [record.name for record in recent.records(newest_one)] == ["TaskSubmitted", "TaskOutcome"]


@given(st.lists(st.tuples(st.text("a.b-", min_size=1), st.integers(0, 99), st.integers(0, 2**60), st.binary())))
@settings(deadline=None)
def test_what_is_packed_comes_out_as_it_was(raws: list[Raw]) -> None:
    half = len(raws) // 2
    assert list(unpacked(packed_with(packed_with(b"", raws[:half]), raws[half:]))) == raws


def test_the_dispatchers_log_tells_of_an_open_task_whose_submission_is_too_long_ago() -> None:
    recent = Recent(10, 1 << 20)
    raw = encode("TaskSubmitted", submission("old", tenant_id="acme", text="long ago"))
    live = {"task_id": "old", "tenant_id": "acme", "task": raw}
    fed(recent, "DispatchRecord", **live, phase="running")
    assert (recent.tasks["old"].state, recent.tasks["old"].text) == ("running", "long ago")
    fed(recent, "DispatchRecord", **live, phase="done", pool="generalist")
    assert recent.tasks.keys() == {"old"}, "it only went to the partition of another pool"
    fed(recent, "DispatchRecord", **live, phase="done", pool="")
    assert recent.tasks == {}
    assert recent.order == []


LONG_AGO = encode("TaskSubmitted", submission("old", tenant_id="acme", text="long ago"))
Told = list[tuple[str, dict[str, Any]]]


def logged(phase: str, agent_id: str | None = None, pool: str | None = None, **fields: Any) -> Told:
    """A record of the log about the task `old`; without an agent the short one, of which only the id matters."""
    own = {"task_id": "old", "tenant_id": "acme" if agent_id else "", "task": LONG_AGO if agent_id else b""}
    agent = {"agent_id": agent_id, "pool": agent_id if pool is None else pool, "moved_from": None}
    return [
        ("DispatchRecord", own | agent | {"phase": phase, "attempt": 1, "error": None, "started_at": None} | fields)
    ]


LEFT = [*logged("queued", "reviewer"), *logged("running", "reviewer"), *logged("queued", "reviewer")]
LEFT += logged("done", pool="generalist")
HERE = [*logged("queued", "generalist", moved_from="reviewer")]
HERE += logged("running", "generalist", moved_from="reviewer", attempt=2, started_at=7)
OVER = logged("done", pool="")


def side_by_side(chooser: random.Random, *partitions: Told) -> Told:
    """All of it in one of the orders in which the partitions may be read."""
    turns = [number for number, records in enumerate(partitions) for _ in records]
    chooser.shuffle(turns)
    left = [iter(records) for records in partitions]
    return [next(left[number]) for number in turns]


@given(st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_task_that_runs_at_the_primary_is_shown_there_whatever_order_the_partitions_were_read_in(
    chooser: random.Random, handed_in: bool
) -> None:
    recent, own = Recent(10, 1 << 20), {"task_id": "old", "tenant_id": "acme"}
    decided: Told = [("RoutingDecision", own | {"agent_id": "reviewer"})]
    moved: Told = [("TaskMoved", own | {"agent_id": "generalist"})]
    if handed_in:
        fed(recent, "TaskSubmitted", **own)
    for name, fields in side_by_side(chooser, LEFT, HERE, decided, moved):
        fed(recent, name, **fields)
    task = recent.tasks["old"]
    assert (task.state, task.agent_id, task.attempts, task.started_at) == ("running", "generalist", 2, 7)


@given(st.randoms(use_true_random=False), st.sampled_from([HERE + OVER, OVER]))
@settings(max_examples=60, deadline=None)
def test_a_moved_task_that_ended_long_ago_is_not_shown_whatever_order_the_partitions_were_read_in(
    chooser: random.Random, at_the_primary: Told
) -> None:
    """Also where compaction left nothing of it at the primary but its end."""
    recent = Recent(10, 1 << 20)
    for name, fields in side_by_side(chooser, LEFT, at_the_primary):
        fed(recent, name, **fields)
    assert recent.tasks == {}
    assert recent.order == []


def test_what_ended_before_is_remembered_only_while_the_past_is_read() -> None:
    recent = Recent(10, 1 << 20)
    for name, fields in [*OVER, *logged("queued", "reviewer")]:
        fed(recent, name, **fields)
    assert recent.tasks == {}
    recent.caught_up()
    for name, fields in logged("queued", "reviewer"):
        fed(recent, name, **fields)
    assert recent.tasks.keys() == {"old"}


def test_the_ends_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.recent.ENDED_MAX", 3)
    recent = Recent(10, 1 << 20)
    for number in range(4):
        for name, fields in OVER:
            fed(recent, name, **fields | {"task_id": f"t-{number}"})
    for number in (0, 1):
        raw = encode("TaskSubmitted", submission(f"t-{number}", tenant_id="acme"))
        for name, fields in logged("queued", "reviewer", task_id=f"t-{number}", task=raw):
            fed(recent, name, **fields)
    assert recent.tasks.keys() == {"t-0"}, "the oldest gave way"


def test_a_task_that_was_moved_is_listed_with_the_agent_it_went_to() -> None:
    recent = Recent(10, 1 << 20)
    fed(recent, "TaskSubmitted", task_id="a", tenant_id="acme")
    fed(recent, "RoutingDecision", task_id="a", tenant_id="acme", agent_id="code-reviewer")
    fed(recent, "TaskMoved", task_id="a", tenant_id="acme", agent_id="generalist")
    assert recent.tasks["a"].agent_id == "generalist"


def test_a_list_is_newest_first_and_goes_on_where_a_page_ended() -> None:
    recent = Recent(10_000, 1 << 24)
    for number in range(5_000):
        fed(recent, "TaskSubmitted", task_id=f"t-{number:04}", tenant_id="acme", submitted_at=number // 3)

    def page(place: tuple[int, str] | None, count: int) -> list[Task]:
        return asyncio.run(newest(recent, place, [lambda task: task.submitted_at % 2 == 0], count))

    seen: list[str] = []
    place = None
    while found := page(place, 700):
        seen += [task.task_id for task in found]
        place = (found[-1].submitted_at, found[-1].task_id)
    assert seen == [f"t-{n:04}" for n in range(4_999, -1, -1) if (n // 3) % 2 == 0]
