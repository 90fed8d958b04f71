"""An agent of the line as a program of its own. It uses only a Kafka client, Avro and our schemas, as any language can.

Run it beside a line (`headway up`), one process an agent, then give it work:
    pip install confluent-kafka fastavro
    python docs/examples/outside_agent.py 127.0.0.1:9392 shouter
    headway submit --agent shouter "make this loud"
"""

import contextlib
import json
import signal
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition

SCHEMAS = Path(__file__).parents[2] / "schemas"
NEWEST, READERS = {}, {}  # event -> id of its newest schema; id -> schema
for e in sorted(json.loads((SCHEMAS / "registry.json").read_text())["schemas"], key=lambda e: e["version"]):
    text = (SCHEMAS / "events" / e["folder"] / f"{e['version']}.avsc").read_text()
    NEWEST[e["event"]], READERS[e["id"]] = e["id"], fastavro.parse_schema(json.loads(text), {})


def encode(event, value):
    """Confluent's wire format: a zero byte, the schema's id, the Avro body. Fields left out take their defaults."""
    fastavro.schemaless_writer(body := BytesIO(), READERS[NEWEST[event]], value)
    return b"\0" + NEWEST[event].to_bytes(4, "big") + body.getvalue()


def decode(data):
    return fastavro.schemaless_reader(BytesIO(data[5:]), READERS[int.from_bytes(data[1:5], "big")], None)


def now():
    return time.time_ns() // 1000  # every time in our events: microseconds, UTC


def work(text, cancelled):
    """The agent itself: it thinks for a second, unless it is cancelled."""
    if cancelled.wait(1):
        raise InterruptedError("cancelled")
    return text.upper() + "! Everything asked for is done."


class OutsideAgent:
    def __init__(self, bootstrap, agent, instances):
        self.agent, self.instances, self.sequence = agent, [f"{agent}-{i}" for i in range(instances)], 0
        self.host = {"host_id": f"outside-{agent}", "incarnation": str(now())}
        self.running = {}  # (task id, attempt) -> (assignment, event that cancels it)
        kafka = {"bootstrap.servers": bootstrap}
        # murmur2 is how all other clients choose the partition of a key; ours must go where they look.
        self.producer = Producer(kafka | {"enable.idempotence": True, "partitioner": "murmur2_random"})
        # Assignments come in transactions; one that was aborted must not be seen.
        self.consumer = Consumer(kafka | {"group.id": f"outside-{agent}", "isolation.level": "read_committed"})
        # We begin at the end and commit nothing: what an earlier life had in hand, no heartbeat names, so the line
        # assigns it again when its lease is over.
        topic, bounds = "tasks.assigned", self.consumer.get_watermark_offsets
        parts = self.consumer.list_topics(topic, 10).topics[topic].partitions
        self.consumer.assign([TopicPartition(topic, p, bounds(TopicPartition(topic, p))[1]) for p in parts])
        definition = {"agent_id": agent, "description": "Makes text loud.", "role": "standard", "runner": "external"}
        definition |= {"keywords": ["loud"], "instances": instances, "updated_at": now()}
        self.send("agents.registry", agent, "AgentDefinition", definition)

    def send(self, topic, key, event, value):
        self.producer.produce(topic, encode(event, value), key)

    def heartbeat(self, draining):
        """Names our instances and what they have in hand. Ten seconds without one, and the line takes it back."""
        held = [(a["instance_id"], {"task_id": t, "attempt": n}) for (t, n), (a, _) in list(self.running.items())]
        instances = [{"instance_id": i, "running": [run for at, run in held if at == i]} for i in self.instances]
        event = {"pool": self.agent, "agent_id": self.agent, "sequence": self.sequence, "at": now(), **self.host}
        event |= {"event_id": f"{event['incarnation']}/{self.sequence}", "draining": draining, "instances": instances}
        self.sequence += 1
        self.send("agents.heartbeats", self.agent, "AgentHeartbeat", event)

    def take(self, assigned):
        key = (assigned["task_id"], assigned["attempt"])
        if assigned["kind"] == "cancel" and key in self.running:
            self.running[key][1].set()
        elif assigned["kind"] == "run" and assigned["instance_id"] in self.instances and key not in self.running:
            self.running[key] = (assigned, threading.Event())
            threading.Thread(target=self.run, args=(key, *self.running[key])).start()

    def run(self, key, assigned, cancelled):
        names = ("task_id", "session_id", "tenant_id", "attempt", "pool", "agent_id", "instance_id")
        result = {name: assigned[name] for name in names} | self.host | {"started_at": now()}
        try:
            result |= {"kind": "completed", "output": work(decode(assigned["task"])["text"], cancelled)}
        except Exception as error:
            result |= {"kind": "cancelled" if cancelled.is_set() else "failed", "error": str(error), "retryable": True}
        result |= {"event_id": f"{key[0]}/{key[1]}/{result['kind']}", "finished_at": now()}
        self.send("tasks.results", assigned["pool"], "TaskResult", result)
        self.producer.flush()
        del self.running[key]  # only now: until the line has the result, heartbeats keep the attempt ours

    def serve(self, stop):
        beat_at = 0
        while self.running or not stop.is_set():  # told to stop, it finishes what it has in hand
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + 2
                self.heartbeat(draining=stop.is_set())
            self.producer.poll(0)
            message = self.consumer.poll(0.1)
            if message is not None and message.error() is None:
                with contextlib.suppress(Exception):  # a message that makes no sense is set aside by the line's hosts
                    self.take(decode(message.value()))
        self.heartbeat(draining=True)
        self.producer.flush(10)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"Usage: python {sys.argv[0]} HOST:PORT AGENT, as in 127.0.0.1:9392 shouter")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    OutsideAgent(bootstrap=sys.argv[1], agent=sys.argv[2], instances=2).serve(stopping)
