"""The joiner service: submissions, outcomes and feedback in, training samples out."""

import math
import os
from collections.abc import Mapping

import structlog

from infra import metrics
from infra.settings import Settings
from processors.admission import ID_CHARS_MAX, bad_ids
from processors.sampling import Joiner
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import FeedbackGiven, TaskOutcome
from streams.app import Line
from streams.shard import Write

SUBMITTED, OUTCOMES, FEEDBACK = "tasks.submitted", "tasks.outcomes", "feedback.given"
TOPICS = [SUBMITTED, OUTCOMES, FEEDBACK]
LOG = "samples.log"
SAMPLES = "training.samples"
LINGER_S = 0.5
"""Nobody waits for a sample, so few transactions hold many of them."""
_NICENESS = 10
"""Where processors are short, the line goes first."""
_NEVER = 2**62

log = structlog.get_logger()


class JoinDesk:
    """Bytes to events to `processors.sampling`, and back."""

    def __init__(self, partition: int, remembered_max: int) -> None:
        self._partition = partition
        self._joiner = Joiner(remembered_max)
        metrics.SAMPLES_WAITING.labels(partition).set(0)

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        self._joiner.restore(records.values())

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        if topic == SUBMITTED:
            self._submitted(value, now)
        elif topic == OUTCOMES:
            outcome: TaskOutcome = decode_as("TaskOutcome", value)
            _count(outcome)
            self._joiner.outcome(outcome, now)
        else:
            said: FeedbackGiven = decode_as("FeedbackGiven", value)
            if wrong := _objection(said):
                raise BadMessage(wrong)
            self._joiner.feedback(said, now)

    def _submitted(self, value: bytes | None, now: int) -> None:
        """What makes no sense as a submission is set aside by the router, which reads it too."""
        try:
            task = decode_as("TaskSubmitted", value)
        except BadMessage:
            metrics.BAD_MESSAGES.labels(SUBMITTED).inc()
            return
        if not bad_ids(task):
            self._joiner.submitted(task, now)

    def tick(self, now: int) -> None:
        """Nothing here waits for time."""

    def due_at(self) -> int:
        return _NEVER

    def take(self, now: int) -> list[Write]:
        told = self._joiner.take()
        metrics.SAMPLES_WAITING.labels(self._partition).set(self._joiner.waiting)
        for sample in told.samples:
            metrics.SAMPLES.labels("revised" if sample["revision"] else "first").inc()
        for reason, count in told.untaught.items():
            metrics.SAMPLES_UNTAUGHT.labels(reason).inc(count)
        for what, count in told.lost.items():
            metrics.SAMPLES_LOST.labels(what).inc(count)
        if told.lost:
            log.warning("no sample will tell of these: raise samples_remembered", **told.lost)
        writes = [Write(SAMPLES, s["task_id"], encode("TrainingSample", s), s["task_id"]) for s in told.samples]
        return writes + [Write(LOG, task_id, packed) for task_id, packed in told.records.items()]

    def close(self) -> None:
        metrics.SAMPLES_WAITING.remove(self._partition)


def _count(outcome: TaskOutcome) -> None:
    if outcome["decided"] is not None and outcome["status"] in ("completed", "failed", "dead_lettered"):
        by = "rules" if outcome["decided"]["router"].startswith("rules") else "learned"
        accepted = outcome["status"] == "completed" and outcome["redos"] == 0
        metrics.CHOSEN_ENDED.labels(by, str(accepted).lower()).inc()


def _objection(said: FeedbackGiven) -> str | None:
    """What is wrong with a word of feedback; the doors of the line let no such thing in, but others may write too."""
    for field in ("feedback_id", "task_id", "session_id", "tenant_id", "by"):
        value: str = said[field]
        if not value or len(value) > ID_CHARS_MAX:
            return f"The {field} has {len(value)} characters; give it 1 to {ID_CHARS_MAX}."
    if said["task_id"][0] in "@#":
        return 'The task_id begins with "@" or "#", which no task has.'
    score = said["score"]
    if score is not None and not (math.isfinite(score) and 0 <= score <= 1):
        return f"The score is {score}; it goes from 0 to 1, or is null."
    return None


def main(settings: Settings, index: int) -> None:
    os.nice(_NICENESS)

    def desk(partition: int) -> JoinDesk:
        return JoinDesk(partition, settings.samples_remembered)

    Line(settings, "joiner", index, TOPICS, LOG, desk, linger_s=LINGER_S).run()
