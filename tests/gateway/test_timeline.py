"""The story of the tasks in the schemas' examples."""

from typing import Any

from gateway.record import Record
from gateway.timeline import ORDER, TELL, story_of
from schemas.topics import TOPICS
from tests.gateway.events import example, record

REVIEW = example("TaskOutcome")["task_id"]
TRANSLATION = "t-1"
BATCH = example("TaskOutcome", 2)["task_id"]

EVERYTHING = [
    record(name, index)
    for name, count in (
        ("TaskOutcome", 3),
        ("TaskSubmitted", 4),
        ("RoutingDecision", 3),
        ("TaskAssigned", 3),
        ("TaskProgress", 2),
        ("TaskResult", 3),
        ("Evaluation", 2),
        ("TaskCommand", 2),
        ("TaskMoved", 2),
        ("ItemFinished", 2),
        ("DeadLetter", 2),
        ("FeedbackGiven", 2),
    )
    for index in range(count)
]


def test_a_story_is_told_from_submission_to_outcome_whatever_order_it_was_read_in() -> None:
    story = story_of(REVIEW, EVERYTHING)
    names = [entry.record.name for entry in story.entries]
    assert names[:2] == ["TaskSubmitted", "RoutingDecision"]
    assert {entry.record.event["task_id"] for entry in story.entries} == {REVIEW}
    assert [entry.at for entry in story.entries] == sorted(entry.at for entry in story.entries)
    assert story.status == "completed"
    assert story.started_at is not None


def test_every_event_of_a_task_can_be_told() -> None:
    assert set(ORDER) == set(TELL)
    about_tasks = {
        event
        for topic in TOPICS.values()
        if not topic.compacted
        for event in topic.events
        if "task_id" in example(event)
    }
    assert about_tasks == set(TELL)
    for task_id in (REVIEW, TRANSLATION, BATCH):
        for entry in story_of(task_id, EVERYTHING).entries:
            assert entry.title and "None" not in entry.title


def test_the_decision_shows_its_steps_and_every_candidate() -> None:
    story = story_of(REVIEW, EVERYTHING)
    decision = next(entry for entry in story.entries if entry.record.name == "RoutingDecision")
    event = decision.record.event
    assert len(decision.details) == len(event["steps"]) + len(event["candidates"]) > 2


def test_a_repeat_is_told_once() -> None:
    once, twice = story_of(REVIEW, EVERYTHING), story_of(REVIEW, EVERYTHING + EVERYTHING)
    titles = [entry.title for entry in once.entries if entry.record.name != "TaskSubmitted"]
    assert titles == [entry.title for entry in twice.entries if entry.record.name != "TaskSubmitted"]


def test_streamed_text_is_one_entry() -> None:
    pieces = [record("TaskProgress", event_id=f"{REVIEW}/2/progress/{i}", sequence=i) for i in range(5)]
    assert [entry.title for entry in story_of(REVIEW, pieces).entries] == ["answer streams (5 pieces)"]


def test_a_parent_knows_how_its_items_stand() -> None:
    ended = record("TaskOutcome", task_id=f"{BATCH}.0", parent_id=BATCH, item_index=0, event_id=f"{BATCH}.0/outcome")
    story = story_of(
        BATCH, [*EVERYTHING, ended, record("TaskSubmitted", task_id=f"{BATCH}.10", parent_id=BATCH, item_index=10)]
    )
    assert story.children == {f"{BATCH}.0": "completed", f"{BATCH}.1": "open", f"{BATCH}.10": "open"}
    assert list(story.children)[-1] == f"{BATCH}.10"


def test_a_task_without_outcome_is_open() -> None:
    story = story_of(REVIEW, [r for r in EVERYTHING if r.name != "TaskOutcome"])
    assert (story.status, story.outcome) == ("open", None)


def test_an_unknown_task_has_no_story() -> None:
    assert story_of("nobody", EVERYTHING).entries == []


def test_a_task_waits_for_its_agent_unless_an_instance_has_it_or_it_has_ended() -> None:
    def about(name: str, **over: Any) -> Record:
        return record(name, task_id="t-9", event_id=f"{name}{over}", **over)

    seen = [about("TaskSubmitted")]
    waits = []
    for event in (
        about("RoutingDecision", agent_id="researcher", refusal=None),
        about("TaskAssigned", kind="run", attempt=1),
        about("TaskResult", kind="step", attempt=1),
        about("TaskResult", kind="failed", attempt=1),
        about("TaskMoved", agent_id="generalist"),
        about("TaskOutcome"),
    ):
        seen.append(event)
        waits.append(story_of("t-9", seen).waits_for)
    assert waits == ["researcher", None, None, "researcher", "generalist", None]


def test_a_task_waits_again_when_its_attempt_was_taken_back_without_a_result() -> None:
    def about(name: str, **over: Any) -> Record:
        return record(name, task_id="t-9", event_id=f"{name}{over}", **over)

    told = [
        about("TaskSubmitted", submitted_at=1),
        about("RoutingDecision", agent_id="writer", refusal=None, decided_at=2),
        about("TaskAssigned", kind="run", attempt=1, assigned_at=3),
        about("TaskAssigned", kind="cancel", attempt=1, assigned_at=4),
        about("TaskMoved", agent_id="generalist", at=5),
        about("TaskAssigned", kind="run", attempt=2, assigned_at=6),
        about("TaskAssigned", kind="cancel", attempt=2, assigned_at=7),
    ]
    waits = [story_of("t-9", told[: count + 1]).waits_for for count in range(len(told))]
    assert waits == [None, "writer", None, "writer", "generalist", None, "generalist"]
    assert story_of("t-9", [one for one in told[:5] if one.event.get("kind") != "cancel"]).waits_for == "generalist"


def test_one_attempt_is_not_told_as_several() -> None:
    for count, said in ((1, ", 1 attempt,"), (3, ", 3 attempts,")):
        outcome = record("TaskOutcome", task_id=REVIEW, attempts=count, quality=0.5)
        assert said in story_of(REVIEW, [record("TaskSubmitted"), outcome]).entries[-1].title
