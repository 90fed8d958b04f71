"""Cancels for work that stays here after its partition has moved: the new owner gets them, and cannot act on them."""

from asyncio import AbstractEventLoop
from threading import Event, Thread

from confluent_kafka import Consumer, TopicPartition

from infra import kafka, log
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as
from schemas.events import TaskAssigned
from streams.executor.attempts import Attempts
from streams.executor.reports import Identity

_POLL_S = 0.1


class Strays:
    """Reads on in partitions that were given back, in a thread, for as long as work of theirs is in hand."""

    def __init__(self, settings: Settings, host: Identity, attempts: Attempts, loop: AbstractEventLoop) -> None:
        self._settings = settings
        self._group = f"headway-strays-{host.host_id}"
        self._attempts = attempts
        self._post = loop.call_soon_threadsafe
        self._stopping = Event()
        self._log = log.bind(topic="tasks.assigned")

    def watch(self, positions: dict[int, int]) -> None:
        """Starts when there is something to watch; `positions`: where our reading ended."""
        if positions and self._in_hand(positions):
            Thread(target=self._follow, args=(positions,), name="strays", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _in_hand(self, positions: dict[int, int]) -> bool:
        return any(a.partition in positions for a in list(self._attempts.in_hand.values()))

    # -- in the thread ----------------------------------------------------------------------------------------------

    def _follow(self, positions: dict[int, int]) -> None:
        consumer = kafka.consumer(self._settings, self._group)
        try:
            consumer.assign([TopicPartition("tasks.assigned", p, o) for p, o in positions.items()])
            while not self._stopping.is_set() and self._in_hand(positions):
                self._read(consumer)
        except Exception as error:  # the work itself goes on; only its cancel may come late
            self._log.warning("cancels of moved work are not heard", error=str(error))
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> None:
        message = consumer.poll(_POLL_S)
        if message is None or message.error() is not None:
            return
        try:
            assigned: TaskAssigned = decode_as("TaskAssigned", message.value())
        except BadMessage:
            return  # the owner of the partition sets it aside
        if assigned["kind"] == "cancel":
            self._post(self._attempts.cancel, assigned)
