"""Which part of a conversation a task carries with it, so that whoever works on it knows what was said before. Pure.

It is the newest part that was not broken by a long silence, in whole messages. It travels in the task itself: who works
on the task needs no store, and a replay of the topic sees the same.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.events import ConversationMessage

MESSAGES_MAX = 50
SILENCE_US = 3_600_000_000
"""After an hour in which nobody said anything one talks of something else."""

BYTES_MAX = 65_536
"""Of all texts together: as much as a task's own text may have, for every hop of the line carries it."""


class Exchange(NamedTuple):
    """What was asked, and what came of it."""

    text: str
    answer: str
    """Empty where there is none, or none yet."""
    at: int
    """When it was asked [µs, UTC]"""
    ended_at: int
    """When the answer was whole, else as `at` [µs, UTC]"""


def remembered(newest_first: Iterable[Exchange], now_us: int) -> list[ConversationMessage]:
    """The messages before one that is said now, oldest first; it begins with a question. No more of `newest_first` is
    taken than is looked at.
    """
    kept: list[ConversationMessage] = []
    room = BYTES_MAX
    silent_since = now_us
    for exchange in newest_first:
        # How long an answer takes is no silence.
        if silent_since - max(exchange.at, exchange.ended_at) > SILENCE_US:
            break
        silent_since = exchange.at
        for message in _messages(exchange):
            room -= len(message["text"].encode(errors="replace"))
            if room < 0 or len(kept) == MESSAGES_MAX:
                return _from_a_question(kept)
            kept.append(message)
    return _from_a_question(kept)


def _messages(exchange: Exchange) -> list[ConversationMessage]:
    """Newest first."""
    answer: list[ConversationMessage] = [{"role": "assistant", "text": exchange.answer}] if exchange.answer else []
    return [*answer, {"role": "user", "text": exchange.text}]


def _from_a_question(newest_first: Sequence[ConversationMessage]) -> list[ConversationMessage]:
    messages = list(reversed(newest_first))
    while messages and messages[0]["role"] == "assistant":
        messages.pop(0)
    return messages


def objection(conversation: Sequence[ConversationMessage]) -> str | None:
    """Why a task cannot carry this conversation, and what to do; None when it can."""
    if len(conversation) > MESSAGES_MAX:
        return f"The conversation has {len(conversation)} messages and may have {MESSAGES_MAX}; leave the oldest out."
    chars = sum(len(message["text"]) for message in conversation)
    if chars * 4 <= BYTES_MAX:
        return None
    size = sum(len(message["text"].encode(errors="replace")) for message in conversation)
    if size > BYTES_MAX:
        return f"The conversation has {size:,} bytes and may have {BYTES_MAX:,}; leave the oldest messages out."
    return None


def alternating(conversation: Sequence[ConversationMessage], text: str) -> list[tuple[str, str]]:
    """Role and text of each message up to the task's own, by turns as models want them: a question, an answer, and so
    on to the task itself. Messages of one role that follow each other become one; empty ones are left out.
    """
    turns: list[tuple[str, str]] = []
    said = [(_role(message), message["text"]) for message in conversation if message["text"].strip()]
    for role, part in [*said, ("user", text)]:
        if turns and turns[-1][0] == role:
            turns[-1] = role, f"{turns[-1][1]}\n\n{part}"
        elif turns or role == "user":
            turns.append((role, part))
    return turns


def _role(message: ConversationMessage) -> str:
    return "assistant" if message["role"] == "assistant" else "user"
