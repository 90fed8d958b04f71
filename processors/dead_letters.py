"""A message that makes no sense, set aside whole with where it came from and what is wrong with it."""

from schemas.events import DeadLetter

_PAYLOAD_BYTES_MAX = 900_000
"""Kept of a message: the dead letter must itself fit a Kafka message."""


def dead_letter(
    service: str,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    payload: bytes | None,
    reason: str,
    now: int,
) -> DeadLetter:
    kept = (payload or b"")[:_PAYLOAD_BYTES_MAX]
    if len(kept) < len(payload or b""):
        reason += f" (cut to {len(kept)} bytes; the whole message is at its topic, partition and offset)"
    return {
        "event_id": f"{topic}/{partition}/{offset}",
        "at": now,
        "service": service,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "key": key,
        "payload": kept,
        "reason": reason,
        "task_id": None,
        "session_id": None,
        "tenant_id": None,
        "attempts": 0,
    }
