"""The sink: how fast a backlog becomes rows, and how old the newest row is while events come at a steady rate."""

import dataclasses
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from infra import kafka, warehouse
from infra.settings import Settings
from infra.stack import broker, services, warehouse_server
from infra.warehouse.tables import tables
from lab.bench.figures import quantile
from lab.bench.places import bench_settings
from lab.bench.program import program
from lab.own_line import until
from schemas.codec import encode
from schemas.examples import examples

EVENTS = 300_000
RATE = 1_000.0
SECONDS = 20.0
BAR_PER_S, BAR_FRESH_S = 30_000, 2.0
_LIMIT_S = 180.0


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    home = folder / "sink"
    shutil.rmtree(home, ignore_errors=True)
    settings = dataclasses.replace(bench_settings(home), sinks=1)
    count = EVENTS // 20 if quick else EVENTS
    (sink,) = [part for part in services.prepare(settings) if part.name == "sink-0"]
    with program(broker.prepare(settings)), program(warehouse_server.prepare(settings)):
        kafka.ensure_topics(settings)
        warehouse.furnish(settings)
        _produce(settings, count, None)
        with program(sink), warehouse.client(settings) as client:
            per_s, cpu_s = _backlog(client, count)
            say(f"{per_s:,.0f} events/s; of each core-second of the sink {count / cpu_s:,.0f}")
            ages = _ages(settings, client, SECONDS / 5 if quick else SECONDS)
    return {
        "sink_events_per_s": round(per_s),
        "sink_events_per_core_s": round(count / cpu_s),
        "sink_fresh_p50_s": round(quantile(ages, 0.5), 2),
        "sink_fresh_p99_s": round(quantile(ages, 0.99), 2),
    }


def section(found: dict[str, Any]) -> str:
    per_s, per_core_s = found["sink_events_per_s"], found["sink_events_per_core_s"]
    p50, p99 = found["sink_fresh_p50_s"], found["sink_fresh_p99_s"]
    return (
        f"A backlog of {EVENTS:,} events of all kinds, from Kafka into chDB by one sink, broker and warehouse on the "
        f"same two cores: **{per_s:,} events/s** ({BAR_PER_S:,} are asked for); a second of one core is enough for "
        f"{per_core_s:,} in the sink itself, its start included. At {RATE:,.0f} events/s the newest row is {p50:.2f} s "
        f"old at the median, p99 **{p99:.2f} s** (at most {BAR_FRESH_S:.0f} s)."
    )


def _events() -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and value, without end: each kind of event by turns."""
    kinds = [table for table in tables().values() if table.event]
    made = [(t.topics[0], encode(t.event or "", event)) for t in kinds for event in examples(t.name, 1)]
    for number, (topic, value) in zip(itertools.count(), itertools.cycle(made), strict=False):
        yield topic, str(number % 997).encode(), value


def _produce(settings: Settings, count: int, rate: float | None) -> None:
    producer = kafka.producer(settings, queue_buffering_max_messages=1_000_000, enable_idempotence=False)
    began = time.monotonic()
    for number, (topic, key, value) in enumerate(itertools.islice(_events(), count)):
        while rate and time.monotonic() < began + number / rate:
            producer.poll(0.001)
        producer.produce(topic, value, key)
        producer.poll(0)
    producer.flush(60)


def _stored(client: Any) -> int:
    names = ", ".join(f"'{name}'" for name in tables())
    sql = f"SELECT sum(total_rows) FROM system.tables WHERE database = 'headway' AND name IN ({names})"
    return int(client.query(sql).result_rows[0][0] or 0)


def _backlog(client: Any, count: int) -> tuple[float, float]:
    """Events a second from the first row to the last, and the processor time of the sink."""
    base = next(
        p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[1:4] == ["-m", "streams", "sink"]
    )
    until(lambda: _stored(client) > 0, _LIMIT_S, 0.01)
    began, first = time.monotonic(), _stored(client)
    if not until(lambda: _stored(client) >= count, _LIMIT_S, 0.05):
        raise RuntimeError(f"{_stored(client)} of {count} events were stored within {_LIMIT_S:.0f} s")
    seconds = time.monotonic() - began
    times = base.cpu_times()
    return (count - first) / seconds, times.user + times.system


def _ages(settings: Settings, client: Any, seconds: float) -> list[float]:
    """How old the newest row is, looked at again and again while events come: what a dashboard would show."""
    feeding = threading.Thread(target=_produce, args=(settings, int(RATE * seconds), RATE))
    feeding.start()
    time.sleep(min(3.0, seconds / 2))
    ages = []
    while feeding.is_alive():
        at = client.query("SELECT toUnixTimestamp64Milli(max(_at)) FROM task_progress").result_rows[0][0]
        ages.append(time.time() - at / 1000)
        time.sleep(0.1)
    feeding.join()
    return ages
