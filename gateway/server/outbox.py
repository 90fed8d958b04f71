"""Writing to Kafka without waiting in the loop: a call ends when Kafka has the record on every copy (acks=all)."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gateway.errors import Unreachable
from gateway.history import QUIET
from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import AlertCommand, FeedbackGiven, LabCommand, TaskCommand, TaskSubmitted
from schemas.trace import headers

DELIVERY_S = 10.0
"""How long Kafka may take to confirm: past a broker's restart, short of what a client of an API waits."""
AGAIN = " Send the request again: said twice, it is the same as said once."
"""Of commands and feedback: each says how something is to be, and the newest counts."""
_POLL_S = 0.1
_WARM_UP_S = 2.0


class Outbox:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Without idempotence: librdkafka waits half a second for a producer id, and the line knows a repeated task id.
        self._producer: Producer = kafka.producer(
            settings,
            enable_idempotence=False,
            delivery_timeout_ms=int(DELIVERY_S * 1000),
            # Somebody waits for each: what comes while one is under way goes together all the same.
            linger_ms=0,
            socket_nagle_disable=True,
            **QUIET,
        )
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="outbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for what is under way."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush(DELIVERY_S)

    async def submit(self, tasks: Sequence[TaskSubmitted]) -> None:
        """Raises Unreachable when Kafka did not confirm every task; those it has will run all the same, so whoever
        calls has to say how the request is sent again.
        """
        sent = [
            self._send("tasks.submitted", task["task_id"], task["session_id"], encode("TaskSubmitted", task))
            for task in tasks
        ]
        await self._confirm(sent, again="")

    async def command(self, command: TaskCommand) -> None:
        """One copy in every partition: the sender does not know which holds the task's pool."""
        topic, task_id = "task.commands", command["task_id"]
        value = encode("TaskCommand", command)
        partitions = range(self._settings.partitions)
        await self._confirm([self._send(topic, task_id, task_id, value, partition) for partition in partitions])

    async def feedback(self, feedback: FeedbackGiven) -> None:
        value = encode("FeedbackGiven", feedback)
        await self._confirm([self._send("feedback.given", feedback["task_id"], feedback["session_id"], value)])

    async def alert_command(self, command: AlertCommand) -> None:
        value = encode("AlertCommand", command)
        await self._confirm([self._send("alert.commands", command["event_id"], command["target"], value)])

    async def lab_command(self, command: LabCommand) -> None:
        value = encode("LabCommand", command)
        await self._confirm([self._send("lab.commands", command["event_id"], command["run_id"], value)])

    def _send(self, topic: str, task_id: str, key: str, value: bytes, partition: int = -1) -> "asyncio.Future[None]":
        told: asyncio.Future[None] = self._loop.create_future()

        def done(error: KafkaError | None, _message: Message) -> None:
            self._loop.call_soon_threadsafe(_tell, told, error)

        try:
            self._producer.produce(topic, value, key.encode(), partition, on_delivery=done, headers=headers(task_id))
        except BufferError:
            told.set_exception(Unreachable("Too much waits for Kafka already; try again."))
        except KafkaException as error:
            told.set_exception(error)
        return told

    async def _confirm(self, sent: Sequence["asyncio.Future[None]"], again: str = AGAIN) -> None:
        said = await asyncio.gather(*sent, return_exceptions=True)
        failed = [error for error in said if error is not None]
        if failed:
            raise Unreachable(f"Kafka did not confirm {len(failed)} of {len(sent)} messages ({failed[0]}).{again}")

    def _hear(self) -> None:
        with suppress(KafkaException):  # so that the first task does not wait for a connection
            self._producer.list_topics("tasks.submitted", timeout=_WARM_UP_S)
        while not self._stopping.is_set():
            self._producer.poll(_POLL_S)


def _tell(told: "asyncio.Future[None]", error: KafkaError | None) -> None:
    if told.cancelled():
        return
    if error is None:
        told.set_result(None)
    else:
        told.set_exception(Unreachable(error.str()))
