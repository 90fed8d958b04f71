"""What the joiner reads, and one partition of it without a broker: a committed log, written samples, and crashes."""

from collections import Counter
from typing import Any

from processors.sampling import Joiner
from schemas.codec import decode_as, encode
from schemas.events import Decided, Opinion, TrainingSample
from tests.support.world import SECOND

DECIDED: Decided = {
    "router": "rules/2",
    "propensity": 0.5,
    "scorer": None,
    "expected": None,
    "complexity": 0.1,
    "past_success_rate": 0.8,
    "recent_task_count": 3,
    "avg_task_duration_ms": 1500.0,
}


def outcome(task_id: str, **over: Any) -> dict[str, Any]:
    return {
        "event_id": f"{task_id}/outcome",
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "t",
        "status": "completed",
        "output": "Done",
        "error": None,
        "retry_after_ms": None,
        "agent_id": "writer",
        "instance_id": "writer-0",
        "model": None,
        "skill": "documentation",
        "priority": 5,
        "attempts": 1,
        "redos": 0,
        "quality": 0.9,
        "submitted_at": 100 * SECOND,
        "started_at": 102 * SECOND,
        "finished_at": 105 * SECOND,
        "parent_id": None,
        "item_index": None,
        "items": [],
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd_micros": 7,
        "decided": DECIDED,
    } | over


def feedback(task_id: str, kind: str = "positive", at: int = 110 * SECOND, **over: Any) -> dict[str, Any]:
    return {
        "feedback_id": f"{task_id}/{over.get('by', 'ann')}/{at}",
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "t",
        "kind": kind,
        "score": None,
        "comment": "",
        "by": "ann",
        "at": at,
    } | over


def opinion(by: str, kind: Any, *, score: float | None = None, at: int = 0) -> Opinion:
    named: dict[str, Any] = {"by": by, "session_id": "s", "tenant_id": "t", "feedback_id": f"{by}/{at}"}
    return {**named, "kind": kind, "score": score, "at": at}  # type: ignore[typeddict-item]


def sample(task_id: str = "t", text: str = "boats", **over: Any) -> TrainingSample:
    """As the joiner writes it."""
    made: dict[str, Any] = {
        "event_id": f"{task_id}/sample/{over.get('revision', 0)}",
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "acme",
        "revision": 0,
        "at": 0,
        "text": text,
        "skill": "light",
        "agent_id": "quick-helper",
        "model": None,
        "priority": 5,
        "item_count": 0,
        "decided": DECIDED,
        "status": "completed",
        "quality": 0.9,
        "feedback": None,
        "score": None,
        "label": {None: 0.5, "positive": 1.0, "neutral": 0.5, "negative": 0.0}[over.get("feedback")],
        "cost_usd_micros": 0,
        "wait_ms": 0,
        "duration_ms": 0,
        "submitted_at": 0,
        "finished_at": 1,
    }
    return made | over  # type: ignore[return-value]


class Partition:
    """`do` is one transaction; with `crash` it dies before the commit, and the event comes again."""

    def __init__(self, remembered_max: int = 1000) -> None:
        self._remembered_max = remembered_max
        self.now = 200 * SECOND
        self.log: dict[str, bytes] = {}
        self.samples: list[dict[str, Any]] = []
        self.untaught: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.joiner = Joiner(remembered_max)

    def do(self, what: str, event: Any, *, crash: bool = False) -> list[dict[str, Any]]:
        self.now += 1
        getattr(self.joiner, what)(event, self.now)
        told = self.joiner.take()
        if crash:
            self.crash()
            return self.do(what, event)
        for task_id, packed in told.records.items():
            self.log.pop(task_id, None)
            if packed is not None:
                self.log[task_id] = packed
        written = [decode_as("TrainingSample", encode("TrainingSample", sample)) for sample in told.samples]
        self.samples += written
        self.untaught += told.untaught
        self.lost += told.lost
        return written

    def crash(self) -> None:
        self.joiner = Joiner(self._remembered_max)
        self.joiner.restore(self.log.values())

    def newest(self) -> dict[str, dict[str, Any]]:
        """By task what its newest sample says, but for how it came to that."""
        newest = {s["task_id"]: s for s in sorted(self.samples, key=lambda s: s["revision"])}
        return {
            task_id: {k: v for k, v in sample.items() if k not in ("event_id", "revision", "at")}
            for task_id, sample in newest.items()
        }
