from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.record import Record
from gateway.turns import ANSWER_BYTES_MAX, exchange_of, turn_of
from gateway.way import REASON_CHARS
from tests.gateway.live.log import assigned, feedback, outcome, progress, story

WHO = {"task_id": "t", "session_id": "s", "tenant_id": "acme"}


def run(attempt: int) -> dict[str, Any]:
    return WHO | {"attempt": attempt, "agent_id": "writer", "instance_id": "writer-0", "pool": "writer"}


def told(attempts: int = 2, pieces: int = 3, end: dict[str, Any] | None = None) -> list[Record]:
    """A task's records: each attempt begins and says some pieces; the last one may end."""
    events: list[tuple[str, dict[str, Any]]] = [(name, event) for _, name, event in story("t", "s", "acme", 1)[:2]]
    for attempt in range(1, attempts + 1):
        events.append(("TaskAssigned", assigned(run(attempt))))
        events.append(("TaskProgress", progress(run(attempt), "started", 0)))
        for n in range(1, pieces + 1):
            events.append(("TaskProgress", progress(run(attempt), "text", n) | {"message": f"{attempt}.{n} "}))
    if end is not None:
        events.append(("TaskOutcome", outcome(WHO, attempts, "writer") | end))
    return [Record("", 0, n, name, event) for n, (name, event) in enumerate(events)]


@given(st.permutations(range(12)))
def test_a_turn_is_told_the_same_in_whatever_order_its_events_were_read(order: list[int]) -> None:
    records = told()
    assert turn_of("t", [records[n] for n in order if n < len(records)]) == turn_of("t", records)


def test_the_answer_is_that_of_the_newest_attempt_up_to_its_sequence() -> None:
    turn = turn_of("t", told(attempts=2, pieces=2))
    assert (turn["attempt"], turn["sequence"], turn["answer"]) == (2, 2, "2.1 2.2 ")
    assert turn["answer_whole"] and turn["state"] == "running"


def test_an_attempt_that_begins_anew_has_said_nothing_yet() -> None:
    again = Record("", 0, 99, "TaskAssigned", assigned(run(3)))
    turn = turn_of("t", [*told(), again])
    assert (turn["attempt"], turn["sequence"], turn["answer"], turn["state"]) == (3, -1, "", "assigned")


def test_a_piece_that_is_missing_is_said_to_be_missing() -> None:
    records = [r for r in told(attempts=1) if r.event.get("sequence") != 2]
    assert not turn_of("t", records)["answer_whole"]


def test_the_outcome_takes_the_place_of_what_was_streamed_unless_it_is_empty() -> None:
    assert turn_of("t", told(end={"output": "All of it"}))["answer"] == "All of it"
    stopped = turn_of("t", told(end={"output": "", "status": "cancelled"}))
    assert (stopped["answer"], stopped["state"]) == ("2.1 2.2 2.3 ", "cancelled")


def test_the_model_is_the_chosen_one_as_soon_as_it_is_chosen_and_then_the_one_that_answered() -> None:
    way = [{"step": step, "result": "r", "reason": "w" * 1000} for step in ("analyse", "model", "rules", "agent")]
    routed = [
        r._replace(event=r.event | {"model": "chosen", "steps": way}) if r.name == "RoutingDecision" else r
        for r in told()
    ]
    turn = turn_of("t", routed)
    assert (turn["state"], turn["model"]) == ("running", "chosen")
    assert [one["step"] for one in turn["steps"]] == ["analyse", "model", "agent"]
    assert all(len(one["reason"]) == REASON_CHARS for one in turn["steps"])
    end = Record("", 0, 99, "TaskOutcome", outcome(WHO, 2, "writer") | {"model": "stood in"})
    assert turn_of("t", [*routed, end])["model"] == "stood in"
    simulated = end._replace(event=end.event | {"model": None})
    assert turn_of("t", [*routed, simulated])["model"] is None


def test_the_newest_feedback_counts() -> None:
    given_ = [feedback(WHO) | {"at": at, "kind": kind} for at, kind in ((9, "negative"), (8, "positive"))]
    records = [Record("", 0, 50 + n, "FeedbackGiven", event) for n, event in enumerate(given_)]
    turn = turn_of("t", told(end={}) + records)
    assert turn["feedback"]["kind"] == "negative"


def test_what_is_remembered_of_a_turn_is_its_answer_or_what_was_said_until_it_was_stopped() -> None:
    assert exchange_of(turn_of("t", told()))[1] == ""
    assert exchange_of(turn_of("t", told(end={"output": "All of it"})))[1] == "All of it"
    assert exchange_of(turn_of("t", told(end={"output": "", "status": "cancelled"})))[1] == "2.1 2.2 2.3 "
    assert exchange_of(turn_of("t", told(end={"output": "", "status": "failed"})))[1] == ""


def test_an_answer_of_any_length_fits_a_message() -> None:
    turn = turn_of("t", told(end={"output": "ü" * ANSWER_BYTES_MAX}))
    assert len(turn["answer"].encode()) <= ANSWER_BYTES_MAX and not turn["answer_whole"]


def test_a_task_handed_in_again_says_what_it_said_first() -> None:
    records = told()
    again = records[0]._replace(offset=99, event=records[0].event | {"text": "something else"})
    assert turn_of("t", [*records, again])["text"] == records[0].event["text"]
