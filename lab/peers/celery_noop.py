"""Celery with Redis doing no-op tasks. As a module: the worker's app.

As a script: WARM_UP COUNT; prints the tasks a second of the second batch. Runs in the peers' own environment; the port
of its Redis comes in PEER_REDIS_PORT.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import redis
from celery import Celery

URL = f"redis://127.0.0.1:{os.environ['PEER_REDIS_PORT']}"
app = Celery("celery_noop", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(
    task_acks_late=True,  # as safe as Celery gets: a task is taken off the queue when it has ended
    worker_prefetch_multiplier=64,
    broker_transport_options={"priority_steps": list(range(10))},
    broker_connection_retry_on_startup=True,
    result_expires=600,
)


@app.task
def noop(payload: dict[str, str]) -> dict[str, object]:
    return {"ok": True, "id": payload["id"]}


def measure(warm_up: int, count: int) -> float:
    """Tasks a second, after an uncounted batch."""
    command = "celery -A celery_noop worker -c 2 -l ERROR --without-gossip --without-mingle"
    worker = subprocess.Popen(
        [sys.executable, "-m", *command.split()], cwd=Path(__file__).parent, stdout=subprocess.DEVNULL
    )
    try:
        _run(warm_up)
        return _run(count)
    finally:
        worker.terminate()
        worker.wait(20)


def _run(count: int) -> float:
    """Tasks a second, from the first one handed in to the last result stored."""
    from celery_noop import noop as task  # by the name the worker knows it under

    store = redis.from_url(f"{URL}/1")
    wanted = store.dbsize() + count
    started = time.monotonic()
    for i in range(count):
        task.apply_async(({"id": str(i), "text": "write a function that parses csv " * 3},), priority=i % 10)
    while store.dbsize() < wanted:
        if time.monotonic() - started > 120:
            sys.exit(f"{wanted - store.dbsize()} of {count} tasks were not done within 120 s")
        time.sleep(0.02)
    return count / (time.monotonic() - started)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    print(measure(int(sys.argv[1]), int(sys.argv[2])))
