"""How often somebody may ask: a bucket of tokens each, filled at a steady rate. Pure: the time comes in."""

from collections import OrderedDict

BURST_S = 2.0
"""What was not used in this time is saved up: a page asks for much at once when it opens."""

KNOWN_MAX = 20_000
"""Buckets; beyond it the one that was used least lately is forgotten, which makes it full again."""


class Limiter:
    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._full = max(1.0, per_s * BURST_S)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now_s: float) -> float:
        """0 when one more may pass, else the seconds until one may."""
        left, at = self._buckets.pop(who, (self._full, now_s))
        left = min(self._full, left + max(0.0, now_s - at) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[who] = (left - (0 if wait_s else 1), now_s)
        if len(self._buckets) > KNOWN_MAX:
            self._buckets.popitem(last=False)
        return wait_s
