"""Hands the tasks of a round in at a steady rate, cancels and repeats some, and keeps count of what Kafka confirmed."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator

from confluent_kafka import KafkaError, Message

from infra import kafka
from infra.settings import Settings
from lab.chaos.load import Plan
from schemas.codec import encode
from schemas.events import TaskCommand, TaskSubmitted

_EXTRA_S = 40.0
"""How long the work may go on after the last task of the plan, so that the last recovery can be seen."""
_FLUSH_S = 60.0


class Feeder:
    """A thread. `confirmed` is called, there, with the id of each task that Kafka has."""

    def __init__(
        self,
        settings: Settings,
        plans: Iterator[Plan],
        count: int,
        rate: float,
        confirmed: Callable[[str], None],
        go_on: Callable[[], bool],
    ) -> None:
        """`go_on`: whether more than `count` tasks are wanted."""
        self.sent = 0
        self._settings = settings
        self._plans = plans
        self._count = count
        self._rate = rate
        self._confirmed = confirmed
        self._go_on = go_on
        self._producer = kafka.producer(settings, delivery_timeout_ms=120_000, log_level=2)
        self._cancels: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Until the last task is handed in and confirmed."""
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        last = began + self._count / self._rate + _EXTRA_S
        while self.sent < self._count or (self._go_on() and time.monotonic() < last):
            now = time.monotonic()
            while began + self.sent / self._rate <= now:
                self._submit(next(self._plans))
            self._cancel_due(now)
            self._producer.poll(0.002)
        self._cancel_due(float("inf"))
        if self._producer.flush(_FLUSH_S):
            raise RuntimeError("Kafka did not confirm what was handed in")

    def _submit(self, plan: Plan) -> None:
        task = plan.due(time.time_ns() // 1000)
        self.sent += 1
        for _ in range(2 if plan.repeat else 1):
            self._produce(task)
        if plan.cancel_after_s is not None:
            heapq.heappush(self._cancels, (time.monotonic() + plan.cancel_after_s, task["task_id"]))

    def _produce(self, task: TaskSubmitted) -> None:
        def done(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._confirmed(task["task_id"])

        value = encode("TaskSubmitted", task)
        self._producer.produce("tasks.submitted", value, task["session_id"].encode(), on_delivery=done)

    def _cancel_due(self, now: float) -> None:
        while self._cancels and self._cancels[0][0] <= now:
            task_id = heapq.heappop(self._cancels)[1]
            command = TaskCommand(
                event_id=f"{task_id}/cancel/lab",
                task_id=task_id,
                kind="cancel",
                at=time.time_ns() // 1000,
                by="chaos",
                reason="",
            )
            for partition in range(self._settings.partitions):
                value = encode("TaskCommand", command)
                self._producer.produce("task.commands", value, task_id.encode(), partition)
