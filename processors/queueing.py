"""The order of waiting tasks in one pool: priority with aging first, then fairness between tenants, then age.

A task of priority p that has waited w counts as level max(1, p − w / aging). The lowest level goes first. Among
tenants with a task at that level, the one with the least service so far (starts divided by weight) goes first; a
tenant that was idle starts level with the tenant served last, so it neither waits behind a backlog nor saves up.

Each (tenant, priority) is a bucket, a heap by age. A bucket's head decides its level, so only bucket heads are kept in
the level heaps, and a timer moves a bucket up when its head has aged. Entries left behind by a change carry an old
version and are dropped when met, or when they outnumber the others: push, pop and discard cost O(log n).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace

LEVELS = 10
SPARE = 100
"""So many entries beyond twice those of use may lie in a heap."""


@dataclass(slots=True)
class _Bucket:
    tenant: str
    priority: int
    waiting: list[tuple[int, int, str]] = field(default_factory=list)
    """Heap of (queued_at, sequence, task id); may hold discarded ids."""
    version: int = 0


class FairQueue:
    def __init__(self, aging_us: int, weights: Mapping[str, float]) -> None:
        self._aging_us = aging_us
        self._weights = weights
        self._live: dict[str, tuple[str, int]] = {}
        self._buckets: dict[tuple[str, int], _Bucket] = {}
        self._levels: list[list[tuple[float, int, int, _Bucket, int]]] = [[] for _ in range(LEVELS + 1)]
        self._promotions: list[tuple[int, int, _Bucket, int]] = []
        self._served: dict[str, float] = {}
        self._clock = 0.0
        """Service of the tenant served last: where an idle tenant starts."""
        self._sequence = 0
        self._discarded = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._live

    def oldest_at(self) -> int | None:
        """When the task that waits longest was queued; None when nothing waits."""
        return min((bucket.waiting[0][0] for bucket in self._buckets.values()), default=None)

    def push(self, task_id: str, tenant: str, priority: int, queued_at: int, now: int) -> None:
        """Adds a task; one that is already waiting stays where it is."""
        if task_id in self._live:
            return
        self._live[task_id] = (tenant, priority)
        bucket = self._buckets.get((tenant, priority))
        if bucket is None:
            bucket = self._buckets[tenant, priority] = _Bucket(tenant, priority)
        self._sequence += 1
        entry = (queued_at, self._sequence, task_id)
        heappush(bucket.waiting, entry)
        if bucket.waiting[0] is entry:
            self._place(bucket, now)

    def discard(self, task_id: str) -> None:
        """Takes a task out (cancelled, expired); one that is not waiting is no matter."""
        if self._live.pop(task_id, None) is None:
            return
        self._discarded += 1
        if self._discarded > 1000 and self._discarded > len(self._live):
            self._sweep()

    def pop(self, now: int) -> str | None:
        """Takes out the task that goes next; None when nothing waits."""
        while self._promotions and self._promotions[0][0] <= now:
            _, _, bucket, version = heappop(self._promotions)
            if version == bucket.version:
                self._place(bucket, now)
        for level in self._levels:
            while level:
                service, queued_at, _, bucket, version = level[0]
                if version != bucket.version:
                    heappop(level)
                    continue
                if bucket.waiting[0][2] not in self._live:
                    self._place(bucket, now)
                    continue
                owed = self._served.get(bucket.tenant, 0.0)
                if service < owed:  # the tenant was served elsewhere since
                    self._sequence += 1
                    heapreplace(level, (owed, queued_at, self._sequence, bucket, version))
                    continue
                return self._serve(bucket, service, now)
        return None

    def _serve(self, bucket: _Bucket, service: float, now: int) -> str:
        task_id = heappop(bucket.waiting)[2]
        del self._live[task_id]
        self._clock = max(self._clock, service)
        self._served[bucket.tenant] = service + 1 / self._weights.get(bucket.tenant, 1.0)
        if len(self._served) > 1000:
            self._served = {t: s for t, s in self._served.items() if s > self._clock}
        self._place(bucket, now)
        return task_id

    def _place(self, bucket: _Bucket, now: int) -> None:
        """Puts the bucket where its oldest waiting task belongs, and outdates where it stood."""
        bucket.version += 1
        while bucket.waiting and bucket.waiting[0][2] not in self._live:
            heappop(bucket.waiting)
            self._discarded -= 1
        if not bucket.waiting:
            del self._buckets[bucket.tenant, bucket.priority]
            return
        queued_at = bucket.waiting[0][0]
        aged = max(0, now - queued_at) // self._aging_us if self._aging_us else 0
        level = max(1, bucket.priority - aged)
        self._sequence += 1
        service = max(self._served.get(bucket.tenant, 0.0), self._clock)
        heappush(self._levels[level], (service, queued_at, self._sequence, bucket, bucket.version))
        if level > 1 and self._aging_us:
            promoted_at = queued_at + (bucket.priority - level + 1) * self._aging_us
            heappush(self._promotions, (promoted_at, self._sequence, bucket, bucket.version))
        # Of a level that is not reached for long nothing is met: others come before it.
        most = 2 * len(self._buckets) + SPARE
        if len(self._levels[level]) > most:
            self._tidy(self._levels[level])
        if len(self._promotions) > most:
            self._tidy_promotions()

    def _tidy(self, level: list[tuple[float, int, int, _Bucket, int]]) -> None:
        level[:] = [entry for entry in level if entry[4] == entry[3].version]
        heapify(level)

    def _tidy_promotions(self) -> None:
        self._promotions = [entry for entry in self._promotions if entry[3] == entry[2].version]
        heapify(self._promotions)

    def _sweep(self) -> None:
        """Forgets discarded entries that nobody has met yet, so that memory follows what really waits."""
        for bucket in list(self._buckets.values()):
            bucket.waiting = [entry for entry in bucket.waiting if entry[2] in self._live]
            heapify(bucket.waiting)
            if not bucket.waiting:
                bucket.version += 1
                del self._buckets[bucket.tenant, bucket.priority]
        self._discarded = 0
        for level in self._levels:
            self._tidy(level)
        self._tidy_promotions()
