"""The hosts that instances come to life on: in which zones there are some, and how busy their processors are.

An instance lands on any open host of its zone, as its name falls. So what more instances of a zone would meet is the
mean of its hosts, and what those of an agent meet now is the mean by where they are.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from processors.scaling.signals import CPU
from processors.scaling.sizing import may_grow
from schemas.events import AgentHeartbeat

FULL = 0.9
"""Share of the processors in use above which one more instance only takes from those that are there."""
MEAN_US = 60_000_000
"""What a host tells of its processors counts over so long: a moment is nobody's need."""
BACK_US = 300_000_000
"""A process that ends is started again within seconds, and most machines are back by then."""


@dataclass(slots=True)
class _Host:
    zone: str
    heard_at: int
    cpu: float | None = None
    instances: dict[str, int] = field(default_factory=dict)
    """By agent."""
    is_open: bool = True


class Ground(NamedTuple):
    """What hosts say, at one moment."""

    there: frozenset[str]
    """Zones with a host that takes instances."""
    cpu: Mapping[str, float]
    """Processors in use by zone, where they are told."""
    of_agents: Mapping[str, float]
    """The same for the hosts of each agent, by its instances there."""
    silent_us: Mapping[str, int]
    """Zones in which no host takes instances while others do, and for how long that was seen."""

    @property
    def lost(self) -> frozenset[str]:
        """Zones that nobody waits for any more."""
        return frozenset(zone for zone, silent_us in self.silent_us.items() if silent_us >= BACK_US)

    def open_to(self, of_zones: Mapping[str, int]) -> frozenset[str]:
        """Zones that more instances of an agent may go to which has these."""
        return frozenset(may_grow(of_zones, self.there))

    def roomy(self, zones: Collection[str], below: float = FULL) -> frozenset[str]:
        """Those of the zones whose processors are less in use than this, as far as is known."""
        return frozenset(zone for zone in zones if self.cpu.get(zone, 0.0) < below)

    def eases(self, of_zones: Mapping[str, int]) -> bool:
        """Whether more instances of an agent which has these would meet processors with room."""
        return bool(self.roomy(self.open_to(of_zones), CPU.high))


class Hosts:
    def __init__(self, zones: Sequence[str], silent_us: int) -> None:
        """Without word for `silent_us` a host is not there."""
        self._zones = frozenset(zones)
        self._silent_us = silent_us
        self._hosts: dict[str, _Host] = {}
        self._is_told = False
        self._silent_since: dict[str, int] = {}
        """By zone. Counted in looks: who was deaf itself for a while must not believe that zones were silent."""

    def heard(self, beat: AgentHeartbeat) -> None:
        host = self._hosts.get(beat["host_id"])
        if host is None:
            host = self._hosts[beat["host_id"]] = _Host(beat["zone"], beat["at"], beat["cpu_used"])
        passed, host.heard_at = max(0, beat["at"] - host.heard_at), max(host.heard_at, beat["at"])
        host.zone, host.is_open = beat["zone"], not beat["draining"]
        host.cpu = _mean_of_late(host.cpu, beat["cpu_used"], passed)
        host.instances[beat["agent_id"]] = len(beat["instances"])
        self._is_told = True

    def look(self, now: int) -> Ground | None:
        """Null as long as no host ever said anything: then nobody knows better than who asks."""
        self._hosts = {name: host for name, host in self._hosts.items() if now - host.heard_at <= self._silent_us}
        here = [host for host in self._hosts.values() if host.is_open and host.zone in self._zones]
        by_zone, by_agent = defaultdict[str, list[float]](list), defaultdict[str, list[tuple[int, float]]](list)
        for host in here:
            if host.cpu is not None:
                by_zone[host.zone].append(host.cpu)
                for agent_id, count in host.instances.items():
                    by_agent[agent_id].append((count, host.cpu))
        if not self._is_told:
            return None
        there = frozenset(host.zone for host in here)
        silent = self._zones - there if there else frozenset[str]()
        self._silent_since = {zone: self._silent_since.get(zone, now) for zone in silent}
        return Ground(
            there,
            {zone: fmean(used) for zone, used in by_zone.items()},
            {name: _weighed(parts) for name, parts in by_agent.items() if any(count for count, _ in parts)},
            {zone: now - since for zone, since in self._silent_since.items()},
        )


def _mean_of_late(before: float | None, told: float | None, passed_us: int) -> float | None:
    """A host tells the same with each of its pools, so what counts is the time that passed."""
    if before is None or told is None:
        return told
    return before + min(1.0, passed_us / MEAN_US) * (told - before)


def _weighed(parts: Sequence[tuple[int, float]]) -> float:
    return sum(count * used for count, used in parts) / sum(count for count, _ in parts)
