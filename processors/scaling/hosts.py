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
from schemas.events import AgentHeartbeat

FULL = 0.9
"""Share of the processors in use above which one more instance only takes from those that are there."""
MEAN_US = 60_000_000
"""What a host tells of its processors counts over so long: a moment is nobody's need."""


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

    def open_to(self, used: Collection[str]) -> frozenset[str]:
        """Zones that more instances of an agent may go to, which is in use in these: others only when none is there."""
        return self.there & frozenset(used) or self.there

    def roomy(self, zones: Collection[str], below: float = FULL) -> frozenset[str]:
        """Those of the zones whose processors are less in use than this, as far as is known."""
        return frozenset(zone for zone in zones if self.cpu.get(zone, 0.0) < below)

    def eases(self, used: Collection[str]) -> bool:
        """Whether more instances of an agent that is in these zones would meet processors with room."""
        return bool(self.roomy(self.open_to(used), CPU.high))


class Hosts:
    def __init__(self, zones: Sequence[str], silent_us: int) -> None:
        """Without word for `silent_us` a host is not there."""
        self._zones = frozenset(zones)
        self._silent_us = silent_us
        self._hosts: dict[str, _Host] = {}
        self._is_told = False

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
        return Ground(
            frozenset(host.zone for host in here),
            {zone: fmean(used) for zone, used in by_zone.items()},
            {name: _weighed(parts) for name, parts in by_agent.items() if any(count for count, _ in parts)},
        )


def _mean_of_late(before: float | None, told: float | None, passed_us: int) -> float | None:
    """A host tells the same with each of its pools, so what counts is the time that passed."""
    if before is None or told is None:
        return told
    return before + min(1.0, passed_us / MEAN_US) * (told - before)


def _weighed(parts: Sequence[tuple[int, float]]) -> float:
    return sum(count * used for count, used in parts) / sum(count for count, _ in parts)
