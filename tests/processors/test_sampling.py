"""The join of submissions, outcomes and feedback: the same newest sample in any order, over repeats and crashes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.features import HEAD_CHARS, TAIL_CHARS, ends, read
from processors.sampling import OPINIONS_MAX
from tests.support.samples import DECIDED, Partition, feedback, outcome
from tests.support.world import SECOND, submission

TASKS = ("a", "b", "c")


@st.composite
def inputs(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Up to three tasks of every fate, and what people say of them, right and wrong, and again."""
    events: list[tuple[str, dict[str, Any]]] = []
    for task_id in TASKS:
        status = draw(st.sampled_from(["completed", "failed", "cancelled", "expired", "dead_lettered"]))
        started_at = draw(st.sampled_from([None, 102 * SECOND]))
        decided = draw(st.sampled_from([DECIDED, DECIDED, None]))
        events.append(("submitted", submission(task_id, text=f"Do {task_id}")))
        events.append(("outcome", outcome(task_id, status=status, started_at=started_at, decided=decided)))
    words = st.builds(
        feedback,
        st.sampled_from(TASKS),
        st.sampled_from(["positive", "neutral", "negative", "unknown"]),
        at=st.integers(1, 6),
        by=st.sampled_from(["ann", "ben", "cleo"]),
        score=st.none() | st.sampled_from([0.0, 0.3, 1.0]),
        tenant_id=st.sampled_from(["t", "t", "stranger"]),
    )
    # Each word is somebody's own: one person never says two things under one id.
    said = {each["feedback_id"]: each for each in draw(st.lists(words, max_size=8))}
    return events + [("feedback", each) for each in said.values()]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), events=inputs())
def test_any_order_repetition_and_crash_gives_the_same_newest_samples(data, events):
    told = Partition()
    for what, event in events:
        told.do(what, event)
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations(events + repeats))
    crashes = data.draw(st.sets(st.integers(0, len(shuffled) - 1)))
    other = Partition()
    for place, (what, event) in enumerate(shuffled):
        other.do(what, event, crash=place in crashes)
    assert other.newest() == told.newest()
    for partition in (told, other):
        for task_id in TASKS:
            revisions = [s["revision"] for s in partition.samples if s["task_id"] == task_id]
            assert revisions == list(range(len(revisions)))
        names = [s["event_id"] for s in partition.samples]
        assert len(set(names)) == len(names)


def joined(**over: Any) -> Partition:
    partition = Partition()
    partition.do("submitted", submission("a", text="Write a haiku"))
    partition.do("outcome", outcome("a", **over))
    return partition


def test_the_outcome_of_a_known_task_makes_its_first_sample():
    [sample] = joined().samples
    assert sample["event_id"] == "a/sample/0" and sample["revision"] == 0
    assert (sample["text"], sample["agent_id"], sample["decided"]) == ("Write a haiku", "writer", DECIDED)
    assert (sample["label"], sample["feedback"], sample["status"], sample["quality"]) == (0.5, None, "completed", 0.9)
    assert (sample["wait_ms"], sample["duration_ms"], sample["cost_usd_micros"]) == (2000, 3000, 7)


def test_late_and_corrected_feedback_make_revisions_and_the_newest_of_a_person_counts():
    partition = joined()
    [first] = partition.do("feedback", feedback("a", "positive", at=10))
    [second] = partition.do("feedback", feedback("a", "negative", at=20))
    assert partition.do("feedback", feedback("a", "positive", at=15)) == []
    [third] = partition.do("feedback", feedback("a", "positive", at=5, by="ben"))
    told = [(s["event_id"], s["label"], s["feedback"]) for s in (first, second, third)]
    assert told == [("a/sample/1", 1.0, "positive"), ("a/sample/2", 0.0, "negative"), ("a/sample/3", 0.5, "neutral")]


def test_feedback_that_changes_nothing_makes_no_revision():
    partition = joined()
    partition.do("feedback", feedback("a", at=10))
    assert partition.do("feedback", feedback("a", at=10)) == []
    assert partition.do("feedback", feedback("a", at=11)) == []
    assert partition.do("feedback", feedback("a", "unknown", at=12)) == []


def test_nobody_judges_the_answers_of_another_tenant_or_session():
    partition = joined()
    assert partition.do("feedback", feedback("a", "negative", tenant_id="stranger")) == []
    assert partition.do("feedback", feedback("a", "negative", session_id="other", by="ben")) == []
    assert partition.do("feedback", feedback("a", "negative", by="cleo"))[0]["label"] == 0.0


@pytest.mark.parametrize("first", ["submitted", "outcome", "feedback"])
def test_what_teaches_nothing_leaves_nothing_behind(first):
    partition = Partition()
    events = {"submitted": submission("a"), "outcome": outcome("a", status="cancelled"), "feedback": feedback("a")}
    for what in sorted(events, key=lambda name: name != first):
        partition.do(what, events[what])
    assert partition.samples == [] and partition.log == {} and partition.untaught == {"cancelled": 1}


def test_of_a_long_text_the_two_ends_are_kept_and_read_alike():
    long = "".join(f"word{n} " for n in range(2000))
    partition = joined()
    partition.do("submitted", submission("long", text=long))
    [sample] = partition.do("outcome", outcome("long"))
    assert len(sample["text"]) == HEAD_CHARS + TAIL_CHARS and sample["text"] == ends(ends(long))
    assert read(sample["text"]) == read(long)


def test_open_tasks_are_bounded_and_what_is_given_up_is_counted():
    partition = Partition(remembered_max=2)
    for name in "abc":
        partition.do("submitted", submission(name))
    assert partition.lost == {"task": 1} and set(partition.log) == {"b", "c"}
    assert partition.do("outcome", outcome("c")) != []
    assert partition.do("outcome", outcome("a")) == []


def test_tasks_with_a_sample_are_bounded_apart_and_feedback_after_that_is_counted():
    partition = Partition(remembered_max=1)
    partition.do("submitted", submission("open"))
    for name in "ab":
        partition.do("submitted", submission(name))
        partition.do("outcome", outcome(name))
    assert partition.lost == {"task": 1}  # "open" gave way to "a", which then had its sample
    assert partition.do("feedback", feedback("a", at=104 * SECOND)) == []
    assert partition.lost == {"task": 1, "late_feedback": 1}
    assert partition.do("feedback", feedback("b", at=104 * SECOND))[0]["revision"] == 1


def test_the_people_of_one_task_are_bounded_to_those_who_spoke_last():
    partition = joined()
    for n in range(OPINIONS_MAX + 5):
        partition.do("feedback", feedback("a", "negative" if n < 5 else "positive", at=1000 + n, by=f"p{n}"))
    assert partition.samples[-1]["label"] == 1.0
    partition.do("feedback", feedback("a", "negative", at=1, by="p-late"))
    assert partition.samples[-1]["label"] == 1.0
