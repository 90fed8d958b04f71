"""Reads what the line commits while it is being hurt: signs of recovery, and the outcome of every task."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra import kafka
from infra.settings import Settings
from lab.chaos.recovery import Ledger, Recovery, sign
from schemas.codec import BadMessage, decode

TOPICS = ("routing.decisions", "tasks.assigned", "tasks.results", "tasks.outcomes")
_RECENT_S = 10.0
"""A stage and partition has work when it showed some within this time."""


class Watcher:
    """A thread that reads on through any outage. `close` it."""

    def __init__(self, settings: Settings) -> None:
        self.ledger = Ledger()
        self._settings = settings
        self._recoveries: list[Recovery] = []
        self._seen: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._consumer = kafka.consumer(settings, "lab-watcher", fetch_wait_max_ms=20, log_level=2)
        # Fixed places, no group: a group would have to recover itself first.
        self._consumer.assign(_ends(self._consumer, settings.partitions))
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def busy(self) -> set[tuple[str, int]]:
        """Stages and partitions that have work at the moment."""
        since = time.time() - _RECENT_S
        with self._lock:
            return {place for place, at in self._seen.items() if at > since}

    def strike(self, target: str, hit: Callable[[], object]) -> Recovery:
        """Does the harm, and looks for the recovery from that moment on."""
        work = self.busy()
        with self._lock:  # nothing is noticed between the harm and its entry
            hit()
            recovery = Recovery.of(target, time.time(), work)
            self._disturb()
            self._recoveries.append(recovery)
        return recovery

    def wake(self, pid: int) -> None:
        """Ends a pause."""
        with self._lock, suppress(ProcessLookupError):  # it was killed as well
            os.kill(pid, signal.SIGCONT)
            self._disturb()

    def _disturb(self) -> None:
        for recovery in self._recoveries:
            recovery.disturb(time.time())

    def accept(self, task_id: str) -> None:
        with self._lock:
            self.ledger.accept(task_id)

    def open(self) -> list[str]:
        with self._lock:
            return self.ledger.open

    def _run(self) -> None:
        while not self._stop.is_set():
            # consume() waits for its whole time to fill a batch; with none it takes what has come already.
            first = self._consumer.poll(0.1)
            if first is None:
                continue
            arrived_at = time.time()
            for message in [first, *self._consumer.consume(500, 0)]:
                if message.error() is None:
                    with suppress(BadMessage):
                        self._notice(*decode(message.value()), arrived_at)

    def _notice(self, event: str, value: dict[str, Any], arrived_at: float) -> None:
        shown = sign(event, value, self._settings.partitions)
        with self._lock:
            if event == "TaskOutcome":
                self.ledger.end(value["task_id"])
            if shown is None:
                return
            self._seen[shown.stage, shown.partition] = arrived_at
            for recovery in self._recoveries:
                recovery.notice(shown, arrived_at)
            self._recoveries = [recovery for recovery in self._recoveries if recovery.missing]


def _ends(consumer: Consumer, partitions: int) -> list[TopicPartition]:
    places = [TopicPartition(topic, p) for topic in TOPICS for p in range(partitions)]
    for place in places:
        place.offset = _end(consumer, place)
    return places


def _end(consumer: Consumer, place: TopicPartition) -> int:
    for _ in range(50):
        try:
            return int(consumer.get_watermark_offsets(place, timeout=5)[1])
        except KafkaException:  # a topic made a moment ago may not have its leader yet
            time.sleep(0.1)
    raise RuntimeError(f"no end of {place.topic} {place.partition}")
