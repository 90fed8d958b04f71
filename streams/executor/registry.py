"""The agents there are and what is asked of the fleet, for an event loop: what the thread hears is taken over there."""

import asyncio
from collections.abc import Callable

from infra import registry
from infra.registry import AGENTS, DESIRED, HOSTS
from infra.settings import Settings
from schemas.events import AgentDefinition, AgentDesired, HostState


class Registry:
    """`definitions` and `desired` become others in the loop only. There `on_agent` is called with the id of each agent
    that changed, or of which another number is wanted, and `on_host` when something else is asked of this host.
    """

    def __init__(
        self, settings: Settings, host_id: str, on_agent: Callable[[str], None], on_host: Callable[[HostState], None]
    ) -> None:
        self.definitions: dict[str, AgentDefinition] = {}
        self.desired: dict[str, AgentDesired] = {}
        self.asked: HostState = "open"
        self._settings = settings
        self._host_id = host_id
        self._on_agent = on_agent
        self._on_host = on_host
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._followed: registry.Registry | None = None

    async def start(self) -> None:
        """Returns when everything of now is known."""
        self._followed = registry.Registry(self._settings, [AGENTS, DESIRED, HOSTS], self._pass_on)
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

    def _pass_on(self, topic: str, key: str) -> None:
        """In the registry's thread, which begins before `start` has the object in its hands."""
        self._loop.call_soon_threadsafe(self._take, topic, key)

    def _take(self, topic: str, key: str) -> None:
        assert self._followed is not None
        if topic == HOSTS:
            self._take_host(key, self._followed)
            return
        self.definitions, self.desired = self._followed.agents, self._followed.desired
        self._heard.set()
        self._on_agent(key)

    def _take_host(self, host_id: str, followed: registry.Registry) -> None:
        if host_id != self._host_id:
            return
        wish = followed.hosts.get(host_id)
        asked: HostState = wish["state"] if wish is not None else "open"
        if asked != self.asked:
            self.asked = asked
            self._on_host(asked)
