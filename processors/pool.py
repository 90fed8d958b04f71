"""One agent pool: its waiting tasks, its instances with their slots, and who of them goes next."""

from collections import deque
from collections.abc import Mapping
from zlib import crc32

from processors.balancing import BALANCERS, Instance, load_of
from processors.health import Change, Peers
from processors.probing import Probes, Told
from processors.queueing import FairQueue
from schemas.events import AgentHeartbeat, IllInstance, PoolStatus

_REFUSAL_WAIT_MS = (1_000, 300_000)
"""Shortest and longest `retry_after` of a refusal: never a hammering client, never one that gives up."""

_ILL_MAX = 20
_TURN = 32
"""Instances that are compared for one task."""


class Pool:
    def __init__(
        self, name: str, agent_id: str, *, slots: int, aging_us: int, weights: Mapping[str, float], probe_us: int = 0
    ) -> None:
        self.name = name
        self.agent_id = agent_id
        self.queue = FairQueue(aging_us, weights)
        self.instances: dict[str, Instance] = {}
        self.delayed = 0
        """Tasks that wait for a retry; they count as waiting."""
        self.changed = True
        """Whether work came, went or ended since the status was last told."""
        self._told_there = (-1, -1)
        """Instances and slots."""
        self.past: PoolStatus | None = None
        """What was known before a restart; instances start to learn anew, the pool's totals go on."""
        self._slots = slots
        self._peers = Peers()
        self._probes = Probes(probe_us, self._peers)
        self._usable = 0
        """Live instances that may get work, a second ago at most."""
        self._ring: deque[Instance] = deque()
        """Those that were offered; who got work longest ago comes first."""
        self.failed = False
        """Whether all its instances were silent for so long that the agent counts as failed."""
        self._silent_before: int | None = None
        """When a dispatcher was started that knows of instances here, until it hears one."""
        self.heard_late_at = 0
        """When a heartbeat was last read that was too old to tell of now."""
        self._of_host: dict[str, set[str]] = {}
        """By host: the instances that its last heartbeat named as its own."""

    @property
    def waiting(self) -> int:
        return len(self.queue) + self.delayed

    def instance(self, instance_id: str) -> Instance:
        found = self.instances.get(instance_id)
        if found is None:
            found = self.instances[instance_id] = Instance(instance_id)
        return found

    def hear(self, event: AgentHeartbeat) -> list[tuple[Instance, Told]]:
        """A host names all of its instances here; one that it names no more is gone, or with another host. Answers
        what is to be told of those that had been silent or mute.
        """
        host_id, at, draining, life = event["host_id"], event["at"], event["draining"], event["incarnation"]
        named: set[str] = set()
        told: list[tuple[Instance, Told]] = []
        if event["instances"]:
            self._silent_before = None
        for report in event["instances"]:
            instance = self.instance(report["instance_id"])
            if instance.probing.life != life:
                told += self._begin(instance, host_id, life, at)
            instance.host_id = host_id
            if at > instance.seen_at:
                instance.seen_at = at
            instance.draining = draining
            named.add(instance.instance_id)
            if not instance.offered:
                self.offer(instance)
            if instance.silent:
                instance.silent = False
                told.append((instance, Told("well", "its host is heard again")))
        for gone in self._of_host.get(host_id, set()) - named:
            if self.instances[gone].host_id == host_id:
                self.instances[gone].seen_at = 0
                self._peers.forget(self.instances[gone].health)
                self.instances[gone].probing.asked_at = 0
        self._of_host[host_id] = named
        return told

    def _begin(self, instance: Instance, host_id: str, life: str, at: int) -> list[tuple[Instance, Told]]:
        """Another host speaks for it from now on, or another life of one. They are not all asked at once."""
        one = instance.probing
        restarted = bool(one.life) and instance.host_id == host_id
        every_us = self._probes.every_us
        due_at = at + crc32(instance.instance_id.encode()) % every_us if every_us else 0
        self._probes.begin(one, instance.health, life, due_at, self._usable, at)
        return [(instance, Told("restarted", f"{host_id} was started again"))] if restarted else []

    def probe(self, event: AgentHeartbeat, now: int) -> tuple[list[Instance], list[tuple[Instance, Told]]]:
        """Whom to ask now of those that a host has just named, and what is to be told of those that were asked."""
        probes, at, asked = self._probes, event["at"], []
        told: list[tuple[Instance, Told]] = []
        if not probes.every_us or event["draining"]:
            return [], []
        for report in event["instances"]:
            probed_at, instance = report["probed_at"], self.instances[report["instance_id"]]
            one = instance.probing
            if one.asked_at or one.unanswered:
                heard = probes.hear(one, instance.health, probed_at, at, self._usable, now)
                told += [(instance, step) for step in heard]
            if probed_at is not None and probes.ask(one, now):
                asked.append(instance)
        return asked, told

    def worked(self, instance: Instance, given_at: int, now: int) -> list[tuple[Instance, Told]]:
        """It has done what it was given then."""
        heard = self._probes.worked(instance.probing, instance.health, given_at, now)
        return [(instance, step) for step in heard]

    @property
    def answer_ms(self) -> int:
        """The time that a probe has."""
        return self._probes.answer_us // 1000

    def remember(self, status: PoolStatus, failed: bool, now: int) -> None:
        """What was last told before a restart. Silence counts anew: an instance may have spoken since."""
        self.past, self.failed = status, failed
        if status["instances"] or status["silent_since_at"] is not None:
            self._silent_before = now

    def silent_since(self, now: int, lease_us: int) -> int | None:
        """Since when none of the instances that should be there was heard. None: one is alive, or all have gone in
        order, for their host names them no more or said that it leaves."""
        if self.is_alive(now, lease_us):
            return None
        if any(i.seen_at and not i.draining for i in self.instances.values()):
            return max(i.seen_at for i in self.instances.values())
        return self._silent_before

    def is_alive(self, now: int, lease_us: int) -> bool:
        return any(now - i.seen_at <= lease_us for i in self.instances.values())

    def alive(self, now: int, lease_us: int) -> list[Instance]:
        return [i for i in self.instances.values() if now - i.seen_at <= lease_us]

    def offer(self, instance: Instance) -> None:
        """It may have a free slot from now on; whether it has is looked at when it is its turn."""
        if not instance.offered:
            instance.offered = True
            self._ring.append(instance)

    def has_free(self, now: int, lease_us: int) -> bool:
        """Whether a live instance has a free slot."""
        while self._ring and not self._can_take(self._ring[0], now, lease_us):
            self._ring.popleft().offered = False
        return bool(self._ring)

    def _can_take(self, instance: Instance, now: int, lease_us: int) -> bool:
        free = len(instance.running) < self._slots_of(instance)
        return free and not instance.draining and now - instance.seen_at <= lease_us

    def _slots_of(self, instance: Instance) -> int:
        """One that does worse than its peers gets nothing; one that is tried, a task at a time."""
        state = instance.health.state
        return self._slots if state == "well" else int(state == "trial")

    def judge(self, instance: Instance, kind: str, succeeded: bool, response_ms: float, now: int) -> Change | None:
        """Takes in a run, and says how the instance stands since if that has changed."""
        return self._peers.judge(instance.health, kind, succeeded, response_ms, self._usable, now)

    def wake(self, now: int, lease_us: int) -> list[tuple[Instance, Change]]:
        """Whom time has changed."""
        self._usable = sum(not instance.draining for instance in self.alive(now, lease_us))
        if not self._peers.ill:
            return []
        for instance in self.instances.values():
            if instance.health.state != "well" and now - instance.seen_at > lease_us:
                self._peers.forget(instance.health)
        looked_at = [(i, self._peers.wake(i.health, now)) for i in self.instances.values()]
        woken = [(instance, change) for instance, change in looked_at if change is not None]
        for instance, _ in woken:
            self.offer(instance)
        return woken

    def take_slot(
        self, task_id: str, complexity: float, avoid: str | None, balancer: str, now: int, lease_us: int
    ) -> Instance:
        """Gives the task a slot, of `avoid` only if there is no other; `has_free` has just said that there is one. The
        balancer chooses among those whose turn it is, so that a large pool costs no more than a small one.
        """
        free = []
        for _ in range(min(_TURN, len(self._ring))):
            instance = self._ring.popleft()
            if self._can_take(instance, now, lease_us):
                free.append(instance)
            else:
                instance.offered = False
        others = [i for i in free if i.instance_id != avoid] if avoid else free
        tried = [i for i in others or free if i.health.state == "trial"]  # else one that was slow might never be
        chosen = tried[0] if tried else BALANCERS[balancer](others or free, complexity)
        chosen.running.add(task_id)
        chosen.offered = False
        self._ring.extendleft(i for i in reversed(free) if i is not chosen)
        if len(chosen.running) < self._slots_of(chosen):
            self.offer(chosen)
        return chosen

    def retry_after_ms(self, now: int, lease_us: int) -> int:
        """When a refused task has a fair chance: the time the pool takes for a tenth of its queue."""
        alive = self.alive(now, lease_us)
        slots = max(1, len(alive) * self._slots)
        response_ms = _mean([i.response_ms for i in alive if i.response_ms], 1_000.0)
        low, high = _REFUSAL_WAIT_MS
        return int(min(high, max(low, self.waiting / 10 / slots * response_ms)))

    def has_news(self, now: int, lease_us: int) -> bool:
        """Whether its status is worth telling again; asking marks it as told."""
        alive = self.alive(now, lease_us)
        there = (len(alive), self._slots_among(alive))
        news = self.changed or there != self._told_there
        self.changed, self._told_there = False, there
        return news

    def _slots_among(self, alive: list[Instance]) -> int:
        if not self._peers.ill:
            return self._slots * sum(not i.draining for i in alive)
        return sum(self._slots_of(i) for i in alive if not i.draining)

    def status(self, now: int, lease_us: int, waiting_max: int) -> PoolStatus:
        alive = self.alive(now, lease_us)
        oldest_at = self.queue.oldest_at()
        every = list(self.instances.values())
        ran = [i for i in every if i.completed + i.failed]
        past = self.past
        return {
            "event_id": f"{self.name}/{now}",
            "pool": self.name,
            "agent_id": self.agent_id,
            "at": now,
            "waiting": self.waiting,
            "waiting_max": waiting_max,
            "running": sum(len(i.running) for i in every),
            "slots": self._slots_among(alive),
            "instances": len(alive),
            "oldest_wait_ms": 0 if oldest_at is None else max(0, now - oldest_at) // 1000,
            "completed": sum(i.completed for i in every) + (past["completed"] if past else 0),
            "failed": sum(i.failed for i in every) + (past["failed"] if past else 0),
            "mean_response_ms": _mean([i.response_ms for i in ran], past["mean_response_ms"] if past else 0.0),
            "error_rate": _mean([i.error_rate for i in ran], past["error_rate"] if past else 0.0),
            "load_score": _mean([load_of(i) for i in alive], 0.0),
            "ill": [_ill(i) for i in alive if i.health.state != "well"][:_ILL_MAX],
            "silent_since_at": self.silent_since(now, lease_us),
        }


def _ill(instance: Instance) -> IllInstance:
    health = instance.health
    reason = f"is tried: {health.reason}" if health.state == "trial" else health.reason
    return {"instance_id": instance.instance_id, "since_at": health.since_at, "reason": reason}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
