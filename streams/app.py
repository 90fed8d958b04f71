"""The Faust side of a service: which topics it reads, as which group, and how events reach the shards.

Faust consumes and keeps the group; it produces nothing (see shard.py for why).
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import aiokafka
import faust
import structlog
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from infra import memory, metrics
from infra.kafka import unread
from infra.settings import Settings
from streams.orchestrating import ORCHESTRATORS, InHand, Orchestrating, in_hand
from streams.shard import Desk, Incoming, Shard

log = structlog.get_logger()

_WATCH_EVERY = 3
"""The watchdog looks this many times within its time."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer with three differences that it has no setting for.

    It reads committed records only (its own transactions aside), it assigns by range so that the same partition of
    all our topics goes to the same worker, and it asks the broker to answer empty fetches sooner.
    """

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        consumer._fetch_max_wait_ms = 500
        return consumer


class _Consumer(driver.Consumer):
    """Faust's consumer without its books on which offsets are missing between those acknowledged.

    A shard acknowledges the events of a partition in their order, so the last one says what to commit. Every
    transaction leaves an offset out, and Faust's books of them grew until a service did nothing else.
    """

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def ack(self, message: Any) -> bool:
        message.acked = True
        self._unacked_messages.discard(message)
        self._acked[message.tp] = [message.offset]
        return True

    def _new_offset(self, tp: Any) -> int | None:
        acked = self._acked[tp]
        return acked[0] + 1 if acked else None

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Nothing needs it."""


class _Transport(driver.Transport):
    Consumer = _Consumer


class _Event:
    """A Faust event as a shard sees it."""

    __slots__ = ("_event", "key", "offset", "partition", "topic", "value")

    def __init__(self, event: Any) -> None:
        message = event.message
        self._event = event
        self.topic: str = message.topic
        self.partition: int = message.partition
        self.offset: int = message.offset
        self.key: bytes | None = message.key
        self.value: bytes | None = message.value

    def ack(self) -> None:
        self._event.ack()


class Line:
    """One service process: its Faust app and one shard for each partition in hand."""

    def __init__(
        self,
        settings: Settings,
        service: str,
        index: int,
        topics: list[str],
        log_topic: str,
        make_desk: Callable[[int], Desk],
        linger_s: float = 0.0,
    ) -> None:
        self.settings = settings
        self.service = service
        self.topics = topics
        self.shards: dict[int, Shard] = {}
        self._read = {topic: metrics.EVENTS_READ.labels(topic) for topic in topics}
        self._log_topic = log_topic
        self._make_desk = make_desk
        self._linger_s = linger_s
        self._threads = ThreadPoolExecutor(max(4, settings.partitions), thread_name_prefix="transaction")
        self._serving = False
        self._metrics_offset = metrics.port_offset(service, index)
        self._orchestrating = Orchestrating(settings, f"{service}-{index}", service, self._in_hand)
        self.app = self._create_app(index)

    def _create_app(self, index: int) -> faust.App:
        settings = self.settings
        folder = settings.state.absolute() / "faust"
        folder.mkdir(parents=True, exist_ok=True)
        app = faust.App(
            f"headway-{self.service}",
            broker=[f"kafka://{server}" for server in settings.bootstrap.split(",")],
            broker_credentials=_credentials(settings),
            # Static membership: a killed worker that comes back gets its partitions at once, without a rebalance.
            consumer_group_instance_id=f"{self.service}-{index}",
            broker_session_timeout=6,
            broker_heartbeat_interval=2,
            broker_commit_interval=1.0,
            broker_max_poll_records=500,
            stream_wait_empty=False,
            stream_buffer_maxsize=1000,
            consumer_auto_offset_reset="earliest",
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            store="memory://",
            datadir=str(folder / f"{self.service}-{index}"),
        )
        app.transport = _Transport(app.conf.broker, app, app.loop)
        app.on_partitions_assigned.connect(self._assigned, weak=False)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        source = app.topic(*self.topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

        @app.agent(source, name=f"headway.{self.service}")
        async def read(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._deliver(_Event(event))

        app.task(self._watch)
        return app

    async def _deliver(self, event: Incoming) -> None:
        shard = self.shards.get(event.partition)
        if shard is None:  # taken away while it was under way; its next owner reads it again
            return
        self._read[event.topic].inc()
        await shard.put(event)

    async def _assigned(self, app: Any, assigned: Any, **_: Any) -> None:
        mine = {tp.partition for tp in assigned if tp.topic in self.topics}
        for partition in mine - self.shards.keys():
            self.shards[partition] = Shard(
                self.settings,
                self.service,
                partition,
                self._log_topic,
                self._make_desk,
                self._threads,
                self._linger_s,
            )
            self.shards[partition].start()
        log.info("partitions in hand", service=self.service, partitions=sorted(self.shards))
        self._orchestrating.owns(self.shards, self._generation())
        metrics.PARTITIONS.labels(self.topics[0]).set(len(self.shards))
        if not self._serving:
            self._serving = True
            self.app.add_future(self._serve_metrics())

    async def _serve_metrics(self) -> None:
        """Answers for the first time when the work can begin: this is how others see that we are ready."""
        await asyncio.gather(*(shard.recovered.wait() for shard in self.shards.values()))
        metrics.serve(self.settings, self._metrics_offset)

    async def _revoked(self, app: Any, revoked: Any, **_: Any) -> None:
        gone = {tp.partition for tp in revoked if tp.topic in self.topics} & self.shards.keys()
        shards = [self.shards.pop(partition) for partition in gone]
        if shards:
            await asyncio.gather(*(shard.stop() for shard in shards))
        self._orchestrating.gives_up(gone)
        for partition in gone:
            for topic in self.topics:
                metrics.LAG.remove(topic, partition)

    def _generation(self) -> int:
        """Kafka's count of the group's assignments: of two workers that claim a partition the higher is right."""
        return cast(int, self.app.consumer._thread._ensure_consumer()._coordinator.generation)

    def _in_hand(self) -> InHand:
        return in_hand(list(self.shards.values()))

    async def _watch(self) -> None:
        """Ends the process when a partition in hand has records to read and none is handled: a consumer can die and
        look healthy, and the supervisor gives us a new one."""
        still: dict[int, tuple[int, int]] = {}
        while True:
            await asyncio.sleep(self.settings.watchdog_s / _WATCH_EVERY)
            memory.give_back()
            for partition, shard in list(self.shards.items()):
                self._measure_lag(shard)
                handled, times = still.get(partition, (-1, 0))
                times = times + 1 if handled == shard.handled else 0
                still[partition] = (shard.handled, times)
                if times >= _WATCH_EVERY and await self._has_work(shard):
                    log.critical("stuck: records to read and no progress", service=self.service, partition=partition)
                    os._exit(70)

    def _measure_lag(self, shard: Shard) -> None:
        for topic in self.topics:
            end = self._end(topic, shard.partition)
            if end is not None:
                metrics.LAG.labels(topic, shard.partition).set(max(0, end - shard.positions.get(topic, 0)))

    def _end(self, topic: str, partition: int) -> int | None:
        """Where the topic ended by the consumer's last answer, which may have been empty; None when none came yet."""
        try:
            return cast(int | None, self.app.consumer.highwater(TP(topic, partition)))
        except (AssertionError, ConsumerNotStarted):  # between two assignments
            return None

    async def _has_work(self, shard: Shard) -> bool:
        loop = asyncio.get_running_loop()
        for topic in self.topics:
            place = (topic, shard.partition, shard.done.get(topic))
            if await loop.run_in_executor(self._threads, unread, self.settings, self.app.conf.id, *place):
                return True
        return False

    def run(self) -> None:
        """Works until SIGTERM or SIGINT."""
        worker = faust.Worker(self.app, loglevel="WARNING", redirect_stdouts=False, quiet=True, override_logging=False)
        if self.service in ORCHESTRATORS:
            self._orchestrating.start()
        try:
            worker.execute_from_commandline()
        finally:
            self._orchestrating.stop()


def _credentials(settings: Settings) -> Any:
    context = None
    if settings.kafka_security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=settings.kafka_ca_file or None)
    if settings.kafka_sasl_mechanism:
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None
