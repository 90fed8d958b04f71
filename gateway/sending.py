"""Putting tasks, commands and feedback on their topics. A call returns when Kafka has them, or says which not."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, Message, Producer

from gateway.errors import Unreachable
from gateway.history import QUIET
from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import AlertCommand, FeedbackGiven, LabCommand, TaskCommand, TaskSubmitted
from schemas.trace import headers

DELIVERY_S = 30.0
"""How long Kafka may take to confirm: past a broker restart, short of a person's patience."""


class Sender:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Without idempotence: librdkafka waits half a second for a producer id, and the line knows a repeated task id.
        self._producer: Producer = kafka.producer(
            settings, enable_idempotence=False, delivery_timeout_ms=int(DELIVERY_S * 1000), **QUIET
        )
        self._failed: list[str] = []

    def submit(self, tasks: Sequence[TaskSubmitted]) -> None:
        """Raises `Unreachable` when Kafka did not confirm every task; those it has will run all the same."""
        for task in tasks:
            self._produce("tasks.submitted", task["task_id"], task["session_id"], encode("TaskSubmitted", task))
        self._confirm(len(tasks))

    def command(self, command: TaskCommand) -> None:
        """One copy in every partition: the sender does not know which holds the task's pool."""
        topic = "task.commands"
        partitions = self._producer.list_topics(topic, timeout=kafka.ANSWER_S).topics[topic].partitions
        value = encode("TaskCommand", command)
        for partition in partitions:
            self._produce(topic, command["task_id"], command["task_id"], value, partition)
        self._confirm(len(partitions))

    def feedback(self, feedback: FeedbackGiven) -> None:
        value = encode("FeedbackGiven", feedback)
        self._produce("feedback.given", feedback["task_id"], feedback["session_id"], value)
        self._confirm(1)

    def alert_command(self, command: AlertCommand) -> None:
        self._produce("alert.commands", command["event_id"], command["target"], encode("AlertCommand", command))
        self._confirm(1)

    def lab_command(self, command: LabCommand) -> None:
        self._produce("lab.commands", command["event_id"], command["run_id"], encode("LabCommand", command))
        self._confirm(1)

    def _produce(self, topic: str, task_id: str, key: str, value: bytes, partition: int = -1) -> None:
        def done(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                self._failed.append(f"{task_id} ({error.str()})")

        while True:
            try:
                self._producer.produce(
                    topic, value, key.encode(), partition, on_delivery=done, headers=headers(task_id)
                )
                return
            except BufferError:  # more than librdkafka holds: let some go
                self._producer.poll(0.1)

    def _confirm(self, count: int) -> None:
        self._producer.flush(DELIVERY_S + 1)
        if self._failed:
            failed, self._failed = self._failed, []
            raise Unreachable(
                f"Kafka at {self._settings.bootstrap} did not confirm {len(failed)} of {count} messages, "
                f"first {failed[0]}. Hand these in again under the same task id: a task that did arrive runs once."
            )


def now_us() -> int:
    return time.time_ns() // 1000
