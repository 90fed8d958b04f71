"""What is broken in a run, when, and how it heals: hosts die, the network is slow, the dispatchers fail over."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.scale.clock import Clock
from lab.scale.hosts import Host
from lab.scale.mix import SECOND
from lab.scale.network import Network
from lab.scale.places import Places
from lab.scale.scenario import Injection
from lab.scale.shard import Shard

TAKEOVER_US = 6 * SECOND
"""Before the others of a group have the partitions of a host that is gone: its session's timeout."""


@dataclass(frozen=True)
class Victims:
    """What can be hurt."""

    clock: Clock
    places: Places
    network: Network
    hosts: Mapping[str, Host]
    shards: Mapping[int, Shard]
    chance: random.Random
    heartbeat_us: int
    take_stock: Callable[[], None]
    """Counts the instances that are there from now on."""


class Mishaps:
    def __init__(self, victims: Victims, due: Sequence[tuple[int, Injection]]) -> None:
        """`due`: when each comes if nothing is passed over."""
        self._of = victims
        self._passed_us = 0
        self._ahead = dict(enumerate(due))
        self.pass_over(0)

    def pass_over(self, us: int) -> None:
        """Those to come come so much earlier."""
        self._passed_us += us
        for number, (at, _) in self._ahead.items():
            self._of.clock.at(at - self._passed_us, self._befall, number, self._passed_us)

    def _befall(self, number: int, passed_us: int) -> None:
        if passed_us != self._passed_us:
            return  # it was moved since
        _, injection = self._ahead.pop(number)
        hurts = {"kill": self._kill, "delay": self._delay, "failover": self._fail_over}
        hurts[injection.kind](injection)

    def _later(self, us: int, call: Callable[..., None], *args: object) -> None:
        self._of.clock.at(self._of.clock.now + us, call, *args)

    # -- hosts

    def _kill(self, injection: Injection) -> None:
        """Hosts die until so many of all are down; those that are down already stay it."""
        up = [host for host in self._of.hosts.values() if host.up]
        count = min(len(up) - 1, max(1, round(len(up) * injection.percent / 100)))
        for host in self._of.chance.sample(up, count):
            host.die()
            self._later(TAKEOVER_US, self._take_over, host, host.life)
            self._later(int(injection.away_s * SECOND), self._come_back, host)
        self._of.take_stock()

    def _take_over(self, host: Host, life: int) -> None:
        """The others of its zone have its partitions, and tell what it leaves behind."""
        if host.up or host.life != life:
            return
        self._of.places.leave(host.name)
        self._inherit(host)

    def _come_back(self, host: Host) -> None:
        host.come_back()
        self._of.places.come(host.name)
        self._inherit(host)
        self._later(self._of.chance.randrange(1, self._of.heartbeat_us), host.beat_on, host.life)

    def _inherit(self, moved: Host) -> None:
        """Partitions have new owners: they tell as lost what those before them had read, and have their instances."""
        for host in self._of.hosts.values():
            left, host.untold = host.untold, []
            for assigned in left:
                owner = self._of.hosts[self._of.places.owner_of(assigned["instance_id"])]
                if not owner.up:
                    host.untold.append(assigned)
                elif assigned["kind"] == "run":
                    owner.tell_lost(assigned)
        self._of.take_stock()
        for name in self._of.places.hosts_beside(moved.name):
            self._of.hosts[name].beat()

    # -- network and dispatchers

    def _delay(self, injection: Injection) -> None:
        late_us = int(injection.delay_ms * 1000)
        self._of.network.late_us += late_us
        self._later(int(injection.away_s * SECOND), self._heal, late_us)

    def _heal(self, late_us: int) -> None:
        self._of.network.late_us -= late_us

    def _fail_over(self, injection: Injection) -> None:
        """All dispatchers of one process: here all there are."""
        for shard in self._of.shards.values():
            shard.fall()
            self._later(int(injection.away_s * SECOND), shard.rise)
