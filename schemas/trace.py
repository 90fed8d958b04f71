"""The W3C trace context of a task: every event of one task belongs to one trace, with no state kept for it."""

from functools import lru_cache
from hashlib import sha256


@lru_cache(4096)
def headers(task_id: str) -> list[tuple[str, str | bytes | None]]:
    """Kafka headers of an event of this task, not to be changed; the same task always has the same trace."""
    digest = sha256(task_id.encode()).hexdigest()
    return [("traceparent", f"00-{digest[:32]}-{digest[32:48]}-01".encode())]
