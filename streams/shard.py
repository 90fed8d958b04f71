"""One partition's exactly-once loop: events in, decisions by a Desk, everything that follows in one Kafka transaction.

A transaction holds the messages a desk sends, the log records it keeps and how far each input topic was handled. The
transactional id belongs to service and partition, so a new owner fences the old one, and whatever an old owner had
begun is aborted. After any trouble the shard reads its log back and goes on with the events it had not finished.

Repeats: an event below the position in the log has had its effect and is passed over.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import NamedTuple, Protocol

import structlog
from confluent_kafka import KafkaException, Producer

from infra import metrics
from infra.kafka import producer, read_all
from infra.settings import Settings
from processors.dead_letters import dead_letter
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import StreamPosition
from schemas.trace import headers

BATCH_MAX = 500
"""Events in one transaction: enough to make its cost small, few enough to keep it short."""
TRANSACTION_TIMEOUT_MS = 10_000
"""How long readers may be held up by a transaction whose owner died and has no successor."""
_ANSWER_S = 30.0
_TROUBLE_S = (0.1, 5.0)

log = structlog.get_logger()


class Incoming(Protocol):
    """A consumed message that can be acknowledged (what Faust hands us, kept small)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    def ack(self) -> None: ...


class Write(NamedTuple):
    """One message of a transaction. `value` None deletes a key of a compacted topic; `partition` None: by key, but a
    record of the shard's own log always goes to the shard's own partition."""

    topic: str
    key: str
    value: bytes | None
    task_id: str | None = None
    partition: int | None = None


class Desk(Protocol):
    """What a shard asks of the service it works for: decisions for one partition, and no I/O."""

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        """Becomes what the log says; called once, before anything else."""

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        """Takes in one event. BadMessage sends it to the dead letters."""

    def tick(self, now: int) -> None: ...

    def due_at(self) -> int:
        """When `tick` is next needed [µs]."""

    def take(self, now: int) -> list[Write]:
        """What has to be written for all that came in since the last call."""

    def close(self) -> None:
        """The partition is another's from now on; nothing more is asked."""


def now_us() -> int:
    return time.time_ns() // 1000


def position_key(topic: str) -> str:
    """Key in a log topic under which the position of an input topic stands; no task id starts like this."""
    return f"@{topic}"


class Shard:
    def __init__(
        self,
        settings: Settings,
        service: str,
        partition: int,
        log_topic: str,
        make_desk: Callable[[int], Desk],
        pool: Executor,
        linger_s: float = 0.0,
    ) -> None:
        """`linger_s`: how long events gather before a transaction that is not full; none where somebody waits."""
        self.partition = partition
        self.positions: dict[str, int] = {}
        """Input topic → offset of the first message not yet handled."""
        self.done: dict[str, int] = {}
        """Input topic → offset of the first message that we have not finished, once there was one."""
        self.inbox: deque[Incoming] = deque()
        self.handled = 0
        """Counts handled events; the watchdog looks whether it moves."""
        self.recovered = asyncio.Event()
        """Set once the log has been read back for the first time."""
        self._settings = settings
        self._service = service
        self._log_topic = log_topic
        self._make_desk = make_desk
        self._pool = pool
        self._linger_s = linger_s
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._desk: Desk | None = None
        self._task: asyncio.Task[None] | None = None
        self._producer: Producer | None = None
        self._log = log.bind(service=service, partition=partition)

    def start(self) -> None:
        """Takes up work; a shard that had stopped starts from its log again."""
        self._task = asyncio.create_task(self._run(), name=f"{self._service}-{self.partition}")

    async def stop(self) -> None:
        """Ends before the next batch. What was not finished is not acknowledged and comes again to the next owner."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_ANSWER_S)
        if self._desk is not None:
            self._desk.close()
        self.inbox.clear()
        self._room.set()
        self.recovered.set()  # nobody has to wait for a shard that was taken away

    async def put(self, event: Incoming) -> None:
        """Hands over an event; waits while the inbox is full, which slows the reading down."""
        await self._room.wait()
        self.inbox.append(event)
        self._wake.set()
        if len(self.inbox) >= 2 * BATCH_MAX:
            self._room.clear()

    async def _run(self) -> None:
        unfinished: list[Incoming] = []
        pause_s = _TROUBLE_S[0]
        while True:
            try:
                desk = await self._recover()
                pause_s = _TROUBLE_S[0]
                await self._serve(desk, unfinished)
            except KafkaException as error:
                metrics.TRANSACTIONS_ABORTED.inc()
                self._log.warning("transaction given up, starting from the log again", error=str(error))
            except asyncio.CancelledError:
                raise
            except Exception:
                self._log.exception("stumbled, starting from the log again")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _TROUBLE_S[1])

    async def _recover(self) -> Desk:
        """Fences any older owner, then reads back what was committed."""
        started = time.monotonic()
        records = await asyncio.get_running_loop().run_in_executor(self._pool, self._open)
        self.positions = {
            key[1:]: decode_as("StreamPosition", value)["next_offset"]
            for key, value in records.items()
            if key.startswith("@")
        }
        desk = self._desk = self._make_desk(self.partition)
        desk.restore({key: value for key, value in records.items() if not key.startswith("@")}, now_us())
        self.recovered.set()
        metrics.RECOVERY.observe(time.monotonic() - started)
        self._log.info("recovered", records=len(records), seconds=round(time.monotonic() - started, 2))
        return desk

    def _open(self) -> dict[str, bytes]:
        self._producer = producer(
            self._settings,
            transactional_id=f"headway-{self._service}-{self.partition}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            linger_ms=0,
            # Asked too soon, the coordinator is still ending the last transaction; librdkafka would wait 100 ms.
            retry_backoff_ms=10,
            retry_backoff_max_ms=100,
        )
        self._producer.init_transactions(_ANSWER_S)
        newest: dict[str, bytes] = {}
        for message in read_all(self._settings, self._log_topic, partition=self.partition):
            key, value = (message.key() or b"").decode(), message.value()
            if value is None:
                newest.pop(key, None)
            else:
                newest.pop(key, None)
                newest[key] = value
        return newest

    async def _serve(self, desk: Desk, unfinished: list[Incoming]) -> None:
        """Batch after batch until something goes wrong; then `unfinished` holds the events to take up again."""
        while True:
            batch = unfinished or await self._next_batch(desk)
            unfinished[:] = batch
            now = now_us()
            before = dict(self.positions)
            letters = [letter for event in batch if (letter := self._handle(desk, event, now))]
            desk.tick(now)
            writes = desk.take(now)
            if writes or letters:
                moved = {topic: at for topic, at in self.positions.items() if before.get(topic) != at}
                await self._commit([*writes, *letters, *self._position_writes(moved, now)])
            for event in batch:
                event.ack()
                self.done[event.topic] = event.offset + 1
            self.handled += len(batch)
            unfinished.clear()

    async def _next_batch(self, desk: Desk) -> list[Incoming]:
        if not self.inbox:
            self._wake.clear()
            try:
                # Not wait_for: until Python 3.12 it swallows a cancellation that comes together with an event.
                async with asyncio.timeout(max(0.0, (desk.due_at() - now_us()) / 1e6)):
                    await self._wake.wait()
            except TimeoutError:
                return []
        if self._linger_s and len(self.inbox) < BATCH_MAX:
            await asyncio.sleep(self._linger_s)
        batch = [self.inbox.popleft() for _ in range(min(BATCH_MAX, len(self.inbox)))]
        self._room.set()
        return batch

    def _handle(self, desk: Desk, event: Incoming, now: int) -> Write | None:
        """Takes one event in; the dead letter when it makes no sense."""
        if event.offset < self.positions.get(event.topic, 0):
            metrics.REPEATS.labels(event.topic).inc()
            return None
        self.positions[event.topic] = event.offset + 1
        try:
            desk.handle(event.topic, event.value, now)
        except BadMessage as error:
            metrics.BAD_MESSAGES.labels(event.topic).inc()
            self._log.warning("bad message set aside", topic=event.topic, offset=event.offset, error=str(error))
            place = (event.topic, event.partition, event.offset, event.key, event.value)
            letter = dead_letter(self._service, *place, str(error), now)
            return Write("dead.letters", letter["event_id"], encode("DeadLetter", letter))
        return None

    def _position_writes(self, moved: Mapping[str, int], now: int) -> list[Write]:
        writes = []
        for topic, offset in moved.items():
            value: StreamPosition = {"topic": topic, "partition": self.partition, "next_offset": offset, "at": now}
            writes.append(Write(self._log_topic, position_key(topic), encode("StreamPosition", value)))
        return writes

    async def _commit(self, writes: list[Write]) -> None:
        """One transaction. A stop waits for its end, so that it is known whether it was made."""
        started = time.monotonic()
        making = asyncio.get_running_loop().run_in_executor(self._pool, self._transact, writes)
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            await asyncio.wait([making])
            raise
        metrics.TRANSACTION.observe(time.monotonic() - started)
        for topic, count in Counter(write.topic for write in writes).items():
            metrics.EVENTS_WRITTEN.labels(topic).inc(count)

    def _transact(self, writes: list[Write]) -> None:
        kafka = self._producer
        assert kafka is not None
        kafka.begin_transaction()
        for write in writes:
            partition = self.partition if write.topic == self._log_topic else write.partition
            options = {} if partition is None else {"partition": partition}
            trace = headers(write.task_id) if write.task_id else None
            while True:
                try:
                    kafka.produce(write.topic, write.value, write.key, headers=trace, **options)
                    break
                except BufferError:
                    kafka.poll(0.05)
        while True:
            try:
                kafka.commit_transaction(_ANSWER_S)
                return
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
