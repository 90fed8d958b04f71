"""The local broker keeps what Kafka promises, through kill -9: Kafka 4.3.0 does not (docs/decisions/0014)."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from infra.kafka import ensure_topics, producer, read_all
from infra.settings import Settings
from tests.support.running import running_broker, settings_in
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

TOPICS = ("tasks.submitted", "routing.decisions", "tasks.assigned", "tasks.results", "evaluations", "tasks.outcomes")
WRITERS = 12
"""So many that some are between the decision to commit and its marks in the partitions when the broker dies."""


@pytest.mark.timeout(180)
def test_a_transaction_that_a_kill_cut_short_is_seen_whole_or_never(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with running_broker(settings) as broker:
        ensure_topics(settings)
        with _writing(settings) as counts:
            until(lambda: min(counts) >= 5, 60, "every writer at work")
            broker.signal(9)
            until(lambda: broker.reap() is not None, 10, "broker gone")
    with running_broker(settings):
        writers = [_writer(settings, n) for n in range(WRITERS)]
        seen = _values(settings, TOPICS[0])
        assert all(_values(settings, topic) == seen for topic in TOPICS)
        for writer in writers:
            _write(writer, "later", range(settings.partitions))
        assert all(_values(settings, topic) - {"later"} == seen for topic in TOPICS)


@contextmanager
def _writing(settings: Settings) -> Iterator[list[int]]:
    """Threads that each commit one transaction after the other, until the broker is gone; how many by each."""
    counts, stop = [0] * WRITERS, threading.Event()

    def work(n: int) -> None:
        writer = _writer(settings, n)
        with suppress(KafkaException):
            while not stop.is_set():
                _write(writer, f"{n}/{counts[n]}", range(settings.partitions), stop.is_set)
                counts[n] += 1

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _writer(settings: Settings, n: int) -> Producer:
    writer = producer(settings, transactional_id=f"cut-short-{n}", linger_ms=0, log_level=0)
    writer.init_transactions(60)
    return writer


def _write(
    writer: Producer, value: str, partitions: Iterable[int], given_up: Callable[[], bool] = lambda: False
) -> None:
    """One transaction with a record in each partition of both topics."""
    writer.begin_transaction()
    for topic in TOPICS:
        for partition in partitions:
            writer.produce(topic, value, partition=partition)
    while not given_up():
        try:
            writer.commit_transaction(1)
            return
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def _values(settings: Settings, topic: str) -> set[str]:
    return {(message.value() or b"").decode() for message in read_all(settings, topic)}
