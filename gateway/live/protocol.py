"""The conversation with one client: what it sends, as what is to be done. A state machine without sockets or clock.

Whatever a client sends ends in one of three ways: it is done, it is refused with a sentence that says what would be
right, or the connection is closed with a code of its own (`limits`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

from gateway.live.limits import (
    MALFORMED,
    NO_PONG,
    PING_S,
    PONG_S,
    REFUSED_MAX,
    REFUSED_TOO_OFTEN,
    TOKEN_OVER,
    TOO_MANY_MESSAGES,
    TOO_MANY_SUBSCRIPTIONS,
    Close,
    Limits,
)
from gateway.live.messages import ALL_TENANTS, Key

NAME_CHARS_MAX = 256
STATE_CHARS_MAX = 64
REF_CHARS_MAX = 64
PRESENT_MAX = 20
"""Sessions that one connection says it is present in."""

BURST_S = 5.0
"""Messages not sent in this time may be sent at once: a page asks for much when it opens."""

KINDS = {"session_id": "session", "task_id": "task", "agent_id": "agent", "tenant_id": "tenant"}
FLAGS = ("fleet", "alerts")


class Subscribe(NamedTuple):
    keys: tuple[Key, ...]
    token: str | None
    """Where to go on; null: with a snapshot."""


class Unsubscribe(NamedTuple):
    keys: tuple[Key, ...]


class Present(NamedTuple):
    session_id: str
    state: str | None
    """What the person does there, in a word; null: not there any more."""


class Say(NamedTuple):
    event: str
    data: dict[str, Any]


class Ping(NamedTuple):
    pass


class Aside(NamedTuple):
    """Something that live progress knows nothing of; it is for whoever made the conversation."""

    action: str
    said: dict[str, Any]
    ref: str | None


Action = Subscribe | Unsubscribe | Present | Say | Ping | Aside | Close


class Refused(Exception):
    """What was asked for is not done. The text says what would be."""


@dataclass(slots=True)
class Conversation:
    limits: Limits
    tenant: str | None
    """The one tenant that the client sees; null: all of them."""
    expires_at: int | None
    """When its access ends [µs]."""
    heard_at: float
    """When something came from it last [s]."""
    keys: set[Key] = field(default_factory=set)
    """What it is subscribed to, or is about to be."""
    present: set[str] = field(default_factory=set)
    """Sessions it says it is in."""
    allowance: float = -1.0
    allowance_at: float = 0.0
    pinged_at: float | None = None
    """When it was pinged and has not answered since."""
    refused: int = 0

    def hear(self, text: str, now_s: float) -> list[Action]:
        self.alive(now_s)
        if not self._may_send(now_s):
            return [TOO_MANY_MESSAGES]
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return [MALFORMED]
        if not isinstance(said, dict):
            return [MALFORMED]
        ref = said.get("ref")
        if ref is not None and not _is_name(ref, REF_CHARS_MAX):
            ref = None
        try:
            return list(self._done(said, ref))
        except Refused as refused:
            return self.refuse(str(refused), ref)

    def refuse(self, reason: str, ref: str | None) -> list[Action]:
        """Says that something is not done. Who is told so too often is closed."""
        self.refused += 1
        told: list[Action] = [Say("error", {"reason": reason, "ref": ref})]
        return [*told, REFUSED_TOO_OFTEN] if self.refused > REFUSED_MAX else told

    def alive(self, now_s: float) -> None:
        """Something came from it, a pong for example."""
        self.heard_at, self.pinged_at = now_s, None

    def tick(self, now_s: float, now_us: int) -> list[Action]:
        """To be asked about once a second."""
        if self.expires_at is not None and now_us >= self.expires_at:
            return [TOKEN_OVER]
        if self.pinged_at is not None:
            return [NO_PONG] if now_s - self.pinged_at > PONG_S else []
        if now_s - self.heard_at > PING_S:
            self.pinged_at = now_s
            return [Ping()]
        return []

    def _may_send(self, now_s: float) -> bool:
        most = self.limits.messages_per_s * BURST_S
        if self.allowance < 0:
            self.allowance = most
        else:
            self.allowance += (now_s - self.allowance_at) * self.limits.messages_per_s
        self.allowance, self.allowance_at = min(most, self.allowance) - 1, now_s
        return self.allowance >= 0

    def _done(self, said: dict[str, Any], ref: str | None) -> Iterator[Action]:
        match said.get("action"):
            case "subscribe":
                keys = keys_of(said, self.tenant)
                token = said.get("token")
                if token is not None and not isinstance(token, str):
                    raise Refused("token is a text: the newest one that you were sent, or leave it out.")
                if len(self.keys.union(keys)) > self.limits.subscriptions:
                    yield TOO_MANY_SUBSCRIPTIONS
                    return
                if token is not None and self.keys:
                    raise Refused("A token comes with the first subscription of a connection: connect anew to resume.")
                self.keys.update(keys)
                yield Say("subscribed", {"to": [selector_of(key) for key in keys], "ref": ref})
                yield Subscribe(keys, token)
            case "unsubscribe":
                keys = keys_of(said, self.tenant)
                if len(keys) > self.limits.subscriptions:
                    raise Refused(f"Nobody has more than {self.limits.subscriptions} subscriptions: name fewer.")
                self.keys.difference_update(keys)
                yield Unsubscribe(keys)
                yield Say("unsubscribed", {"to": [selector_of(key) for key in keys], "ref": ref})
            case "presence":
                yield self._presence(said)
            case "ping":
                yield Say("pong", {"ref": ref})
            case _:
                raise Refused("action is one of subscribe, unsubscribe, presence, ping.")

    def _presence(self, said: dict[str, Any]) -> Present:
        session, state = said.get("session_id"), said.get("state")
        if not _is_name(session, NAME_CHARS_MAX):
            raise Refused(f"presence takes a session_id of 1 to {NAME_CHARS_MAX} characters.")
        if state is not None and not _is_name(state, STATE_CHARS_MAX):
            raise Refused(f"state is a text of 1 to {STATE_CHARS_MAX} characters, or null when you leave.")
        if state is None:
            self.present.discard(session)
        elif session not in self.present and len(self.present) >= PRESENT_MAX:
            raise Refused(f"You may be present in {PRESENT_MAX} sessions: leave one with state null.")
        else:
            self.present.add(session)
        return Present(session, state)


def keys_of(said: dict[str, Any], tenant: str | None) -> tuple[Key, ...]:
    """What is named, by `to` or in the message itself; each only once. Raises Refused."""
    rows = said.get("to", [said])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refused('to is a list of things to subscribe to, such as [{"session_id": "s-1"}, {"fleet": true}].')
    return tuple(dict.fromkeys(key for row in rows for key in _keys_of_row(row, tenant)))


def selector_of(key: Key) -> dict[str, Any]:
    """A key as the client names it."""
    kind, _, name = key
    return {kind: True} if kind in FLAGS else {f"{kind}_id": name}


def _keys_of_row(row: dict[str, Any], tenant: str | None) -> Iterator[Key]:
    found = 0
    for label, kind in KINDS.items():
        if label in row:
            name = row[label]
            if not _is_name(name, NAME_CHARS_MAX):
                raise Refused(f"{label} is a text of 1 to {NAME_CHARS_MAX} characters.")
            if kind == "tenant" and tenant not in (None, name):
                raise Refused(f"You see tenant {tenant} only.")
            yield kind, tenant, name
            found += 1
    for flag in FLAGS:
        if row.get(flag) is True:
            yield flag, None if flag == "fleet" else tenant, ""
            found += 1
    if not found:
        raise Refused(
            "Name what to subscribe to: session_id, task_id, agent_id, tenant_id "
            f'("{ALL_TENANTS}" is all of them, for who sees all), fleet or alerts.'
        )


def _is_name(value: Any, chars_max: int) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= chars_max
