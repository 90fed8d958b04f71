"""A turn of a conversation: what somebody asked and what has come of it, told from the task's events alone. Pure.

A turn can be told as of any place in the topics: give it the events before that place, and the live messages after it
go on exactly where its `attempt` and `sequence` are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.record import Record
from gateway.timeline import time_of_event
from gateway.way import way_of
from processors.conversation import Exchange

TEXT_BYTES_MAX = 65_536
ANSWER_BYTES_MAX = 131_072
"""Of what one turn shows: a whole conversation has to fit a message that clients take. The rest is with the task."""

_PLAIN = {
    "text": "",
    "text_whole": True,
    "by": None,
    "asked": dict.fromkeys(("agent_id", "skill", "model")),
    "at": 0,
    "state": "submitted",
    "skill": None,
    "agent_id": None,
    "instance_id": None,
    "model": None,
    "router": None,
    "confidence": None,
    "reason": None,
    "steps": (),
    "attempt": 0,
    "sequence": -1,
    "answer": "",
    "answer_whole": True,
    "submitted_at": 0,
    "started_at": None,
    "finished_at": None,
    "quality": None,
    "attempts": 0,
    "tokens_in": 0,
    "tokens_out": 0,
    "cost_usd_micros": 0,
    "error": None,
    "feedback": None,
}
"""A turn of which nothing is known yet."""

TITLE_CHARS = 80
"""Of its first message, as the name of a conversation."""

ASKED = ("agent_id", "skill", "model")
"""What a message may ask for."""


def turn_of(task_id: str, records: Iterable[Record]) -> dict[str, Any]:
    """What is known of it; where its text is not all there, as when too much was streamed, it says so."""
    turn: dict[str, Any] = {"task_id": task_id, **_PLAIN}
    streamed = _Streamed()
    for record in sorted(records, key=_order):
        if record.name == "TaskProgress":
            streamed.add(record.event)
        if record.name in _CHANGE:
            _CHANGE[record.name](turn, record.event)
    streamed.into(turn)
    return bounded(turn)


def bounded(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn with its texts cut to what it may show; it says which are whole."""
    for name, bytes_max in (("text", TEXT_BYTES_MAX), ("answer", ANSWER_BYTES_MAX)):
        data = turn[name].encode(errors="replace") if len(turn[name]) * 4 > bytes_max else b""
        if len(data) > bytes_max:
            turn[name] = data[:bytes_max].decode(errors="ignore")
            turn[f"{name}_whole"] = False
    return turn


def exchange_of(turn: Mapping[str, Any]) -> Exchange:
    """What is remembered of it; of an answer that was stopped, what was said until then."""
    ended = turn["finished_at"] is not None
    answer = turn["answer"] if ended and turn["state"] in ("completed", "cancelled") else ""
    return Exchange(turn["text"], answer, turn["submitted_at"], turn["finished_at"] or turn["submitted_at"])


class _Streamed:
    """What attempts tell of themselves while they run, each word once."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, str]] = {}

    def add(self, event: Mapping[str, Any]) -> None:
        text = event["message"] if event["kind"] == "text" else ""
        self._of.setdefault(event["attempt"], {})[event["sequence"]] = text

    def into(self, turn: dict[str, Any]) -> None:
        # An attempt that was begun anew has not said anything yet.
        turn["attempt"] = max([turn["attempt"], *self._of])
        pieces = self._of.get(turn["attempt"], {})
        turn["sequence"] = max(pieces, default=-1)
        if turn["state"] != "completed" and not turn["answer"]:
            turn["answer"] = "".join(piece for _, piece in sorted(pieces.items()))
            first = min(pieces, default=0)
            turn["answer_whole"] = first <= 1 and len(pieces) == turn["sequence"] + 1 - first


def _order(record: Record) -> tuple[int, int, int, int]:
    """As things happen to a task, whatever topics they lie on."""
    event = record.event
    match record.name:
        case "TaskSubmitted":
            return 0, 0, 0, record.offset
        case "RoutingDecision":
            return 1, 0, 0, 0
        case "TaskAssigned":
            return 2, event["attempt"], 0 if event["kind"] == "run" else 2, 0
        case "TaskProgress":
            return 2, event["attempt"], 1, event["sequence"]
        case "TaskResult":
            return 2, event["attempt"], 3, event["kind"] != "step"
        case "Evaluation":
            return 2, event["attempt"], 4, 0
        case "TaskOutcome":
            return 3, 0, 0, 0
    return 4, time_of_event(event), 0, record.offset


def _submitted(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    if turn["text"]:
        return  # handed in again: what it said first counts
    turn |= {"text": e["text"], "by": e["by"], "at": e["submitted_at"], "submitted_at": e["submitted_at"]}
    turn["asked"] = {name: e[name] for name in ASKED}
    turn |= turn["asked"]


def _decided(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    if not e["refusal"]:
        turn |= {name: e[name] for name in ("agent_id", "skill", "router", "confidence", "reason")}
        turn |= {"model": e["model"] or turn["model"], "steps": way_of(e), "state": "queued"}


def _assigned(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    if e["kind"] == "cancel":
        turn["state"] = "cancelling"
        return
    turn |= {"state": "assigned", "agent_id": e["agent_id"], "instance_id": e["instance_id"], "attempt": e["attempt"]}


def _progress(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    if e["attempt"] < turn["attempt"]:
        return
    turn |= {"attempt": e["attempt"], "agent_id": e["agent_id"], "instance_id": e["instance_id"], "state": "running"}
    if e["kind"] == "started":
        turn["started_at"] = turn["started_at"] or e["at"]


def _result(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    turn["model"] = e["model"] or turn["model"]
    if e["kind"] != "step" and e["attempt"] >= turn["attempt"]:
        turn["state"] = "judged" if e["kind"] == "completed" else "waiting to retry"
        turn["error"] = e["error"]


def _evaluated(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    turn["quality"] = e["quality"]


def _ended(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    names = ("agent_id", "instance_id", "model", "quality", "attempts", "started_at", "finished_at", "error")
    turn |= {name: e[name] for name in names if e[name] is not None or name in ("error", "quality")}
    turn |= {name: e[name] for name in ("tokens_in", "tokens_out", "cost_usd_micros")}
    turn |= {"state": e["status"], "answer": e["output"]}
    if e["status"] == "completed":
        turn["model"] = e["model"]  # null: what was chosen was not asked, as by a simulated agent


def _feedback(turn: dict[str, Any], e: Mapping[str, Any]) -> None:
    turn["feedback"] = {name: e[name] for name in ("kind", "score", "comment", "by", "at")}


_CHANGE = {
    "TaskSubmitted": _submitted,
    "RoutingDecision": _decided,
    "TaskAssigned": _assigned,
    "TaskProgress": _progress,
    "TaskResult": _result,
    "Evaluation": _evaluated,
    "TaskOutcome": _ended,
    "FeedbackGiven": _feedback,
}
