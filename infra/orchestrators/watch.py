"""Being told of changes: who joins, ends, holds which partition and session.

A notice on the channel is only the reason to look: what is told comes from comparing the registry with what was last
seen. So a lost notice, a repeated one or a restart of Redis does no harm; a look every few seconds finds the same.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from infra.orchestrators.locks import Locks
from infra.orchestrators.registry import Orchestrators
from infra.orchestrators.store import Store, StoreDown
from infra.settings import Settings

LOOK_S = 2.0
"""A look without a notice: a lost one is made good for by then."""
_AGAIN_S = 0.5


class Change(NamedTuple):
    what: str
    """orchestrator, or the kind of lock: line, session."""
    name: str
    """Of the orchestrator, the partition (`router/0`) or the session."""
    before: str
    """Its status, or its holder, as last seen; empty: none."""
    after: str
    token: int
    """The holder's, for a lock; the epoch of an orchestrator."""


Seen = dict[tuple[str, str], tuple[str, int]]


class Watch:
    def __init__(self, settings: Settings, names: Collection[str] = ()) -> None:
        """`names`: locks that are followed whoever holds them, beside those of orchestrators (`of_session`)."""
        self._store = Store(settings)
        self._orchestrators = Orchestrators(self._store, settings)
        self._locks = Locks(self._store)
        self._names = frozenset(names)

    def changes(self, wait_s: float | None = None) -> Iterator[Change]:
        """All that is there, as changes from nothing, then what changes; it goes on when Redis comes back.

        Ends after `wait_s`, never without it.
        """
        end = None if wait_s is None else time.monotonic() + wait_s
        seen: Seen = {}
        listener: Any = None  # it subscribes anew by itself when Redis comes back
        while end is None or time.monotonic() < end:
            try:
                listener = listener or self._store.listen()
                now = self._look()
                yield from differences(seen, now)
                seen = now
                left_s = LOOK_S if end is None else min(LOOK_S, max(0.0, end - time.monotonic()))
                self._await_notice(listener, left_s)
            except StoreDown:
                time.sleep(_AGAIN_S)

    def _await_notice(self, listener: Any, wait_s: float) -> None:
        """Returns at the first notice, with all that came with it."""
        if self._store.notice(listener, wait_s) is not None:
            while self._store.notice(listener, 0.0) is not None:
                pass

    def _look(self) -> Seen:
        found: Seen = {}
        there = self._orchestrators.list()
        for one in there:
            found["orchestrator", one.orchestrator_id] = (one.ended or one.status, one.epoch)
        held = {f"line/{place}" for one in there for place in one.partitions} | self._names
        for name in sorted(held):
            lock = self._locks.held(name)
            if lock is not None:
                kind, _, place = name.partition("/")
                found[kind, place] = (lock.holder, lock.token)
        return found

    def close(self) -> None:
        self._store.close()


def differences(before: Mapping[tuple[str, str], tuple[str, int]], after: Seen) -> Iterator[Change]:
    for key in sorted({*before, *after}):
        old, new = before.get(key, ("", 0)), after.get(key, ("", 0))
        if old != new:
            yield Change(*key, old[0], new[0], new[1])
