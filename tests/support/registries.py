"""What a registry knows, without a broker."""

from typing import Any

from schemas.events import AgentDefinition, Experiment


class Known:
    """As infra.registry.Registry, changed by the test."""

    def __init__(self, *agents: AgentDefinition, experiments: tuple[Experiment, ...] = ()) -> None:
        self.agents: dict[str, AgentDefinition] = {one["agent_id"]: one for one in agents}
        self.pools: dict[str, Any] = {}
        self.skills: dict[str, Any] = {}
        self.models: dict[str, Any] = {}
        self.weights: dict[str, Any] = {}
        self.version = 1
        self.experiments = {experiment["experiment"]: experiment for experiment in experiments}

    def change(self, agents: dict[str, AgentDefinition]) -> None:
        self.agents = agents
        self.version += 1
