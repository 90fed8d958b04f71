"""What is left to chance in a decision, decided by a hash of the task: a repeat, and a replay, decide alike."""

from hashlib import blake2b

_RANGE = float(2**64)


def draw(task_id: str, purpose: str) -> float:
    """Evenly between 0 and below 1; draws of one task for different purposes know nothing of each other."""
    digest = blake2b(task_id.encode(errors="surrogatepass"), digest_size=8, person=purpose.encode()[:16]).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2048 / _RANGE
