"""The agents a host can run, and which of them runs a given definition."""

from infra.settings import Settings
from schemas.events import AgentDefinition
from streams.executor.agents.simulated import Simulated
from streams.executor.work import Agent, Permanent


class Agents:
    """Makes each kind of agent once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Agent] = {}
        if settings.anthropic_api_key:  # loading the client takes a second, which a running host has not
            self._made["anthropic"] = self._make("anthropic")

    def of(self, definition: AgentDefinition) -> Agent:
        runner: str = definition["runner"]
        if runner == "auto":
            runner = "anthropic" if self._settings.anthropic_api_key else "simulated"
        agent = self._made.get(runner)
        if agent is None:
            agent = self._made[runner] = self._make(runner)
        return agent

    def _make(self, runner: str) -> Agent:
        if runner == "simulated":
            return Simulated()
        if runner == "anthropic":
            # Imported only where it is used: it takes 60 MB.
            from streams.executor.agents.anthropic import Anthropic

            return Anthropic(self._settings)
        raise Permanent(f"runner {runner!r} is not known to this host: update the host, or change the agent's runner")
