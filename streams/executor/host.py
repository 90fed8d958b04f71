"""The executor host as a process: starts its parts, keeps them going, and ends in order when it is told to."""

import asyncio
import signal
import uuid
from collections.abc import Callable, Iterable

import uvloop

from infra import kafka, log, metrics
from infra.settings import Settings
from processors.placing import wanted
from schemas.events import HostState
from streams.executor.agents import Agents
from streams.executor.attempts import Attempts
from streams.executor.heartbeats import Heartbeats
from streams.executor.intake import Intake
from streams.executor.outbox import Outbox
from streams.executor.registry import Registry
from streams.executor.reports import Identity
from streams.executor.strays import Strays

_WAIT_S = 0.02
_CANCEL_S = 5.0
"""How long cancelled work may take to come to rest."""
_FLUSH_S = 10.0
_BROKER_RETRY_S = 2.0


def main(settings: Settings, index: int) -> None:
    """Runs until SIGTERM or SIGINT (a second one cuts the drain short), or a fault that only a restart can mend."""
    uvloop.run(Host(settings, index).run())


class Host:
    def __init__(self, settings: Settings, index: int) -> None:
        self._settings = settings
        self._index = index
        self._serving = False
        zone = settings.zone or settings.zone_names[index % len(settings.zone_names)]
        self._identity = Identity(f"host-{index}", uuid.uuid4().hex, zone)
        self._log = log.bind(host=self._identity.host_id)
        self._fault: Exception | None = None
        self._hurry = False

    async def run(self) -> None:
        self._stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        if not await self._broker_answers():
            return
        await self._start()
        beating = asyncio.create_task(self._beat())
        await self._stopping.wait()
        clean = self._fault is None and await self._drain()
        beating.cancel()
        await asyncio.to_thread(self._intake.stop, clean=clean)
        self._strays.stop()
        await self._registry.stop()
        self._log.info("host has stopped", clean=clean)
        if self._fault is not None:
            raise self._fault

    def _on_signal(self) -> None:
        self._hurry = self._stopping.is_set()
        self._stopping.set()

    def _on_fault(self, fault: Exception) -> None:
        """A part of the host cannot go on. What it had in hand is told as lost by its next life."""
        self._log.error("host cannot go on", error=str(fault))
        self._fault = self._fault or fault
        self._stopping.set()

    async def _broker_answers(self) -> bool:
        """Waits for the broker and the topics; False when the host is told to stop before."""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(kafka.ensure_topics, self._settings)
                return True
            except kafka.KafkaUnreachable as error:
                self._log.warning("waiting for the broker", error=str(error))
                await self._wait_for(self._stopping.is_set, _BROKER_RETRY_S)
        return False

    async def _start(self) -> None:
        settings, identity = self._settings, self._identity
        loop = asyncio.get_running_loop()
        self._outbox = Outbox(settings, self._on_fault)
        self._registry = Registry(settings, identity.host_id, self._on_agent, self._on_asked)
        self._attempts = Attempts(settings, identity, self._outbox, self._registry, Agents(settings), self._on_move)
        self._heartbeats = Heartbeats(identity, settings.partitions, self._attempts, self._outbox)
        self._strays = Strays(settings, identity, self._attempts, loop)
        self._intake = Intake(settings, identity, self._attempts, loop, self._on_fault)
        await self._registry.start()
        self._intake.start()
        if self._registry.asked == "drained":
            self._tell_ready()  # it will get no partitions
        agents = len(self._registry.definitions)
        self._log.info("host is up", incarnation=identity.incarnation, zone=identity.zone, agents=agents)

    def _on_agent(self, agent_id: str) -> None:
        self._heartbeats.place(self._wanted([agent_id]))
        self._heartbeats.beat([agent_id])

    def _on_asked(self, state: HostState) -> None:
        """Somebody wants this host to rest, or to work again. What is in hand goes on in any case."""
        self._log.info("host is asked to be", state=state)
        self._heartbeats.cordoned = state in ("cordoned", "drained")
        self._intake.rest(state == "drained")
        self._heartbeats.beat()

    def _wanted(self, agent_ids: Iterable[str]) -> dict[str, int]:
        """How many instances of these agents our zone shall have."""
        known, desired = self._registry.definitions, self._registry.desired
        found = {
            a: wanted(known[a], desired.get(a), self._settings.zone_names) if a in known else {} for a in agent_ids
        }
        return {agent_id: of_zones.get(self._identity.zone, 0) for agent_id, of_zones in found.items()}

    def _on_move(self, given_back: dict[int, int]) -> None:
        """Instances have come or gone. The first time is when work can begin, and how others see that we are ready."""
        self._tell_ready()
        self._strays.watch(given_back)
        self._heartbeats.place(self._wanted(self._registry.definitions))
        self._heartbeats.beat()

    def _tell_ready(self) -> None:
        if not self._serving:
            self._serving = True
            metrics.serve(self._settings, metrics.port_offset("executor", self._index))

    async def _beat(self) -> None:
        while True:
            self._heartbeats.beat()
            await asyncio.sleep(self._settings.heartbeat_s)

    async def _drain(self) -> bool:
        """Finishes what is in hand, reports the rest as lost; True when the broker has every report."""
        attempts = self._attempts
        attempts.draining = True
        self._heartbeats.beat()
        self._log.info("draining", in_hand=len(attempts.in_hand))
        await self._wait_for(lambda: self._hurry or not attempts.in_hand, self._settings.drain_s)
        # From here on nothing comes in, so what is in hand now is the rest.
        await asyncio.to_thread(self._intake.hush)
        attempts.cancel_rest()
        await self._wait_for(lambda: not attempts.in_hand, _CANCEL_S)
        self._heartbeats.beat()
        return await self._outbox.flush(_FLUSH_S) and not attempts.in_hand

    async def _wait_for(self, condition: Callable[[], bool], limit_s: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_s
        # The conditions are of several parts, and looked at only while starting and stopping.
        while not condition() and self._fault is None and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(_WAIT_S)
