"""Which tasks the line takes at all: the limits on what a submitter may ask, each with a sentence that says so."""

from dataclasses import dataclass

from processors import conversation
from schemas.events import TaskSubmitted

ID_CHARS_MAX = 200
TRIES_MAX = 100
"""Most retries or redos a task may ask for: more would keep a hopeless task in the line for days."""

TASK_BYTES_MAX = 400_000
"""A whole TaskSubmitted message: what the line writes about a task must fit a Kafka message of 1 MB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the same names."""

    text_bytes_max: int = 65536
    items_max: int = 100


def objection(task: TaskSubmitted, limits: Limits) -> str | None:
    """Why the task cannot be taken, and what to do; None when it can."""
    return bad_ids(task) or _of_text(task, limits) or conversation.objection(task["conversation"]) or _of_numbers(task)


def oversize(message_bytes: int) -> str | None:
    """Why a message of this size cannot be taken; None when it can."""
    if message_bytes <= TASK_BYTES_MAX:
        return None
    return f"The task is {message_bytes:,} bytes long with its items and may have {TASK_BYTES_MAX:,}; split it."


def bad_ids(task: TaskSubmitted) -> str | None:
    """What is wrong with the ids; such a task cannot even have an outcome."""
    for field in ("task_id", "session_id", "tenant_id"):
        value: str = task[field]
        if not value or len(value) > ID_CHARS_MAX:
            return f"The {field} has {len(value)} characters; give it 1 to {ID_CHARS_MAX}."
    if task["task_id"][0] in "@#":
        # The logs keep their own records under keys that begin so.
        return 'The task_id begins with "@" or "#", which the line keeps for itself; choose another.'
    return None


def _of_text(task: TaskSubmitted, limits: Limits) -> str | None:
    if not task["text"].strip():
        return "The task has no text; say in words what is to be done."
    if len(task["items"]) > limits.items_max:
        return f"The task has {len(task['items'])} items and may have {limits.items_max}; split it into several tasks."
    for name, text in [("text", task["text"]), *((f"item {i}", item) for i, item in enumerate(task["items"]))]:
        # A character has at most 4 bytes, so most texts need not be encoded to be measured.
        if len(text) * 4 > limits.text_bytes_max and (size := len(text.encode())) > limits.text_bytes_max:
            return f"The {name} has {size} bytes and may have {limits.text_bytes_max}; shorten it or split the task."
        if not text.strip():
            return f"The {name} is empty; leave it out or say what is to be done."
    return None


def _of_numbers(task: TaskSubmitted) -> str | None:
    if not 1 <= task["priority"] <= 10:
        return f"The priority is {task['priority']}; it goes from 1 (first) to 10 (last)."
    timeout_ms = task["timeout_ms"]
    if timeout_ms is not None and timeout_ms < 1:
        return f"The timeout is {timeout_ms} ms; it has to be positive, or null for the line's own."
    for field in ("retries_max", "redos_max"):
        value: int | None = task[field]
        if value is not None and not 0 <= value <= TRIES_MAX:
            return f"The {field} is {value}; it goes from 0 to {TRIES_MAX}, or null for the line's own."
    return None
