"""The joiner's desk: bytes in, samples out, and what makes no sense set aside once."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from schemas.codec import BadMessage, decode_as, encode
from streams.joiner import FEEDBACK, LOG, OUTCOMES, SAMPLES, SUBMITTED, JoinDesk
from tests.support.samples import feedback, outcome
from tests.support.world import submission

EVENTS = {SUBMITTED: "TaskSubmitted", OUTCOMES: "TaskOutcome", FEEDBACK: "FeedbackGiven"}


def put(desk: JoinDesk, topic: str, event: dict[str, Any]) -> list[Any]:
    desk.handle(topic, encode(EVENTS[topic], event), 1)
    return desk.take(1)


def samples(writes: list[Any]) -> list[dict[str, Any]]:
    return [decode_as("TrainingSample", w.value) for w in writes if w.topic == SAMPLES]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_a_sample_is_written_with_the_memory_that_brings_its_revision_over_a_crash():
    before, log = JoinDesk(0, 10), {}
    for writes in (put(before, SUBMITTED, submission("a")), put(before, OUTCOMES, outcome("a"))):
        log |= {w.key: w.value for w in writes if w.topic == LOG}
    assert [s["event_id"] for s in samples(writes)] == ["a/sample/0"]
    after = JoinDesk(0, 10)
    after.restore(log, 1)
    assert put(after, OUTCOMES, outcome("a")) == []
    [revised] = samples(put(after, FEEDBACK, feedback("a", "negative")))
    assert (revised["event_id"], revised["label"]) == ("a/sample/1", 0.0)


@pytest.mark.parametrize(
    "over",
    [{"score": float("nan")}, {"score": 1.5}, {"score": -0.1}, {"task_id": ""}, {"task_id": "@tasks.submitted"},
     {"task_id": "#pool"}, {"by": ""}, {"by": "x" * 201}, {"session_id": "x" * 201}, {"tenant_id": ""}],
)  # fmt: skip
def test_feedback_that_makes_no_sense_is_set_aside_and_the_next_one_counts(over):
    desk = JoinDesk(0, 10)
    put(desk, SUBMITTED, submission("a"))
    put(desk, OUTCOMES, outcome("a"))
    with pytest.raises(BadMessage):
        put(desk, FEEDBACK, feedback("a", "negative") | over)
    assert samples(put(desk, FEEDBACK, feedback("a")))[0]["label"] == 1.0


@pytest.mark.parametrize("value", [None, b"", b"\x00\x00\x00\x00\x01junk", encode("TaskSubmitted", submission("a"))])
def test_outcomes_and_feedback_that_cannot_be_read_are_set_aside(value):
    for topic in (OUTCOMES, FEEDBACK):
        with pytest.raises(BadMessage):
            JoinDesk(0, 10).handle(topic, value, 1)


@pytest.mark.parametrize("value", [None, b"junk", encode("TaskSubmitted", submission("@a"))])
def test_a_bad_submission_is_passed_over_for_the_router_sets_it_aside(value):
    desk = JoinDesk(0, 10)
    desk.handle(SUBMITTED, value, 1)
    assert desk.take(1) == []


def test_samples_and_what_makes_none_are_counted():
    names = [("headway_samples_total", {"revision": "first"}), ("headway_samples_total", {"revision": "revised"})]
    names += [
        ("headway_samples_untaught_total", {"reason": "refused"}),
        ("headway_samples_lost_total", {"what": "task"}),
    ]
    before = [counted(name, **labels) for name, labels in names]
    desk = JoinDesk(7, 1)
    put(desk, SUBMITTED, submission("a"))
    put(desk, OUTCOMES, outcome("a"))
    put(desk, FEEDBACK, feedback("a"))
    put(desk, OUTCOMES, outcome("b", status="refused"))
    for name in "cd":
        put(desk, SUBMITTED, submission(name))
    assert [counted(name, **labels) for name, labels in names] == [each + 1 for each in before]
    assert counted("headway_samples_waiting", partition="7") == 1
    desk.close()
    assert counted("headway_samples_waiting", partition="7") == 0


def test_who_chose_and_whether_it_was_right_is_counted_for_rules_and_learned_apart():
    def counts() -> list[float]:
        arms = [(by, accepted) for by in ("rules", "learned") for accepted in ("true", "false")]
        return [counted("headway_chosen_ended_total", by=by, accepted=accepted) for by, accepted in arms]

    before, desk = counts(), JoinDesk(0, 10)
    decided = outcome("x")["decided"]
    ends = [{}, {"redos": 1}, {"status": "failed"}, {"status": "cancelled"}]
    for number, (router, over) in enumerate([("rules/2", {}), *(("hybrid/1", end) for end in ends)]):
        put(desk, OUTCOMES, outcome(f"t-{number}") | {"decided": decided | {"router": router}} | over)
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 0, 1, 2]
