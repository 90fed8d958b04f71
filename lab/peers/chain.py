"""The floor under any line on Kafka: bare clients in a chain, no decisions, no Avro, library defaults.

As a program: BOOTSTRAP STAGES RATE SECONDS WARM_UP_S; prints a JSON list of milliseconds, from the intended time of
each send to the reading at the end of the chain.
"""

import json
import multiprocessing
import sys
import time
import uuid
from itertools import pairwise

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 4


def _consumer(bootstrap: str, topic: str) -> Consumer:
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": f"{topic}-reader", "auto.offset.reset": "earliest"})
    reader.subscribe([topic])
    return reader


def _producer(bootstrap: str) -> Producer:
    return Producer({"bootstrap.servers": bootstrap, "linger.ms": 1})


def stage(bootstrap: str, source: str, target: str) -> None:
    reader, writer = _consumer(bootstrap, source), _producer(bootstrap)
    while True:
        for message in reader.consume(500, 0.005):
            if message.error() is None:
                writer.produce(target, message.value(), key=message.key())
        writer.poll(0)


def latencies_ms(bootstrap: str, stages: int, rate: float, seconds: float, warm_up_s: float) -> list[float]:
    run = uuid.uuid4().hex[:8]
    topics = [f"chain-{run}-{i}" for i in range(stages + 1)]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
        made.result()
    pairs = pairwise(topics)
    workers = [multiprocessing.Process(target=stage, args=(bootstrap, a, b), daemon=True) for a, b in pairs]
    for worker in workers:
        worker.start()
    reader, writer = _consumer(bootstrap, topics[-1]), _producer(bootstrap)
    writer.produce(topics[0], b"0", key=b"first")
    writer.flush()
    while (first := reader.poll(1.0)) is None or first.error() is not None:
        pass  # the whole chain has its partitions
    seen: list[float] = []
    start = time.time() + 0.1
    count, sent = int(rate * (seconds + warm_up_s)), 0
    while len(seen) < count and time.time() < start + seconds + warm_up_s + 20:
        while sent < count and start + sent / rate <= time.time():
            writer.produce(topics[0], repr(start + sent / rate).encode(), key=str(sent))
            sent += 1
        writer.poll(0)
        seen += [
            (time.time() - float(message.value())) * 1000
            for message in reader.consume(50, 0.0005)
            if message.error() is None and float(message.value()) > 0
        ]
    for worker in workers:
        worker.terminate()
    admin.delete_topics(topics)
    if len(seen) < count:
        sys.exit(f"{count - len(seen)} of {count} messages did not come through")
    return seen[int(rate * warm_up_s) :]


if __name__ == "__main__":
    print(json.dumps(latencies_ms(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:]))))
