"""What happens to a task, as one line for a person each. Pure."""

from collections.abc import Callable
from datetime import datetime

from rich.text import Text

from gateway.cli.output import STATUS_STYLES, in_line
from gateway.client import Message
from gateway.units import duration, money, short

TEXT_CHARS = 100
ID_CHARS = 12
"""The end of an id tells tasks apart: the beginning is the time."""

NEXT = {"accept": "accepted", "redo": "is done again"}


def line_of(message: Message, *, with_task: bool = True) -> Text:
    """The event with its time; `with_task` names whose it is."""
    line = Text(clock(message.timestamp, parts=True), "dim")
    if with_task:
        line.append(f"  {in_line(message.data.get('task_id', ''))[-ID_CHARS:]:<{ID_CHARS}}", "cyan")
    status = message.data.get("status", "") if message.event in ("task_completed", "task_failed") else ""
    style = STATUS_STYLES.get(status, _STYLES.get(message.event, ""))
    return line.append("  ").append(words(message), style)


def words(message: Message) -> str:
    """What happened, without when and to which."""
    say = _SAY.get(message.event)
    return in_line(say(message) if say else message.event.replace("_", " "))


def clock(at_us: int, *, parts: bool = False) -> str:
    """The time of day here; with `parts` of a second."""
    return datetime.fromtimestamp(at_us / 1_000_000).strftime("%H:%M:%S.%f" if parts else "%H:%M:%S")[
        : 12 if parts else 8
    ]


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}".replace("%", " %")


def _submitted(m: Message) -> str:
    items = f", {m.data['items']} items" if m.data["items"] else ""
    agent = f", for {m.data['agent_id']}" if m.data["agent_id"] else ""
    return f"submitted: “{short(m.data['text'], TEXT_CHARS)}” (priority {m.data['priority']}{items}{agent})"


def _queued(m: Message) -> str:
    if m.data["agent_id"] is None:
        return "accepted: its items are tasks of their own"
    skill = f" for {m.data['skill']}" if m.data["skill"] else ""
    return f"queued for {m.data['agent_id']}, chosen{skill} with confidence {m.data['confidence']:.2f}"


def _moved(m: Message) -> str:
    return f"moved from {m.data['from_agent_id']} to {m.data['agent_id']}: {short(m.data['reason'], TEXT_CHARS)}"


def _assigned(m: Message) -> str:
    feedback = f", told: {short(m.data['feedback'], TEXT_CHARS)}" if m.data["feedback"] else ""
    return f"attempt {m.data['attempt']} goes to {m.data['instance_id']}{feedback}"


def _progress(m: Message) -> str:
    said = short(m.data["message"] or "", TEXT_CHARS)
    if m.data["kind"] == "text":
        return f"writes: {said}"
    share = "" if "%" in said else percent(m.progress)
    return f"{share} {said}".strip() or "goes on"


def _attempt_ended(m: Message) -> str:
    data = m.data
    if data["kind"] == "completed":
        return f"attempt {data['attempt']} completed"
    may = ", may be tried again" if data["retryable"] else ""
    return f"attempt {data['attempt']} {data['kind']}: {short(data['error'] or 'no reason given', TEXT_CHARS)}{may}"


def _evaluated(m: Message) -> str:
    why = f": {short('; '.join(m.data['reasons']), TEXT_CHARS)}" if m.data["reasons"] else ""
    return f"judged {m.data['quality']:.2f}, {NEXT.get(m.data['verdict'], m.data['verdict'])}{why}"


def _ended(m: Message) -> str:
    data = m.data
    took = f" after {duration(data['finished_at'] - data['submitted_at'])}"
    cost = f", {money(data['cost_usd_micros'])}" if data["cost_usd_micros"] else ""
    error = f": {short(data['error'], TEXT_CHARS)}" if data["error"] else ""
    return f"{data['status'].replace('_', ' ')}{took}{cost}{error}"


def _presence(m: Message) -> str:
    here = ", ".join(f"{one['name']} ({one['state']})" if one.get("state") else one["name"] for one in m.data["here"])
    return f"here: {here or 'nobody'}"


_SAY: dict[str, Callable[[Message], str]] = {
    "task_submitted": _submitted,
    "task_queued": _queued,
    "task_moved": _moved,
    "agent_assigned": _assigned,
    "task_started": lambda m: f"started on {m.data['instance_id']}",
    "progress_update": _progress,
    "attempt_ended": _attempt_ended,
    "task_evaluated": _evaluated,
    "task_cancelling": lambda m: f"attempt {m.data['attempt']} is taken back: {m.data['reason']}",
    "task_completed": _ended,
    "task_failed": _ended,
    "task_cancelled": _ended,
    "feedback_received": lambda m: f"feedback: {m.data['kind']} {short(m.data['comment'] or '', TEXT_CHARS)}".rstrip(),
    "presence": _presence,
    "gap": lambda m: f"something was missed that cannot be told any more: {m.data['reason']}",
}
_STYLES = {"progress_update": "dim", "task_cancelled": "yellow", "task_cancelling": "yellow", "gap": "red"}
