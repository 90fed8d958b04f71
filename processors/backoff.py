"""How long to wait before a retry: exponential, with jitter that a replay repeats."""

from hashlib import blake2b


def retry_delay_us(seed: str, retry: int, base_us: int, cap_us: int) -> int:
    """Wait before retry number `retry` (from 1): between half and all of min(cap, base × 2^(retry−1)).

    The jitter comes from `seed` (task id), so tasks that failed together come back apart, and a replay waits the same.
    """
    full = min(cap_us, base_us << min(retry - 1, 40))
    draw = int.from_bytes(blake2b(f"{seed}/{retry}".encode(), digest_size=4).digest(), "big") / 2**32
    return int(full * (0.5 + draw / 2))
