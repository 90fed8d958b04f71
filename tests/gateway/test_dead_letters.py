import json

import pytest

from gateway.dead_letters import as_json, redriven, task_in, told
from gateway.errors import GatewayError
from schemas.codec import encode
from tests.gateway.events import example

NOW_US = 1_790_000_100_000_000
GIVEN_UP, SENSELESS = example("DeadLetter"), example("DeadLetter", 1)


def test_a_task_given_up_is_handed_in_again_as_a_new_one() -> None:
    task = redriven(GIVEN_UP, NOW_US)
    assert task["redrive_of"] == "t-1" != task["task_id"]
    assert (task["text"], task["submitted_at"]) == ("Translate 'good morning' into Japanese", NOW_US)
    assert redriven(GIVEN_UP, NOW_US + 1)["task_id"] == task["task_id"]
    encode("TaskSubmitted", task)


def test_a_deadline_that_has_passed_and_a_parent_that_has_ended_are_left_behind() -> None:
    submitted = example("TaskSubmitted", 3, deadline_at=NOW_US - 1)
    assert submitted["parent_id"]
    task = redriven(GIVEN_UP | {"payload": encode("TaskSubmitted", submitted)}, NOW_US)
    assert (task["deadline_at"], task["parent_id"], task["item_index"]) == (None, None, None)
    submitted["deadline_at"] = NOW_US + 1
    assert redriven(GIVEN_UP | {"payload": encode("TaskSubmitted", submitted)}, NOW_US)["deadline_at"] == NOW_US + 1


def test_a_task_within_another_event_is_found() -> None:
    decision = example("RoutingDecision", task=encode("TaskSubmitted", example("TaskSubmitted")))
    task = task_in(SENSELESS | {"payload": encode("RoutingDecision", decision)})
    assert task == example("TaskSubmitted")


def test_bytes_that_make_no_sense_must_be_corrected() -> None:
    with pytest.raises(GatewayError, match="correct them at their producer"):
        redriven(SENSELESS, NOW_US)


def test_a_redrive_may_change_who_runs_it_and_how_long() -> None:
    task = redriven(GIVEN_UP, NOW_US, agent_id="researcher", timeout_ms=5000)
    assert (task["agent_id"], task["timeout_ms"]) == ("researcher", 5000)
    assert task["task_id"] == redriven(GIVEN_UP, NOW_US)["task_id"]


def test_a_dead_letter_is_told_in_words_a_person_reads() -> None:
    said = dict(told(GIVEN_UP, NOW_US))
    assert said["at"] == "2026-09-21T14:14:50.000Z"
    assert said["  text"] == "Translate 'good morning' into Japanese"
    assert said["redriven"].startswith("at 2026-09-21T14:15:00.000Z, as ")
    assert dict(told(GIVEN_UP, None))["redriven"] == "not yet"
    senseless = dict(told(SENSELESS, None))
    assert senseless["payload"].startswith("""21 bytes that are no event: '{"text": "not Avro"}""")
    assert SENSELESS["payload"].hex() in senseless["payload"]
    assert "redriven" not in senseless


def test_a_dead_letter_can_be_printed_as_json() -> None:
    for letter in (GIVEN_UP, SENSELESS):
        json.dumps(as_json(letter))
