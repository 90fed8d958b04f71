"""Exclusive holders of sessions and partitions, each with a fencing token.

Who wins: of those who ask for what is free the first; from a valid holder nobody takes but one with a higher rank (for
partitions, Kafka's generation). A lock is over with its time, and with its holder, if that is an orchestrator.
What the loser sees: `Held` when it asks, `Lost` when it renews or releases; nothing is changed by either.

A token is higher than every one before it, also after Redis has lost its data. Hand it on with what you write, and let
what stores it refuse a lower one than it has seen: then a holder that slept through its lock does no harm.
"""

import time
import uuid
from typing import NamedTuple

from infra.orchestrators import scripts
from infra.orchestrators.store import Held, Lost, StillAlive, Store, pairs, us

SESSION_TTL_S = 300.0
"""Of R0.7: long enough for one piece of work without a renewal. A dead orchestrator's are free at once."""
_TAKEN_AT_ONCE = 1000
"""Most sessions that one script takes over, so that it stays in the milliseconds."""


def of_session(session_id: str) -> str:
    """The lock that whoever wants a session for itself has to hold."""
    return f"session/{session_id}"


def of_partition(service: str, partition: int) -> str:
    """The lock that a worker of the line holds for each of its partitions."""
    return f"line/{service}/{partition}"


class Lock(NamedTuple):
    name: str
    holder: str
    token: int
    sure_until: float
    """On this process' monotonic clock: until then it is held for sure, however long answers were under way."""
    taken_from: str = ""
    """Who held it before and let it lapse; empty when it was free."""

    @property
    def sure(self) -> bool:
        return time.monotonic() < self.sure_until


class Locks:
    """Every call is one script; raises StoreDown when Redis does not answer, and then nothing is known."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def acquire(self, name: str, holder: str, ttl_s: float = SESSION_TTL_S, *, rank: int = 0, epoch: int = 0) -> Lock:
        """Raises Held. With the `epoch` of an orchestrator of that name the lock ends with its life, too."""
        asked = time.monotonic()
        answer = self._store.run(scripts.ACQUIRE, name, holder, epoch, uuid.uuid4().hex, us(ttl_s), rank)
        if answer[0] == "held":
            raise Held(name, answer[2], int(answer[1]), int(answer[3]) / 1e6)
        return Lock(name, holder, int(answer[1]), asked + ttl_s, answer[2])

    def renew(self, lock: Lock, ttl_s: float = SESSION_TTL_S) -> Lock:
        """Raises Lost."""
        asked = time.monotonic()
        self._expect(lock, self._store.run(scripts.RENEW, lock.name, lock.token, us(ttl_s)))
        return lock._replace(sure_until=asked + ttl_s)

    def release(self, lock: Lock) -> None:
        """Raises Lost."""
        self._expect(lock, self._store.run(scripts.RELEASE, lock.name, lock.token))

    def takeover(self, dead: str, holder: str, ttl_s: float = SESSION_TTL_S, *, epoch: int = 0) -> list[Lock]:
        """All sessions of an orchestrator that died, each with a new token. Of several who ask at once the first gets
        them, the others nothing. Raises StillAlive."""
        taken: list[Lock] = []
        while True:
            asked = time.monotonic()
            nonce = uuid.uuid4().hex
            mine = (holder, epoch, nonce, us(ttl_s), of_session(""), _TAKEN_AT_ONCE)
            verdict, *found = self._store.run(scripts.TAKEOVER, dead, *mine)
            if verdict == "alive":
                raise StillAlive(dead)
            more = [Lock(name, holder, int(token), asked + ttl_s, dead) for name, token in pairs(found)]
            taken += more
            if len(more) < _TAKEN_AT_ONCE:
                return taken

    def held(self, name: str) -> Lock | None:
        """Who has it now, None when it is free."""
        asked = time.monotonic()
        found = self._store.run(scripts.LOOK, name)
        return Lock(name, found[0], int(found[2]), asked + int(found[3]) / 1e6) if found else None

    def _expect(self, lock: Lock, answer: list[str]) -> None:
        if answer[0] == "lost":
            raise Lost(lock.name, lock.token, answer[1], int(answer[2] or 0))
