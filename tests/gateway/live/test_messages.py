import json

import pytest

from gateway.live.messages import ENDS, OUTPUT_BYTES_MAX, cut, told_of
from gateway.live.order import Read
from gateway.way import TOLD
from tests.gateway.events import newest_examples
from tests.gateway.live.log import story

EVENTS = {
    "task_submitted": "TaskSubmitted",
    "routing_decision": "RoutingDecision",
    "task_moved": "TaskMoved",
    "task_assigned": "TaskAssigned",
    "task_progress": "TaskProgress",
    "task_result": "TaskResult",
    "evaluation": "Evaluation",
    "task_outcome": "TaskOutcome",
    "feedback_given": "FeedbackGiven",
}


@pytest.mark.parametrize("folder", EVENTS)
def test_every_example_of_an_event_becomes_a_message_in_the_envelope(folder: str) -> None:
    for example in newest_examples(folder):
        told = told_of(Read(0, 0, 0, EVENTS[folder], example))
        if told is not None:
            message = json.loads(told.with_token("T"))
            assert list(message) == ["event", "session_id", "data", "timestamp", "progress", "token"]
            assert message["data"]["task_id"] == example["task_id"] and message["token"] == "T"


def test_each_status_ends_a_task_with_one_of_the_three_ends() -> None:
    outcome = story("t", "s", "acme", 1)[-1][2]
    named = {
        status: told.event
        for status in ("completed", "failed", "cancelled", "expired", "dead_lettered", "refused")
        if (told := told_of(Read(0, 0, 0, "TaskOutcome", outcome | {"status": status})))
    }
    assert named["completed"] == "task_completed" and named["cancelled"] == "task_cancelled"
    assert {named[status] for status in ("failed", "expired", "dead_lettered", "refused")} == {"task_failed"}
    assert set(named.values()) == set(ENDS)


def test_who_hears_that_a_task_is_queued_hears_the_model_and_the_way_to_it_in_few_words() -> None:
    decided = story("t", "s", "acme", 1)[1][2]
    way = [{"step": step, "result": "r" * 9000, "reason": "w" * 9000} for step in TOLD] * 9
    told = told_of(Read(0, 0, 0, "RoutingDecision", decided | {"model": "m-1", "steps": way}))
    assert told is not None and len(told.head) < 4096
    data = json.loads(told.with_token("T"))["data"]
    assert (data["model"], [one["step"] for one in data["steps"]]) == ("m-1", list(TOLD))


@pytest.mark.parametrize("letter", ["x", "ü", "🐙", "\udc00"])
def test_a_long_answer_is_cut_so_that_the_message_stays_below_64_kilobytes(letter: str) -> None:
    outcome = story("t", "s", "acme", 1)[-1][2]
    told = told_of(Read(0, 0, 0, "TaskOutcome", outcome | {"output": letter * 200_000}))
    assert told is not None and len(told.head) < 65_536
    assert json.loads(told.with_token("T"))["data"]["output_cut"]


def test_a_text_is_cut_between_characters() -> None:
    assert cut("ü" * 10, 5) == ("üü", True)
    assert cut("x" * OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX) == ("x" * OUTPUT_BYTES_MAX, False)
