"""Who owns a session: the router that has its partition, and whoever holds it for itself."""

import time
from typing import Any

from infra.orchestrators import Lock, Locks, Store, of_partition, of_session
from infra.settings import Settings
from schemas.partition import partition_of


def owners_of(store: Store, settings: Settings, session_id: str) -> dict[str, Any]:
    """A session needs no entry of its own to have an owner: tasks are handed in under its id, so it is Kafka's
    partition of the id that says which router has it."""
    locks = Locks(store)
    partition = partition_of(session_id.encode(), settings.partitions)
    return {
        "session_id": session_id,
        "partition": partition,
        "router": told(locks.held(of_partition("router", partition))),
        "held_by": told(locks.held(of_session(session_id))),
    }


def told(lock: Lock | None) -> dict[str, Any] | None:
    if lock is None:
        return None
    return {"holder": lock.holder, "token": lock.token, "left_s": max(0.0, lock.sure_until - time.monotonic())}
