"""A line in virtual time: the real dispatchers and the real autoscaler, with simulated tasks, hosts and mishaps."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Literal

from lab.scale import events
from lab.scale.clock import Clock
from lab.scale.hosts import Ground, Host
from lab.scale.mishaps import Mishaps, Victims
from lab.scale.mix import SECOND, Arrival, Attempt, Kind, attempt, submission
from lab.scale.network import Network
from lab.scale.passing import Passing
from lab.scale.places import Places
from lab.scale.scenario import Injection
from lab.scale.settled import Score
from lab.scale.shard import Shard
from lab.scale.tally import Tally
from processors.dispatch import Limits, Send
from processors.scaling import autoscaler
from processors.scaling.sizing import resized
from schemas.events import AgentDesired, TaskAssigned, TaskOutcome
from schemas.partition import partition_of

Way = Literal["routing", "assigning", "running", "reporting"]
BEGIN = 1_790_000_000 * SECOND
HOP_US = 5_000
"""From one process to the next through Kafka: a quarter of what the four hops of the bare chain take in
docs/benchmarks.md."""
ROUTING_HOPS = 2
"""Handed in, and decided."""
START_US = 2 * SECOND
"""After a change of their number, before instances are there."""
LOOK_US = 30 * SECOND
MINUTE_US = 60 * SECOND
WARM_US = 2 * MINUTE_US
"""More than the longest attempt takes."""
DRAIN_US = 3600 * SECOND
"""After the last task was handed in, before what has no outcome counts as lost."""


@dataclass(frozen=True)
class Setup:
    """What a run is made of."""

    mix: tuple[Kind, ...]
    sizes: Mapping[str, int]
    """Instances by agent, to begin with."""
    zones: tuple[str, ...]
    hosts: int
    """Of all zones together."""
    limits: Limits
    scaling: autoscaler.Limits | None
    """Null: nobody changes the sizes."""
    injections: tuple[Injection, ...] = ()
    failures: float = 0.0
    seed: int = 0
    speed: float = 1.0
    """So many times faster than the mix says the agents are."""
    heartbeat_us: int = 2 * SECOND
    hop_us: int = HOP_US
    known: Mapping[tuple[Way, str], int] = field(default_factory=dict)
    """How long what took of which task, where that is known [µs]; else it is as the seed and the hops have it."""


class Line:
    def __init__(
        self,
        setup: Setup,
        seen: Callable[[TaskOutcome], None] | None = None,
        watch: Callable[[Tally], None] | None = None,
    ) -> None:
        """`seen` is told every outcome, `watch` how it stands after each minute."""
        self.tally = Tally(BEGIN)
        self._seen, self._watch = seen, watch
        self._setup = setup
        self._clock = clock = Clock(BEGIN)
        self._chance = random.Random(f"line/{setup.seed}")
        self._network = Network(clock, setup.hop_us)
        self._kinds = {kind.skill: kind for kind in setup.mix}
        zone_of = dict(zip(range(setup.hosts), cycle(setup.zones), strict=False))
        by_zone = {zone: [f"host-{i}" for i in zone_of if zone_of[i] == zone] for zone in setup.zones}
        self._places = Places(by_zone, setup.limits.partitions)
        ground = Ground(
            clock,
            self._places,
            self.tally,
            self._attempt,
            self._bought,
            self._tell,
            setup.heartbeat_us,
        )
        self.hosts = {f"host-{i}": Host(ground, f"host-{i}", zone) for i, zone in zone_of.items()}
        logs = any(injection.kind == "failover" for injection in setup.injections)
        self._shard_names = {agent: partition_of(agent.encode(), setup.limits.partitions) for agent in setup.sizes}
        self.shards = {
            number: Shard(clock, setup.limits, self._sent, logs=logs)
            for number in sorted(set(self._shard_names.values()))
        }
        self._looks: deque[dict[str, Score]] = deque(maxlen=MINUTE_US // LOOK_US)
        """Of the autoscaler, in the newest minute."""
        self._scaler = autoscaler.Autoscaler(setup.scaling, "on", setup.zones) if setup.scaling else None
        for agent_id, count in setup.sizes.items():
            self._define(agent_id, count)

    def run(self, tasks: Iterable[Arrival], minutes: float, passing: Passing | None = None) -> Tally:
        """Everything from the first task to the last outcome, but for what may be passed over."""
        tally = self.tally
        tally.end = end = BEGIN + int(minutes * MINUTE_US)
        tally.warm = min(BEGIN + WARM_US, (BEGIN + end) // 2)
        self._begin_beating()
        mishaps = self._schedule(end)
        waiting = iter(tasks)
        self._next(waiting)
        now = BEGIN
        tally.marks.append(tally.counts(now))
        while now < tally.end:
            now = min(now + MINUTE_US, tally.end)
            self._clock.run(now)
            if (now - BEGIN) % MINUTE_US == 0:
                self._minute()
            if passing is not None and now < tally.end:
                self._pass_over(passing, mishaps, now)
        self._settle_accounts(tally.end)
        self._clock.run(tally.end + DRAIN_US, lambda: not tally.open)
        return tally

    def _pass_over(self, passing: Passing, mishaps: Mishaps, now: int) -> None:
        """What is left of the scenario comes earlier; the clock, and all that goes by it, runs on without a jump."""
        tally = self.tally
        tally.marks.append(tally.counts(now))
        newest = [made for made in tally.scalings[-10:] if made["at"] > now - MINUTE_US]
        resized = {made["agent_id"] for made in newest if made["after"] != made["before"]}
        stretch = passing.minute(tally.minutes[-1], resized, self._looks)
        if stretch is not None:
            tally.end -= stretch.minutes * MINUTE_US
            tally.passed.append(stretch)
            mishaps.pass_over(stretch.minutes * MINUTE_US)

    def left(self) -> int:
        """Tasks and slots that the dispatchers hold."""
        found = 0
        for shard in self.shards.values():
            pools = shard.dispatcher.pools.values()
            slots = sum(len(i.running) for pool in pools for i in pool.instances.values())
            found += len(shard.dispatcher.tasks) + slots
        return found

    # -- tasks

    def _next(self, tasks: Iterator[Arrival]) -> None:
        arrival = next(tasks, None)
        if arrival is not None:
            self._clock.at(arrival.at, self._arrive, arrival, tasks)

    def _arrive(self, arrival: Arrival, tasks: Iterator[Arrival]) -> None:
        self.tally.arrived(arrival.task_id, arrival.priority)
        decided = events.decision(arrival, submission(arrival), self._clock.now)
        pool, takes_us = decided["pool"], self._setup.known.get(("routing", arrival.task_id))
        put = self._shard_of(pool).put
        self._network.send(("router", pool), put, "decision", decided, hops=ROUTING_HOPS, takes_us=takes_us)
        self._next(tasks)

    def _sent(self, send: Send) -> None:
        """What a dispatcher writes: to hosts, and to those who look on."""
        if send.topic == "tasks.assigned":
            takes_us = self._setup.known.get(("assigning", send.value["task_id"]))
            self._network.send(("dispatcher", send.key), self._assigned, send.value, takes_us=takes_us)
        elif send.topic == "tasks.outcomes":
            self.tally.outcome(send.value)
            if self._seen is not None:
                self._seen(send.value)
        elif send.topic == "pools.status" and self._scaler is not None:
            self._scaler.pool(send.value)
        elif send.topic == "fleet.events":
            self.tally.events[send.value["what"]] += 1

    def _assigned(self, assigned: TaskAssigned) -> None:
        if assigned["kind"] == "run":
            self.hosts[self._places.owner_of(assigned["instance_id"])].take(assigned)
        else:  # wherever it runs by now
            key = assigned["task_id"], assigned["attempt"]
            for host in self.hosts.values():
                if key in host.runs:
                    host.cancel(key)

    def _attempt(self, assigned: TaskAssigned) -> Attempt:
        kind, setup = self._kinds[assigned["skill"]], self._setup
        known_us = setup.known.get(("running", assigned["task_id"]))
        if known_us is not None:
            return Attempt(known_us, fails=False, retryable=False)
        return attempt(kind, assigned["task_id"], assigned["attempt"], setup.seed, setup.failures, setup.speed)

    def _bought(self, assigned: TaskAssigned) -> tuple[int, int, int]:
        kind = self._kinds[assigned["skill"]]
        return kind.tokens_in, kind.tokens_out, kind.cost_usd_micros

    def _tell(self, host: str, what: str, event: Any) -> None:
        """From a host to the dispatcher of a pool."""
        known, shard = self._setup.known, self._shard_of(event["pool"])
        takes_us = known.get(("reporting", event["task_id"])) if known and what == "result" else None
        self._network.send((host, event["pool"]), shard.put, what, event, takes_us=takes_us)

    def _shard_of(self, pool: str) -> Shard:
        return self.shards[self._shard_names[pool]]

    # -- the fleet

    def _define(self, agent_id: str, count: int) -> None:
        definition = events.definition(agent_id, count, BEGIN)
        self._places.agent(definition)
        if self._scaler is not None:
            self._scaler.agent(definition)

    def _begin_beating(self) -> None:
        """At once, as hosts do when they start, and then each in its own rhythm."""
        for host in self.hosts.values():
            host.beat()
            first = self._clock.now + self._chance.randrange(1, self._setup.heartbeat_us)
            self._clock.at(first, host.beat_on, host.life)
        self._take_stock()

    def _take_stock(self) -> None:
        on = self._places.on
        there = [name for host in self.hosts.values() if host.up for names in on(host.name).values() for name in names]
        self.tally.present(there, self._clock.now)

    def _look(self) -> None:
        assert self._scaler is not None
        for decision in self._scaler.look(self._clock.now):
            self.tally.scalings.append(decision)
            sizes = resized(self._places.wanted(decision["agent_id"]), decision["after"])
            wish = events.wish(decision, sizes)
            self._scaler.desired(wish)
            self._clock.at(self._clock.now + START_US, self._resize, wish)
        self._looks.append(self._scores())

    def _scores(self) -> dict[str, Score]:
        """What the autoscaler saw just now, and which sizes it may change."""
        assert self._scaler is not None and self._setup.scaling is not None
        bounds, scaler = self._setup.scaling, self._scaler
        sizes = {agent_id: scaler.size(agent_id) for agent_id in self._setup.sizes}
        fleet = sum(sizes.values())
        return {
            agent_id: Score(
                value,
                grows=fleet < bounds.fleet_max and sizes[agent_id] < bounds.instances_max,
                shrinks=fleet > bounds.fleet_min and sizes[agent_id] > bounds.instances_min,
            )
            for agent_id, value in scaler.scores().items()
        }

    def _resize(self, wish: AgentDesired) -> None:
        self._places.desired(wish)
        self._take_stock()
        for host in self.hosts.values():
            host.beat()

    # -- what comes by the clock

    def _schedule(self, end: int) -> Mishaps:
        if self._scaler is not None:
            self._every(LOOK_US, self._look)
        victims = Victims(
            self._clock,
            self._places,
            self._network,
            self.hosts,
            self.shards,
            self._chance,
            self._setup.heartbeat_us,
            self._take_stock,
        )
        due = [(BEGIN + at, one) for one in self._setup.injections for at in one.times(end - BEGIN)]
        return Mishaps(victims, due)

    def _every(self, period_us: int, call: Callable[[], None]) -> None:
        def again() -> None:
            call()
            if self._clock.now + period_us <= self.tally.end:
                self._clock.at(self._clock.now + period_us, again)

        self._clock.at(BEGIN + period_us, again)

    # -- what is seen

    def _minute(self) -> None:
        pools = [pool for shard in self.shards.values() for pool in shard.dispatcher.pools.values()]
        running = sum(len(host.runs) for host in self.hosts.values())
        held = sum(shard.held() for shard in self.shards.values())
        self.tally.minute(sum(pool.waiting for pool in pools), running, held)
        if self._watch is not None:
            self._watch(self.tally)

    def _settle_accounts(self, end: int) -> None:
        """What is at work at the end counts up to here, and later nothing does."""
        self.tally.present((), end)
