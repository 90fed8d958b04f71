"""The agents there are, for an event loop: what the registry's thread hears is taken over in the loop."""

import asyncio
from collections.abc import Callable

from infra import registry
from infra.settings import Settings
from schemas.events import AgentDefinition


class Registry:
    """`definitions` changes in the loop only; `on_change` is called there with the id of each agent that changed."""

    def __init__(self, settings: Settings, on_change: Callable[[str], None]) -> None:
        self.definitions: dict[str, AgentDefinition] = {}
        self._settings = settings
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._followed: registry.Registry | None = None

    async def start(self) -> None:
        """Returns when every definition of now is known."""
        self._followed = registry.Registry(self._settings, [registry.AGENTS], self._pass_on)
        await asyncio.to_thread(self._followed.wait_ready)

    async def stop(self) -> None:
        if self._followed is not None:
            await asyncio.to_thread(self._followed.close)

    async def find(self, agent_id: str, wait_s: float) -> AgentDefinition | None:
        """The definition; a new agent may get work a moment before we hear of it, so it waits a little."""
        try:
            async with asyncio.timeout(wait_s):
                while agent_id not in self.definitions:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return None
        return self.definitions[agent_id]

    def _pass_on(self, agent_id: str) -> None:
        """In the registry's thread, which begins before `start` has the object in its hands."""
        self._loop.call_soon_threadsafe(self._take, agent_id)

    def _take(self, agent_id: str) -> None:
        assert self._followed is not None
        definition = self._followed.agents.get(agent_id)
        if definition is None:
            self.definitions.pop(agent_id, None)
        else:
            self.definitions[agent_id] = definition
        self._heard.set()
        self._on_change(agent_id)
