"""What the topics hold for a client, and whether it was told that: nothing missing, nothing twice, in order. Pure.

It reads the topics by itself, and knows nothing of tokens or of how the gateway puts topics into an order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TOPICS = (
    "tasks.submitted",
    "routing.decisions",
    "tasks.assigned",
    "tasks.progress",
    "tasks.results",
    "evaluations",
    "tasks.outcomes",
    "task.commands",
)
ENDS = ("task_completed", "task_failed", "task_cancelled")
PROGRESS = ("task_started", "progress_update")


class What(NamedTuple):
    """A message as far as it tells which one it is."""

    event: str
    task_id: str
    attempt: int | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class Fact:
    """A record of the topics that somebody is to be told."""

    what: What
    at_ms: int
    """Kafka's time."""
    tenant_id: str
    session_id: str
    agent_id: str | None

    def concerns(self, to: Mapping[str, str]) -> bool:
        ((name, value),) = to.items()
        if name == "task_id":
            return value == self.what.task_id
        return value == "*" or value == getattr(self, name)


@dataclass
class Verdict:
    told: int = 0
    missing: list[What] = field(default_factory=list)
    twice: list[What] = field(default_factory=list)
    unknown: list[What] = field(default_factory=list)
    """Told, but not in the topics."""
    disorder: list[tuple[What, What]] = field(default_factory=list)
    """The first was told before the second, and happened after it."""
    late: int = 0
    """Progress that was read after its task's end, and is not told then."""

    @property
    def holds(self) -> bool:
        return not (self.missing or self.twice or self.unknown or self.disorder)


def what_of_message(message: Mapping[str, Any]) -> What | None:
    """Null for what is about no single task."""
    data = message["data"]
    if "task_id" not in data:
        return None
    return What(message["event"], data["task_id"], data.get("attempt"), data.get("sequence"))


def fact_of(name: str, event: Mapping[str, Any], at_ms: int) -> Fact | None:
    """Null for a record that nobody is told."""
    what = _what_of_record(name, event)
    if what is None or not event.get("tenant_id"):
        return None
    return Fact(what, at_ms, event["tenant_id"], event["session_id"], event.get("agent_id"))


def _what_of_record(name: str, event: Mapping[str, Any]) -> What | None:
    task_id, kind, attempt = event.get("task_id", ""), event.get("kind"), event.get("attempt")
    match name:
        case "TaskSubmitted":
            return What("task_submitted", task_id)
        case "RoutingDecision" if not event["refusal"]:
            return What("task_queued", task_id)
        case "TaskMoved":
            return What("task_moved", task_id)
        case "TaskAssigned":
            return What("task_cancelling" if kind == "cancel" else "agent_assigned", task_id, attempt)
        case "TaskProgress":
            return What("task_started" if kind == "started" else "progress_update", task_id, attempt, event["sequence"])
        case "TaskResult" if kind != "step":
            return What("attempt_ended", task_id, attempt)
        case "Evaluation":
            return What("task_evaluated", task_id, attempt)
        case "TaskOutcome":
            status = event["status"]
            return What(f"task_{status if status in ('completed', 'cancelled') else 'failed'}", task_id)
    return None


def judge(heard: Iterable[What], facts: Iterable[Fact], to: Mapping[str, str]) -> Verdict:
    """A record that stands in the topics twice is one fact: the first of them."""
    told = list(heard)
    held: dict[What, Fact] = {}
    for fact in facts:
        if fact.concerns(to):
            held.setdefault(fact.what, fact)
    counts, verdict = Counter(told), Verdict(told=len(told))
    verdict.twice = [what for what, count in counts.items() if count > 1]
    verdict.unknown = [what for what in counts if what not in held]
    ended = {what.task_id for what in counts if what.event in ENDS}
    for what in held:
        if what not in counts:
            if what.event in (*PROGRESS, "task_moved") and what.task_id in ended:
                verdict.late += 1
            else:
                verdict.missing.append(what)
    verdict.disorder = list(_disorder(told, held))
    return verdict


def _disorder(told: list[What], held: Mapping[What, Fact]) -> Iterable[tuple[What, What]]:
    place: dict[What, int] = {}
    for n, what in enumerate(told):
        place.setdefault(what, n)
    by_task: dict[str, list[What]] = {}
    for what in place:
        by_task.setdefault(what.task_id, []).append(what)
    for of_task in by_task.values():
        for late in of_task:
            for early in of_task:
                if _is_before(early, late) and place[early] > place[late] and _was_before(early, late, held):
                    yield late, early


def _was_before(early: What, late: What, held: Mapping[What, Fact]) -> bool:
    """A result may be written after the next attempt began, when its host had fallen silent."""
    return early in held and late in held and held[early].at_ms <= held[late].at_ms


def _is_before(a: What, b: What) -> bool:
    """Whether a task's `a` is always told before its `b`."""
    if b.event in ENDS:
        return a != b
    match b.event:
        case "task_queued":
            return a.event == "task_submitted"
        case "agent_assigned" if b.attempt is not None:
            return a.event in ("task_queued", "task_submitted") or (
                a.event in ("agent_assigned", "attempt_ended") and a.attempt == b.attempt - 1
            )
        case "task_started" | "attempt_ended" | "task_cancelling":
            return a.event == "agent_assigned" and a.attempt == b.attempt
        case "progress_update":
            if a.event in PROGRESS and a.attempt == b.attempt:
                return (a.sequence or 0) < (b.sequence or 0)
            return a.event == "agent_assigned" and a.attempt == b.attempt
        case "task_evaluated":
            return a.event == "attempt_ended" and a.attempt == b.attempt
    return False
