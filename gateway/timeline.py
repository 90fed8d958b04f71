"""The story of one task, told from its events alone. Pure: events in, entries out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.record import Record
from gateway.units import duration, many, money, short

ORDER = (
    "TaskSubmitted",
    "RoutingDecision",
    "TaskMoved",
    "TaskAssigned",
    "TaskProgress",
    "TaskResult",
    "Evaluation",
    "TaskCommand",
    "ItemFinished",
    "DeadLetter",
    "TaskOutcome",
    "FeedbackGiven",
    "TrainingSample",
)
"""How events of the same microsecond follow each other."""

TIME_FIELDS = ("at", "finished_at", "decided_at", "assigned_at", "submitted_at")
"""When an event happened: the first of these that it has."""


@dataclass
class Entry:
    at: int
    title: str
    record: Record
    details: list[str] = field(default_factory=list)


@dataclass
class Story:
    task_id: str
    submitted: dict[str, Any] | None
    outcome: dict[str, Any] | None
    started_at: int | None
    entries: list[Entry]
    children: dict[str, str]
    """Subtasks with their status, `open` while they have no outcome."""

    @property
    def status(self) -> str:
        return str(self.outcome["status"]) if self.outcome else "open"

    @property
    def waits_for(self) -> str | None:
        """The agent in whose queue it is; null when it has ended, is not routed yet, or an instance has it."""
        agent: str | None = None
        held: set[int] = set()
        """Attempts that an instance has."""
        for entry in self.entries:
            name, event = entry.record.name, entry.record.event
            if name in ("RoutingDecision", "TaskMoved"):  # only what waits is moved
                agent = event["agent_id"]
                held.clear()
            elif name == "TaskAssigned" and event["kind"] == "run":
                held.add(event["attempt"])
            elif name == "TaskAssigned" or (name == "TaskResult" and event["kind"] != "step"):
                held.discard(event["attempt"])
        return None if self.outcome or held else agent


def time_of_event(event: dict[str, Any]) -> int:
    return next(int(event[name]) for name in TIME_FIELDS if event.get(name) is not None)


def story_of(task_id: str, records: Iterable[Record]) -> Story:
    """Entries in the order of time; a repeat of an event (the same event id) is told once."""
    own: dict[str, Record] = {}
    children: dict[str, str] = {}
    for record in records:
        if record.event.get("task_id") == task_id:
            own.setdefault(record.event.get("event_id", record.place), record)
        elif record.event.get("parent_id") == task_id:
            if record.name == "TaskOutcome":
                children[record.event["task_id"]] = record.event["status"]
            else:
                children.setdefault(record.event["task_id"], "open")
    ordered = sorted(own.values(), key=lambda r: (time_of_event(r.event), ORDER.index(r.name)))
    return Story(
        task_id=task_id,
        submitted=_first(ordered, "TaskSubmitted"),
        outcome=_first(ordered, "TaskOutcome"),
        started_at=next((_started(r) for r in ordered if _started(r) is not None), None),
        entries=list(_entries(ordered)),
        children=dict(sorted(children.items(), key=lambda child: _index(child[0]))),
    )


def _first(records: list[Record], name: str) -> dict[str, Any] | None:
    return next((r.event for r in records if r.name == name), None)


def _started(record: Record) -> int | None:
    if record.name == "TaskProgress" and record.event["kind"] == "started":
        return int(record.event["at"])
    if record.name in ("TaskResult", "TaskOutcome"):
        started: int | None = record.event["started_at"]
        return started
    return None


def _index(task_id: str) -> tuple[str, int]:
    parent, _, index = task_id.rpartition(".")
    return parent, int(index) if index.isdigit() else 0


def _entries(records: list[Record]) -> Iterator[Entry]:
    """One entry an event, but pieces of streamed text that follow each other are one."""
    streamed: Entry | None = None
    pieces = 0
    for record in records:
        if record.name == "TaskProgress" and record.event["kind"] == "text":
            if streamed is None:
                streamed, pieces = Entry(time_of_event(record.event), "", record), 0
                yield streamed
            pieces += 1
            streamed.title = f"answer streams ({pieces} piece{'s' if pieces > 1 else ''})"
            continue
        streamed = None
        title, details = TELL[record.name](record.event)
        yield Entry(time_of_event(record.event), title, record, details)


def _submitted(e: dict[str, Any]) -> tuple[str, list[str]]:
    facts = [f"priority {e['priority']}", f"tenant {e['tenant_id']}", f"session {e['session_id']}"]
    facts += [f"{name.removesuffix('_id')} {e[name]}" for name in ("agent_id", "skill", "model") if e[name]]
    if e["items"]:
        facts.append(f"{len(e['items'])} items")
    if e["conversation"]:
        facts.append(f"{len(e['conversation'])} messages before it")
    if e["by"]:
        facts.append(f"by {e['by']}")
    if e["redrive_of"]:
        facts.append(f"redrive of {e['redrive_of']}")
    return "submitted: " + ", ".join(facts), [short(e["text"], 200)]


def _decision(e: dict[str, Any]) -> tuple[str, list[str]]:
    if e["refusal"]:
        return f"not routed: {e['refusal']}", []
    where = f"routed to {e['agent_id']}" if e["agent_id"] else f"waits for its items in {e['pool']}"
    facts = f"{e['skill'] or 'no skill'}, confidence {e['confidence']:.2f}, {e['router']}"
    steps = [f"{s['step']}: {s['result']}: {s['reason']}" for s in e.get("steps", [])]
    candidates = [f"{c['score']:.2f} {c['agent_id']}: {c['reason']}" for c in e["candidates"]]
    return f"{where} ({facts}): {e['reason']}", [*steps, *candidates]


def _moved(e: dict[str, Any]) -> tuple[str, list[str]]:
    return f"moved from {e['from_agent_id']} to {e['agent_id']}: {e['reason']}", []


def _assigned(e: dict[str, Any]) -> tuple[str, list[str]]:
    if e["kind"] == "cancel":
        return f"attempt {e['attempt']} taken back from {e['instance_id']}: {e['reason']}", []
    kept = f", {len(e['steps'])} finished steps kept" if e["steps"] else ""
    feedback = [f"feedback: {e['feedback']}"] if e["feedback"] else []
    return f"attempt {e['attempt']} given to {e['instance_id']}{kept}", feedback


def _progress(e: dict[str, Any]) -> tuple[str, list[str]]:
    if e["kind"] == "started":
        return f"attempt {e['attempt']} started on {e['instance_id']}", []
    if e["kind"] == "step":
        return f"step finished: {e['message']}", []
    share = "at work" if e["fraction"] is None else f"{e['fraction']:.0%} done"
    return e["message"] or share, []


def _bought(e: dict[str, Any]) -> str:
    if not e["tokens_in"] and not e["tokens_out"]:
        return ""
    return f" ({e['tokens_in']} tokens in, {e['tokens_out']} out, {money(e['cost_usd_micros'])})"


def _result(e: dict[str, Any]) -> tuple[str, list[str]]:
    steps = [f"step {s['name']}{_bought(s)}: {short(s['output'], 120)}" for s in e["steps"]]
    if e["kind"] == "step":
        return f"attempt {e['attempt']} reports a finished step", steps
    error = f": {e['error']}" if e["error"] else ""
    again = " (may be tried again)" if e["kind"] == "failed" and e["retryable"] else ""
    return f"attempt {e['attempt']} {e['kind']} on {e['instance_id']}{error}{again}{_bought(e)}", steps


def _evaluation(e: dict[str, Any]) -> tuple[str, list[str]]:
    return f"attempt {e['attempt']} judged {e['quality']:.2f} by {e['evaluator']}: {e['verdict']}", list(e["reasons"])


def _command(e: dict[str, Any]) -> tuple[str, list[str]]:
    return f"{e['kind']} asked for by {e['by']}" + (f": {e['reason']}" if e["reason"] else ""), []


def _item(e: dict[str, Any]) -> tuple[str, list[str]]:
    return f"ends as item {e['item']['index']} of {e['parent_id']}: {e['item']['status']}", []


def _dead_letter(e: dict[str, Any]) -> tuple[str, list[str]]:
    return f"set aside by {e['service']}: {e['reason']}", []


def _outcome(e: dict[str, Any]) -> tuple[str, list[str]]:
    took = duration(e["finished_at"] - e["submitted_at"])
    error = f": {e['error']}" if e["error"] else ""
    quality = f", quality {e['quality']:.2f}" if e["quality"] is not None else ""
    items = [f"item {i['index']} {i['status']} ({i['task_id']})" for i in e["items"]]
    return f"{e['status']} after {took}, {many(e['attempts'], 'attempt')}{quality}{_bought(e)}{error}", items


def _feedback(e: dict[str, Any]) -> tuple[str, list[str]]:
    score = "" if e["score"] is None else f", score {e['score']:.2f}"
    return f"{e['kind']} feedback by {e['by']}{score}", [short(e["comment"], 200)] if e["comment"] else []


def _sample(e: dict[str, Any]) -> tuple[str, list[str]]:
    said = f", for people said {e['feedback']}" if e["feedback"] else ""
    return f"to learn from with label {e['label']:.2f}{said}", []


TELL: dict[str, Callable[[dict[str, Any]], tuple[str, list[str]]]] = {
    "TaskSubmitted": _submitted,
    "RoutingDecision": _decision,
    "TaskMoved": _moved,
    "TaskAssigned": _assigned,
    "TaskProgress": _progress,
    "TaskResult": _result,
    "Evaluation": _evaluation,
    "TaskCommand": _command,
    "ItemFinished": _item,
    "DeadLetter": _dead_letter,
    "TaskOutcome": _outcome,
    "FeedbackGiven": _feedback,
    "TrainingSample": _sample,
}
"""Each event in words: a title and the details under it."""
