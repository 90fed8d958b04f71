"""Which instance is on which host: names and numbers as the line has them, partitions dealt out to hosts.

An instance belongs to a partition by its name, and each partition of a zone to one of the zone's hosts. When a host
dies the others of its zone have its partitions; when it comes back it has its own again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from processors import placing
from schemas.events import AgentDefinition, AgentDesired
from schemas.partition import partition_of


class Places:
    def __init__(self, hosts: Mapping[str, Sequence[str]], partitions: int) -> None:
        """`hosts` by zone; a line without zones has the one zone without a name."""
        self._hosts, self._partitions = hosts, partitions
        self._zone_of = {name: zone for zone, names in hosts.items() for name in names}
        self._home = {
            zone: [names[partition % len(names)] for partition in range(partitions)] for zone, names in hosts.items()
        }
        self._owner = {zone: list(names) for zone, names in self._home.items()}
        self._away: set[str] = set()
        self._definitions: dict[str, AgentDefinition] = {}
        self._wishes: dict[str, AgentDesired] = {}
        self._on: dict[str, dict[str, list[str]]] | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(self._hosts)

    def agent(self, definition: AgentDefinition) -> None:
        self._definitions[definition["agent_id"]] = definition
        self._on = None

    def desired(self, wish: AgentDesired) -> None:
        self._wishes[wish["agent_id"]] = wish
        self._on = None

    def wanted(self, agent_id: str) -> dict[str, int]:
        """Instances of an agent by zone."""
        return placing.wanted(self._definitions[agent_id], self._wishes.get(agent_id), self.zones)

    def owner_of(self, instance_id: str) -> str:
        return self._owner[placing.zone_of(instance_id)][_partition(instance_id, self._partitions)]

    def on(self, host: str) -> dict[str, list[str]]:
        """By agent, the instances that are this host's."""
        if self._on is None:
            self._on = {name: {} for name in self._zone_of}
            for agent_id in self._definitions:
                for zone, count in self.wanted(agent_id).items():
                    for name in placing.names(agent_id, zone, count):
                        self._on[self.owner_of(name)].setdefault(agent_id, []).append(name)
        return self._on[host]

    def leave(self, host: str) -> None:
        """Its partitions go to those of its zone that have the fewest; they stay when there is nobody."""
        self._away.add(host)
        owner = self._owner[self._zone_of[host]]
        others = [name for name in self._hosts[self._zone_of[host]] if name not in self._away]
        if not others:
            return
        has = Counter({name: owner.count(name) for name in others})
        for partition in (p for p, name in enumerate(owner) if name == host):
            owner[partition] = min(others, key=has.__getitem__)
            has[owner[partition]] += 1
        self._on = None

    def come(self, host: str) -> None:
        """It has the partitions again that were dealt to it."""
        self._away.discard(host)
        zone = self._zone_of[host]
        for partition, name in enumerate(self._home[zone]):
            if name == host or self._owner[zone][partition] in self._away:
                self._owner[zone][partition] = host
        self._on = None

    def hosts_beside(self, host: str) -> Iterable[str]:
        """All of its zone, itself too."""
        return self._hosts[self._zone_of[host]]


@lru_cache(maxsize=100_000)
def _partition(instance_id: str, partitions: int) -> int:
    return partition_of(instance_id.encode(), partitions)
