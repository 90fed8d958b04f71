"""The agents there are: follows agents.registry in a thread, and keeps the newest definition of each."""

import asyncio
from collections.abc import Callable
from threading import Event, Thread

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import kafka, log, metrics
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition

TOPIC = "agents.registry"
_POLL_S = 0.5
_ANSWER_S = 10.0


class Registry:
    """Lives in an event loop; `on_change` is called there with the id of each agent that changed."""

    def __init__(
        self, settings: Settings, host_id: str, on_change: Callable[[str], None], on_fatal: Callable[[Exception], None]
    ) -> None:
        self.definitions: dict[str, AgentDefinition] = {}
        self._settings = settings
        self._host_id = host_id
        self._on_change = on_change
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._caught_up = asyncio.Event()
        self._heard = asyncio.Event()
        self._stopping = Event()
        self._thread = Thread(target=self._follow, name="registry", daemon=True)
        self._log = log.bind(topic=TOPIC)

    async def start(self) -> None:
        """Returns when every definition of now is known, or none will be."""
        self._thread.start()
        await self._caught_up.wait()

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    async def find(self, agent_id: str, wait_s: float) -> AgentDefinition | None:
        """The definition; a new agent may get work a moment before we hear of it, so it waits a little."""
        if agent_id in self.definitions:
            return self.definitions[agent_id]
        try:
            async with asyncio.timeout(wait_s):
                while agent_id not in self.definitions:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return None
        return self.definitions[agent_id]

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        try:
            consumer = kafka.consumer(self._settings, f"headway-registry-{self._host_id}", enable_partition_eof=True)
            try:
                self._read(consumer)
            finally:
                consumer.close()
        except Exception as error:  # without the registry the host must not go on
            self._loop.call_soon_threadsafe(self._on_fatal, error)
            self._loop.call_soon_threadsafe(self._caught_up.set)  # who waits for us must not wait for ever

    def _read(self, consumer: Consumer) -> None:
        partitions = consumer.list_topics(TOPIC, timeout=_ANSWER_S).topics[TOPIC].partitions
        consumer.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in partitions])
        behind = set(partitions)
        while not self._stopping.is_set():
            message = consumer.poll(_POLL_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._loop.call_soon_threadsafe(self._take, message)
            elif error.code() == KafkaError._PARTITION_EOF:
                behind.discard(message.partition())
                if not behind:
                    self._loop.call_soon_threadsafe(self._caught_up.set)
            elif error.fatal():
                raise KafkaException(error)
            else:
                self._log.warning("registry cannot be read now", error=error.str())

    # -- in the loop ------------------------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        key = (message.key() or b"").decode(errors="replace")
        try:
            value = message.value()
            definition: AgentDefinition | None = None
            if value is not None:
                definition = decode_as("AgentDefinition", value)  # type: ignore[assignment]
        except BadMessage as error:
            metrics.BAD_MESSAGES.labels(TOPIC).inc()
            self._log.warning("bad definition, the one before it stays", agent=key, error=str(error))
            return
        agent_id = definition["agent_id"] if definition else key
        if definition is None or definition["removed"]:
            self.definitions.pop(agent_id, None)
        else:
            self.definitions[agent_id] = definition
        self._heard.set()
        self._on_change(agent_id)
