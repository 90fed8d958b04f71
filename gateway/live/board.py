"""Figures of the whole line for the live board, folded from the topics: rates, times, queues, who is at work. Pure.

A second is the unit: what happens is counted into the second it is told in, and the board is made once a second. What
was read back at the start is counted into the seconds it happened in, so that the charts of a new gateway begin full.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gateway.fleet import attempts, is_over
from gateway.live.order import Read

WINDOW_S = 60
"""Seconds that rates and percentiles look back."""

HISTORY_S = 900
STEP_S = 5
"""The charts: the boards of the last fifteen minutes, one for each five seconds."""

MINUTES = 360
"""Beside them the boards of the last six hours, one at the end of each minute, which is what its rates look back on."""

SAMPLES_MAX = 500
"""Times kept of a second: percentiles of a minute are of up to 30,000 tasks."""

SILENT_US = 15_000_000
"""Without a heartbeat for so long the instances of a host no longer count."""

HISTORY_US = HISTORY_S * 1_000_000
"""So long a host that went silent is still named, and so long it is known how many instances it had at most."""

FAILED = ("failed", "dead_lettered", "expired")

_RATES = ("submitted_per_s", "ended_per_s", "failed_per_s", "error_rate", "cost_usd_micros_per_min")
_WAITS = ("p50", "p90", "p99")
_COUNTS = ("waiting", "running", "slots", "instances")
_MACHINE = ("cpu_percent", "memory_percent", "network_in_kb_per_s", "network_out_kb_per_s")
COLUMNS = ("at", *_RATES, *(f"wait_{share}_ms" for share in _WAITS), *_COUNTS, *_MACHINE)
"""What a point of the charts holds of a board; null where that was not known."""


@dataclass(slots=True)
class Second:
    submitted: int = 0
    ended: int = 0
    failed: int = 0
    cost_usd_micros: int = 0
    waits_ms: list[float] = field(default_factory=list)
    """From submission to the first start."""
    times_ms: list[float] = field(default_factory=list)
    """From submission to the end."""

    def see(self, read: Read) -> None:
        if read.name == "TaskSubmitted":
            self.submitted += 1
        elif read.name == "TaskOutcome":
            self._see_end(read.event)

    def _see_end(self, e: dict[str, Any]) -> None:
        self.ended += 1
        self.failed += e["status"] in FAILED
        self.cost_usd_micros += e["cost_usd_micros"]
        if e["started_at"] is not None and len(self.waits_ms) < SAMPLES_MAX:
            self.waits_ms.append(max(0, e["started_at"] - e["submitted_at"]) / 1000)
            self.times_ms.append(max(0, e["finished_at"] - e["submitted_at"]) / 1000)


@dataclass(slots=True)
class Host:
    heard_at: int
    draining: bool
    zone: str
    most: int = 0
    most_at: int = 0
    """The most instances of it at once, lately, and when that was."""


class Board:
    def __init__(self, throughput_target: float = 0.0) -> None:
        """`throughput_target`: tasks that are to end in a minute; 0: none is set."""
        self._throughput_target = throughput_target or None
        self._now = Second()
        self._window: deque[Second] = deque(maxlen=WINDOW_S)
        self._history: deque[list[float | None]] = deque(maxlen=HISTORY_S // STEP_S)
        self._minutes: deque[list[float | None]] = deque(maxlen=MINUTES)
        self._ticks = 0
        self._reads_back = True
        self._past: dict[int, Second] = {}
        """What was read back, by the second it happened in [s, UTC]; until the first tick after it."""
        self.removed: frozenset[str] = frozenset()
        """Agents that were taken out: their pools count as long as they hold tasks."""
        self._pools: dict[str, dict[str, Any]] = {}
        self._over: set[str] = set()
        """Pools of which nothing is left."""
        self._at_work: dict[tuple[str, str], tuple[int, int, int]] = {}
        """By host and pool: when it was heard [µs], its instances, attempts in hand."""
        self._hosts: dict[str, Host] = {}
        self._cost_of_day: tuple[int, int] = (0, 0)
        self.newest: dict[str, Any] | None = None

    def see(self, read: Read) -> None:
        self._now.see(read)
        if self._reads_back and read.name in ("TaskSubmitted", "TaskOutcome"):
            at = read.event["finished_at" if read.name == "TaskOutcome" else "submitted_at"]
            self._past.setdefault(at // 1_000_000, Second()).see(read)
        if read.name == "TaskOutcome":
            self._spend(read.event)

    def see_pool(self, status: dict[str, Any]) -> None:
        self._pools[status["pool"]] = status

    def see_heartbeat(self, beat: dict[str, Any]) -> None:
        key, instances = (beat["host_id"], beat["pool"]), len(beat["instances"])
        host = self._hosts.setdefault(beat["host_id"], Host(beat["at"], beat["draining"], beat["zone"]))
        host.heard_at, host.draining, host.zone = max(host.heard_at, beat["at"]), beat["draining"], beat["zone"]
        if key in self._at_work and instances < self._at_work[key][1]:
            host.most_at = 0  # a host that says itself that it has fewer lacks none
        self._at_work[key] = (beat["at"], instances, attempts(beat))

    def forget_past(self) -> None:
        """After the start: what was read back did not happen in one second."""
        self._now, self._reads_back = Second(), False

    def tick(self, now_us: int, machine: dict[str, float]) -> dict[str, Any]:
        """The board as it is, once a second. `machine`: what the computer says of itself."""
        if self._past and not self._reads_back:
            self._fold_past(now_us // 1_000_000)
        self._window.append(self._now)
        self._now = Second()
        self._leave_out()
        self.newest = {"at": now_us, **self._rates(), **self._queues(), **self._workers(now_us), "machine": machine}
        self.newest["cost_usd_micros_today"] = self._cost_of_day[1] if self._cost_of_day[0] == _day(now_us) else 0
        self.newest["throughput_target_per_min"] = self._throughput_target
        self._ticks += 1
        if self._ticks % STEP_S == 0:
            self._history.append(_point(self.newest))
        if self._ticks % WINDOW_S == 0:
            self._minutes.append(_point(self.newest))
        return self.newest

    def history(self, back_s: int = HISTORY_S) -> dict[str, Any]:
        """The points of so many seconds; further back than the charts begin with they are a minute apart."""
        step_s, known = (STEP_S, self._history) if back_s <= HISTORY_S else (WINDOW_S, self._minutes)
        return {"step_s": step_s, "columns": list(COLUMNS), "points": list(known)[-(back_s // step_s) :]}

    def _fold_past(self, now_s: int) -> None:
        past, self._past = self._past, {}
        for at_s in range(max(min(past), now_s - MINUTES * WINDOW_S), now_s):
            self._window.append(past.get(at_s, Second()))
            is_shown = at_s >= now_s - HISTORY_S and at_s % STEP_S == 0
            if not is_shown and at_s % WINDOW_S:
                continue
            point = _point({"at": at_s * 1_000_000, **self._rates()})
            if is_shown:
                self._history.append(point)
            if at_s % WINDOW_S == 0:
                self._minutes.append(point)

    def _spend(self, e: dict[str, Any]) -> None:
        day = _day(e["finished_at"])
        if day >= self._cost_of_day[0]:
            spent = self._cost_of_day[1] if day == self._cost_of_day[0] else 0
            self._cost_of_day = (day, spent + e["cost_usd_micros"])

    def _rates(self) -> dict[str, Any]:
        window = self._window
        ended, failed = sum(s.ended for s in window), sum(s.failed for s in window)
        waits = [ms for s in window for ms in s.waits_ms]
        return {
            "window_s": len(window),
            "submitted_per_s": round(sum(s.submitted for s in window) / len(window), 2),
            "ended_per_s": round(ended / len(window), 2),
            "failed_per_s": round(failed / len(window), 3),
            "error_rate": round(failed / ended, 5) if ended else None,
            "wait_ms": _percentiles(waits),
            "mean_wait_ms": round(sum(waits) / len(waits), 1) if waits else None,
            "time_ms": _percentiles([ms for s in window for ms in s.times_ms]),
            "cost_usd_micros_per_min": round(sum(s.cost_usd_micros for s in window) * 60 / len(window)),
        }

    def _leave_out(self) -> None:
        """How many instances hosts had with a pool that is over now does not say that they lack any."""
        over = {name for name, status in self._pools.items() if is_over(status, self.removed)}
        if over != self._over:
            self._over = over
            for host in self._hosts.values():
                host.most_at = 0

    def _queues(self) -> dict[str, Any]:
        pools = [status for name, status in self._pools.items() if name not in self._over]
        return {
            "waiting": sum(p["waiting"] for p in pools),
            "waiting_max": sum(p["waiting_max"] for p in pools),
            "oldest_wait_ms": max((p["oldest_wait_ms"] for p in pools), default=0),
            "running": sum(p["running"] for p in pools),
            "slots": sum(p["slots"] for p in pools),
            "pools": len(pools),
        }

    def _workers(self, now_us: int) -> dict[str, Any]:
        self._at_work = {key: found for key, found in self._at_work.items() if found[0] > now_us - SILENT_US}
        hosts: dict[str, int] = {}
        running: dict[str, int] = {}
        here = {key: found for key, found in self._at_work.items() if key[1] not in self._over}
        for (name, _), (_, instances, in_hand) in here.items():
            hosts[name] = hosts.get(name, 0) + instances
            running[name] = running.get(name, 0) + in_hand
        busy = sum(in_hand > 0 for _, _, in_hand in here.values())
        workers = self._by_host(hosts, running, now_us)
        return {"instances": sum(hosts.values()), "hosts": hosts, "workers": workers, "pools_at_work": busy}

    def _by_host(self, hosts: dict[str, int], running: dict[str, int], now_us: int) -> list[dict[str, Any]]:
        """Also those that went silent without having said that they leave."""
        for name, host in list(self._hosts.items()):
            count = hosts.get(name, 0)
            if name not in hosts and (host.draining or host.heard_at < now_us - HISTORY_US):
                del self._hosts[name]
            elif count >= host.most or (name in hosts and host.most_at < now_us - HISTORY_US):
                host.most, host.most_at = count, now_us
        return [
            {"host_id": name, "instances": hosts.get(name, 0), "most": host.most, "running": running.get(name, 0)}
            | {"heard_at": host.heard_at, "zone": host.zone}
            for name, host in sorted(self._hosts.items())
            if host.most
        ]


def _point(board: dict[str, Any]) -> list[float | None]:
    waits, machine = board["wait_ms"] or {}, board.get("machine", {})
    rates = [board["at"], *(board[name] for name in _RATES), *(waits.get(share) for share in _WAITS)]
    return [*rates, *(board.get(name) for name in _COUNTS), *(machine.get(name) for name in _MACHINE)]


def _percentiles(values: list[float]) -> dict[str, float] | None:
    """Nearest rank; null when there is nothing to take them of."""
    if not values:
        return None
    ordered = sorted(values)
    return {
        f"p{share}": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 1) for share in (50, 90, 99)
    }


def _day(us: int) -> int:
    return us // 86_400_000_000
