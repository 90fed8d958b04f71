"""What the host writes. What matters is kept until the broker has it, however long; progress may be dropped."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra import kafka, log, metrics
from infra.settings import Settings
from schemas.codec import encode

Headers = list[tuple[str, str | bytes | None]]

_PUMP_S = 0.005
"""How often delivery reports are fetched while any is due."""
_AGAIN_S = 0.5
"""Wait before what the producer refused is offered again."""
_QUEUED_MAX = 100_000
_DROP_ABOVE = 20_000
"""Messages waiting for the broker above which progress is dropped, so that results keep their room."""


class Outbox:
    """Belongs to one event loop; all its callbacks run there."""

    def __init__(self, settings: Settings, on_fatal: Callable[[Exception], None]) -> None:
        self._producer: Producer = kafka.producer(
            settings,
            # A result stays queued through any outage; intake stops meanwhile at in_hand_max.
            message_timeout_ms=0,
            queue_buffering_max_messages=_QUEUED_MAX,
            queue_buffering_max_kbytes=64 * 1024,
        )
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._refused: deque[tuple[Any, ...]] = deque()
        self._pumping = False
        self._log = log.bind(part="outbox")
        self._written = {name: metrics.EVENTS_WRITTEN.labels(name) for name in ("tasks.results", "dead.letters")}

    @property
    def waiting(self) -> int:
        """Messages that the broker does not have yet."""
        return len(self._producer) + len(self._refused)

    def send(
        self,
        topic: str,
        key: str,
        event: str,
        value: Mapping[str, Any],
        trace: Headers | None,
        delivered: Callable[[], None],
    ) -> None:
        """Writes what must not be lost; calls `delivered` when the broker has it."""

        def reported(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._written[topic].inc()
                delivered()
            else:
                self._on_refusal(error, item)

        item = (topic, encode(event, value), key, reported, trace)
        self._offer(item)

    def tell(self, topic: str, key: str, event: str, value: Mapping[str, Any], trace: Headers | None = None) -> None:
        """Writes what may be lost; drops it when much is waiting already."""
        if len(self._producer) > _DROP_ABOVE:
            return
        try:
            self._producer.produce(topic, encode(event, value), key, headers=trace)
        except (BufferError, KafkaException) as error:
            self._log.debug("dropped", topic=topic, error=str(error))
        self._pump_soon()

    async def flush(self, timeout_s: float) -> bool:
        """Waits until the broker has everything; False when it does not within the time."""
        until = self._loop.time() + timeout_s
        while self.waiting and self._loop.time() < until:
            self._producer.poll(0)
            await asyncio.sleep(_PUMP_S)
        return not self.waiting

    def _offer(self, item: tuple[Any, ...]) -> None:
        topic, data, key, reported, trace = item
        try:
            self._producer.produce(topic, data, key, on_delivery=reported, headers=trace)
        except BufferError:
            self._keep(item)
        except KafkaException as error:
            self._on_refusal(error.args[0], item)
        self._pump_soon()

    def _on_refusal(self, error: KafkaError, item: tuple[Any, ...]) -> None:
        """A refusal may pass (rights, a missing topic), so the message is kept; a broken producer cannot recover."""
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._on_fatal(KafkaException(error))
            return
        self._log.error("not delivered, will be tried again", topic=item[0], error=error.str())
        self._keep(item)

    def _keep(self, item: tuple[Any, ...]) -> None:
        if not self._refused:
            self._loop.call_later(_AGAIN_S, self._offer_refused)
        self._refused.append(item)

    def _offer_refused(self) -> None:
        again, self._refused = self._refused, deque()
        for item in again:
            self._offer(item)

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._loop.call_later(_PUMP_S, self._pump)

    def _pump(self) -> None:
        self._pumping = False
        self._producer.poll(0)
        if len(self._producer):
            self._pump_soon()
