"""Who says that they are in a session, and what they do there. Of this gateway's clients only: it is kept nowhere.
Pure.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from gateway.live.messages import Key

SHOWN_MAX = 20


class Person(Protocol):
    @property
    def name(self) -> str: ...


class Present(Protocol):
    """A connection, with who it is."""

    @property
    def principal(self) -> Person: ...
    @property
    def tenant(self) -> str | None: ...


class Presence:
    def __init__(self) -> None:
        self._here: dict[str, dict[Present, str]] = {}
        self._of: dict[Present, set[str]] = {}
        self._changed: dict[str, set[str | None]] = {}
        """Sessions, and whose members changed."""

    def say(self, who: Present, session_id: str, state: str | None) -> None:
        """What somebody does in a session; null: they leave."""
        here = self._here.setdefault(session_id, {})
        self._changed.setdefault(session_id, set()).add(who.tenant)
        if state is not None:
            here[who] = state
            self._of.setdefault(who, set()).add(session_id)
            return
        here.pop(who, None)
        if not here:
            del self._here[session_id]
        sessions = self._of.get(who, set())
        sessions.discard(session_id)
        if not sessions:
            self._of.pop(who, None)

    def leave(self, who: Present) -> None:
        for session_id in list(self._of.get(who, ())):
            self.say(who, session_id, None)

    def changed(self) -> Iterator[tuple[Key, str, list[dict[str, Any]]]]:
        """For each session that changed: who is to hear of it, and who they see there. Nobody sees another tenant's
        people.
        """
        changed, self._changed = self._changed, {}
        for session_id, tenants in changed.items():
            for tenant in tenants | {None}:
                key: Key = ("session", tenant, session_id)
                yield key, session_id, self.here(key)

    def here(self, key: Key) -> list[dict[str, Any]]:
        """Whom somebody who is subscribed to a session sees there."""
        _, tenant, session_id = key
        seen = [
            {"name": who.principal.name, "state": state}
            for who, state in self._here.get(session_id, {}).items()
            if tenant in (None, who.tenant)
        ]
        return seen[:SHOWN_MAX]
