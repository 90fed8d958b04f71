"""The joiner's decisions for one partition: what was asked, how it ended and what people said become samples.

Submissions, outcomes and feedback may come in any order, late and repeated; the newest sample of a task is the same
whatever the order. Each task is one record, packed as the log has it: `take` hands over what has to be written, and
`restore` reads it back after a crash. What a record means to be learned is left to labels.py.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from processors.features import ends
from processors.labels import KINDS, label, nothing_to_learn, score, word
from processors.remembered import Remembered
from schemas.codec import decode_as, encode
from schemas.events import (
    Ended,
    FeedbackGiven,
    FeedbackKind,
    Opinion,
    SampleRecord,
    TaskOutcome,
    TaskSubmitted,
    TrainingSample,
)

OPINIONS_MAX = 100
"""People whose word on one task is kept, those who spoke last."""


class Told(NamedTuple):
    """What came of the events since the last time."""

    samples: list[TrainingSample]
    records: dict[str, bytes | None]
    """By task; None: forgotten."""
    untaught: Counter[str]
    """Tasks that teach nothing, by the reason."""
    lost: Counter[str]
    """What no sample can say any more: `task`, forgotten before it ended; `late_feedback`, of a task that seems to be
    forgotten; `feedback`, forgotten before its task came."""


class Joiner:
    """Remembers `remembered_max` tasks that wait for a part, and as many that have their sample, for late feedback."""

    def __init__(self, remembered_max: int) -> None:
        self._remembered_max = remembered_max
        self._open: dict[str, bytes] = {}
        """Tasks whose submission or outcome has not come; the one known for longest first."""
        self._joined: dict[str, bytes] = {}
        """Tasks that have a sample, the oldest first."""
        self._untaught = Remembered(remembered_max)
        """Tasks that teach nothing: what else comes of them is passed over."""
        self._newest_end = 0
        self._told = _nothing()

    @property
    def waiting(self) -> int:
        return len(self._open)

    def restore(self, records: Iterable[bytes]) -> None:
        """Becomes what the log says."""
        known = [(decode_as("SampleRecord", value), value) for value in records]
        for record, value in sorted(known, key=lambda each: each[0]["at"]):
            (self._joined if _is_whole(record) else self._open)[record["task_id"]] = value
        self._forget()

    def submitted(self, task: TaskSubmitted, now: int) -> None:
        task_id = task["task_id"]
        if self._is_over(task_id):
            return
        record = self._of(task_id)
        if record["text"] is None:
            if record["ended"] is None:
                record["session_id"], record["tenant_id"] = task["session_id"], task["tenant_id"]
            record["text"], record["item_count"] = ends(task["text"]), len(task["items"])
            self._learned(record, now)

    def outcome(self, outcome: TaskOutcome, now: int) -> None:
        task_id = outcome["task_id"]
        self._newest_end = max(self._newest_end, outcome["finished_at"])
        if self._is_over(task_id):
            return
        if reason := nothing_to_learn(outcome):
            self._told.untaught[reason] += 1
            self._untaught.add(task_id)
            if self._open.pop(task_id, None) is not None:
                self._told.records[task_id] = None
            return
        record = self._of(task_id)
        if record["ended"] is None:
            record["session_id"], record["tenant_id"] = outcome["session_id"], outcome["tenant_id"]
            record["ended"] = _ended(outcome)
            self._learned(record, now)

    def feedback(self, said: FeedbackGiven, now: int) -> None:
        """A kind that is newer than this program says nothing to it."""
        task_id = said["task_id"]
        if task_id in self._untaught or said["kind"] not in KINDS:
            return
        record = self._of(task_id)
        opinions = _with(record["opinions"], said)
        if opinions == record["opinions"]:
            return
        known = record["text"] is not None or record["ended"] is not None
        if not known and not record["opinions"] and said["at"] < self._newest_end:
            self._told.lost["late_feedback"] += 1  # it stays all the same, should a clock be wrong
        before = _verdict(record)
        record["opinions"] = opinions
        self._learned(record, now, before)

    def take(self) -> Told:
        told, self._told = self._told, _nothing()
        return told

    # -- details ----------------------------------------------------------------------------------------------------

    def _is_over(self, task_id: str) -> bool:
        return task_id in self._joined or task_id in self._untaught

    def _of(self, task_id: str) -> SampleRecord:
        packed = self._joined.get(task_id) or self._open.get(task_id)
        record: SampleRecord = decode_as("SampleRecord", packed) if packed else _unknown(task_id)
        return record

    def _learned(self, record: SampleRecord, now: int, before: object = None) -> None:
        """Keeps what is known of a task, and writes its sample when that says something new."""
        task_id, whole = record["task_id"], _is_whole(record)
        record["at"] = now
        if whole and (record["revisions"] == 0 or _verdict(record) != before):
            self._told.samples.append(_sample(record, now))
            record["revisions"] += 1
        packed = encode("SampleRecord", record)
        self._told.records[task_id] = packed
        if whole:
            self._open.pop(task_id, None)
            self._joined[task_id] = packed
        else:
            self._open[task_id] = packed
        self._forget()

    def _forget(self) -> None:
        while len(self._open) > self._remembered_max:
            task_id = next(iter(self._open))
            given_up = decode_as("SampleRecord", self._open.pop(task_id))
            of_task = given_up["text"] is not None or given_up["ended"] is not None
            self._told.lost["task" if of_task else "feedback"] += 1
            self._told.records[task_id] = None
        while len(self._joined) > self._remembered_max:
            task_id = next(iter(self._joined))
            del self._joined[task_id]
            self._told.records[task_id] = None


def _nothing() -> Told:
    return Told([], {}, Counter(), Counter())


def _unknown(task_id: str) -> SampleRecord:
    return {
        "task_id": task_id,
        "session_id": "",
        "tenant_id": "",
        "at": 0,
        "text": None,
        "item_count": 0,
        "ended": None,
        "opinions": [],
        "revisions": 0,
    }


def _is_whole(record: SampleRecord) -> bool:
    return record["text"] is not None and record["ended"] is not None


def _ended(outcome: TaskOutcome) -> Ended:
    decided, agent_id = outcome["decided"], outcome["agent_id"]
    assert decided is not None and agent_id is not None
    started_at = outcome["started_at"] or outcome["finished_at"]
    return {
        "skill": outcome["skill"] or "",
        "agent_id": agent_id,
        "model": outcome["model"],
        "priority": outcome["priority"],
        "decided": decided,
        "status": outcome["status"],
        "quality": outcome["quality"],
        "cost_usd_micros": outcome["cost_usd_micros"],
        "wait_ms": max(0, started_at - outcome["submitted_at"]) // 1000,
        "duration_ms": max(0, outcome["finished_at"] - started_at) // 1000,
        "submitted_at": outcome["submitted_at"],
        "finished_at": outcome["finished_at"],
    }


def _with(opinions: list[Opinion], said: FeedbackGiven) -> list[Opinion]:
    """What people said last, a person once, in the order of their words; so many as are kept."""
    person = (said["by"], said["session_id"], said["tenant_id"])
    opinion: Opinion = {
        "by": said["by"],
        "session_id": said["session_id"],
        "tenant_id": said["tenant_id"],
        "kind": said["kind"],
        "score": said["score"],
        "at": said["at"],
        "feedback_id": said["feedback_id"],
    }
    same = next((o for o in opinions if (o["by"], o["session_id"], o["tenant_id"]) == person), None)
    if same is not None and _time(same) >= _time(opinion):
        return opinions
    others = [o for o in opinions if o is not same]
    return sorted([*others, opinion], key=_time)[-OPINIONS_MAX:]


def _time(opinion: Opinion) -> tuple[int, str, str]:
    return opinion["at"], opinion["feedback_id"], opinion["by"]


def _counting(record: SampleRecord) -> list[Opinion]:
    """Words of those who named the task's own session and tenant: nobody judges the answers of others."""
    place = (record["session_id"], record["tenant_id"])
    return [opinion for opinion in record["opinions"] if (opinion["session_id"], opinion["tenant_id"]) == place]


def _verdict(record: SampleRecord) -> tuple[FeedbackKind | None, float | None, float] | None:
    """What may differ between the samples of a task."""
    if record["ended"] is None:
        return None
    opinions = _counting(record)
    return word(opinions), score(opinions), label(record["ended"]["status"], opinions)


def _sample(record: SampleRecord, now: int) -> TrainingSample:
    ended, text, verdict = record["ended"], record["text"], _verdict(record)
    assert ended is not None and text is not None and verdict is not None
    feedback, given, to_learn = verdict
    return {
        "event_id": f"{record['task_id']}/sample/{record['revisions']}",
        "task_id": record["task_id"],
        "session_id": record["session_id"],
        "tenant_id": record["tenant_id"],
        "revision": record["revisions"],
        "at": now,
        "text": text,
        "skill": ended["skill"],
        "agent_id": ended["agent_id"],
        "model": ended["model"],
        "priority": ended["priority"],
        "item_count": record["item_count"],
        "decided": ended["decided"],
        "status": ended["status"],
        "quality": ended["quality"],
        "feedback": feedback,
        "score": given,
        "label": to_learn,
        "cost_usd_micros": ended["cost_usd_micros"],
        "wait_ms": ended["wait_ms"],
        "duration_ms": ended["duration_ms"],
        "submitted_at": ended["submitted_at"],
        "finished_at": ended["finished_at"],
    }
