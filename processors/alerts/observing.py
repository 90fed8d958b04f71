"""What the topics tell of the line, kept as rules need it: what ended lately, the queues, and who answers.

Whatever comes twice after a restart comes to a new one of these, so nothing is counted twice.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from processors.alerts.windows import Slot, Window, step_of
from schemas.events import AgentHeartbeat, AlertRule, AlertTask, DeadLetter, LoadPrediction, PoolStatus, TaskOutcome

LINE = "line"
POOL = "pool/"

POOLS_MAX = 1_000
"""Pools that are watched each for itself; beyond it those are forgotten that were not heard of for longest."""

KNOWN_US = 15 * 60 * 1_000_000
"""So long an instance that fell silent is missed; then it counts as gone for good."""

_FAILED = ("failed", "dead_lettered")
_NEVER_RAN = ("refused", "unknown")


@dataclass(slots=True)
class Heard:
    """Word of one instance."""

    at: int
    pool: str
    host_id: str


def window_us(rule: AlertRule) -> int:
    return int(rule["window_s"] * 1_000_000)


class Observed:
    def __init__(self, lease_us: int) -> None:
        """`lease_us`: an instance that was not heard of for so long is silent."""
        self.pools: OrderedDict[str, PoolStatus] = OrderedDict()
        self._predictions: dict[str, LoadPrediction] = {}
        self._lease_us = lease_us
        self._instances: dict[str, Heard] = {}
        self._named: dict[tuple[str, str], set[str]] = {}
        """By host and pool: the instances that it named last."""
        self._counted_at = -1
        self._counts: dict[str, tuple[int, int]] = {}
        """By subject, as of `_counted_at`: instances that answer, and that did lately."""
        self._windows: dict[int, OrderedDict[str, Window]] = {}
        """By length, then by subject."""

    def follow(self, rules: Iterable[AlertRule]) -> None:
        """Keeps the windows that these look at; a new one begins empty."""
        lengths = {window_us(rule) for rule in rules}
        self._windows = {length: self._windows.get(length, OrderedDict()) for length in lengths}

    # --- what the topics tell

    def outcome(self, event: TaskOutcome, now: int) -> None:
        if event["status"] in _NEVER_RAN:
            return
        failed = event["status"] in _FAILED
        slot = Slot(ended=1, failed=int(failed))
        if event["started_at"] is not None:
            slot.responses[step_of((event["started_at"] - event["submitted_at"]) / 1e6)] += 1
        task: AlertTask | None = {"task_id": event["task_id"], "tenant_id": event["tenant_id"]} if failed else None
        subjects = (LINE, POOL + event["agent_id"]) if event["agent_id"] else (LINE,)
        self._add(subjects, slot, event["finished_at"], now, task)

    def dead_letter(self, event: DeadLetter, now: int) -> None:
        self._add((LINE,), Slot(dead=1), event["at"], now, None)

    def pool(self, status: PoolStatus) -> None:
        if not status["agent_id"]:
            return  # where tasks wait for their items; nobody works there
        self.pools[status["pool"]] = status
        self.pools.move_to_end(status["pool"])
        if len(self.pools) > POOLS_MAX:
            self.pools.popitem(last=False)

    def prediction(self, event: LoadPrediction) -> None:
        self._predictions[event["agent_id"]] = event

    def heartbeat(self, event: AgentHeartbeat) -> None:
        """What a host no longer names it no longer has, which is no silence; nor is it to leave after saying so."""
        host_id, pool = event["host_id"], event["pool"]
        named = set() if event["draining"] else {one["instance_id"] for one in event["instances"]}
        for name in self._named.pop((host_id, pool), set()) - named:
            if name in self._instances and self._instances[name].host_id == host_id:
                del self._instances[name]
        for name in named:
            self._instances[name] = Heard(event["at"], pool, host_id)
        if named:
            self._named[host_id, pool] = named

    def _add(self, subjects: Iterable[str], slot: Slot, at: int, now: int, task: AlertTask | None) -> None:
        for length, windows in self._windows.items():
            for subject in subjects:
                if subject not in windows:
                    windows[subject] = Window(length)
                    if len(windows) > POOLS_MAX + 1:
                        windows.popitem(last=False)
                windows[subject].add(slot, at, now, task)
                if subject != LINE:
                    windows.move_to_end(subject)
            if LINE in windows:
                windows.move_to_end(LINE)

    # --- what is asked of it

    def subjects(self, kind: str) -> list[str]:
        """Those that a rule for the line, or for its pools, is about."""
        if kind == LINE:
            return [LINE]
        names = {*self.pools, *(heard.pool for heard in self._instances.values())}
        told = {subject for windows in self._windows.values() for subject in windows if subject != LINE}
        return sorted(told | {POOL + name for name in names})

    def window(self, rule: AlertRule, subject: str, now: int) -> Window:
        of_length = self._windows.get(window_us(rule))
        found = (of_length and of_length.get(subject)) or Window(window_us(rule))
        found.move(now)
        return found

    def statuses(self, subject: str) -> list[PoolStatus]:
        if subject == LINE:
            return list(self.pools.values())
        status = self.pools.get(subject.removeprefix(POOL))
        return [status] if status else []

    def predictions(self, subject: str, now: int) -> list[LoadPrediction]:
        """The newest of each agent, while they are new enough to be one's opinion still."""
        agents = {status["agent_id"] for status in self.statuses(subject)}
        found = [self._predictions[name] for name in sorted(agents & self._predictions.keys())]
        return [one for one in found if now - one["at"] <= KNOWN_US]

    def instances(self, subject: str, now: int) -> tuple[int, int]:
        """How many answer, and how many did lately and do no more."""
        if now != self._counted_at:  # once a look, however many rules and pools ask
            self._counted_at, self._counts = now, self._count(now)
        return self._counts.get(subject, (0, 0))

    def _count(self, now: int) -> dict[str, tuple[int, int]]:
        for name in [n for n, heard in self._instances.items() if now - heard.at > KNOWN_US]:
            heard = self._instances.pop(name)
            self._named.pop((heard.host_id, heard.pool), None)
        alive, silent = Counter[str](), Counter[str]()
        for heard in self._instances.values():
            (alive if now - heard.at <= self._lease_us else silent).update((LINE, POOL + heard.pool))
        return {subject: (alive[subject], silent[subject]) for subject in alive | silent}
