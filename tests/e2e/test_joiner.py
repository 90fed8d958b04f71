"""The joiner as a process on the real broker: a sample once over kills, feedback as a revision, poison set aside."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra import kafka
from infra.settings import Settings, as_env
from infra.stack import services
from schemas.codec import decode_as, encode
from tests.support.running import running_part
from tests.support.samples import feedback, outcome
from tests.support.waiting import until
from tests.support.world import submission

pytestmark = pytest.mark.e2e
TASKS = 600
NONSENSE = b"\x00no word of feedback"


@pytest.fixture
def own(broker: Settings) -> Callable[[str, str], list[dict[str, Any]]]:
    def events(topic: str, event: str) -> list[dict[str, Any]]:
        return [decode_as(event, m.value()) for m in kafka.read_all(broker, topic) if m.value() is not None]

    return events


def put(settings: Settings, session: str, names: list[str]) -> None:
    """Outcomes before the tasks they are of: the joiner reads topics in no order."""
    producer = kafka.producer(settings)
    for topic, event, make in (
        ("tasks.outcomes", "TaskOutcome", outcome),
        ("tasks.submitted", "TaskSubmitted", submission),
    ):
        for name in names:
            producer.produce(topic, encode(event, make(name, session_id=session)), session)
        producer.flush(10)


def test_samples_come_once_each_over_kills_and_feedback_as_the_next_revision(broker, own, tmp_path, monkeypatch):
    session = uuid.uuid4().hex[:8]
    names = [f"{session}-{n}" for n in range(TASKS)]
    part = services.part(broker, "joiner", 0)

    def samples() -> list[dict[str, Any]]:
        return [s for s in own("training.samples", "TrainingSample") if s["session_id"] == session]

    put(broker, session, names[: TASKS // 2])
    with running_part(part, tmp_path):  # killed at the end of the block, wherever it is by then
        until(samples, 30, "a first sample")
        put(broker, session, names[TASKS // 2 :])
    for name, value in as_env(broker).items():
        monkeypatch.setenv(name, value)
    early = CliRunner().invoke(headway, ["feedback", names[0], "negative", "--comment", "It is about something else"])
    assert early.exit_code == 0, early.output
    kafka_producer = kafka.producer(broker)
    kafka_producer.produce("feedback.given", NONSENSE, session)
    stranger = feedback(names[1], "negative", session_id=session, tenant_id="stranger")
    kafka_producer.produce("feedback.given", encode("FeedbackGiven", stranger), session)
    kafka_producer.flush(10)
    with running_part(part, tmp_path):
        until(lambda: len({s["task_id"] for s in samples()}) == TASKS, 60, "all samples")
        revised = until(lambda: [s for s in samples() if s["feedback"]], 30, "the sample with feedback")[-1]
        late = CliRunner().invoke(headway, ["feedback", names[0], "positive", "--score", "0.9"])
        assert late.exit_code == 0, late.output
        until(lambda: [s for s in samples() if s["label"] == 1.0], 30, "the corrected sample")
        shown = CliRunner().invoke(headway, ["samples", "--task", names[0]])
    assert (revised["task_id"], revised["label"], revised["feedback"]) == (names[0], 0.0, "negative")
    found = samples()
    assert len({s["event_id"] for s in found}) == len(found)
    of_first = sorted((s["revision"], s["label"]) for s in found if s["task_id"] == names[0])
    assert [label for _, label in of_first][-2:] == [0.0, 1.0]
    assert [revision for revision, _ in of_first] == list(range(len(of_first)))
    assert len(found) == TASKS - 1 + len(of_first)
    assert "positive" in shown.output and "writer" in shown.output
    letters = [d for d in own("dead.letters", "DeadLetter") if d["service"] == "joiner" and d["payload"] == NONSENSE]
    assert [letter["topic"] for letter in letters] == ["feedback.given"]
