"""A consumer can die and look healthy: the watchdog sees records to read and no progress, and ends the process."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from infra import kafka
from infra.settings import Settings
from streams.app import Line
from streams.router import LOG

pytestmark = pytest.mark.e2e


class Stuck:
    """A shard that handles nothing."""

    def __init__(self, topic: str, done: int) -> None:
        self.partition, self.handled, self.done = 0, 0, {topic: done}
        self.positions = self.done


def line_with(settings: Settings, topic: str, shard: Stuck, folder: Path) -> Line:
    fast = Settings(kafka_bootstrap=settings.bootstrap, watchdog_s=1.5, state_dir=str(folder))
    line = Line(fast, "router", 0, [topic], LOG, lambda partition: None)
    line.shards[0] = shard
    return line


@pytest.mark.parametrize(("unfinished", "exits"), [(True, True), (False, False)])
async def test_the_process_ends_only_when_there_is_something_to_read(
    settings, tmp_path, monkeypatch, unfinished, exits
):
    topic = "pools.status"
    producer = kafka.producer(settings)
    producer.produce(topic, b"x", "watchdog", partition=0)
    assert producer.flush(20) == 0
    end = [m.offset() for m in kafka.read_all(settings, topic)][-1] + 1
    shard = Stuck(topic, end - unfinished)
    ended = asyncio.Event()
    monkeypatch.setattr(os, "_exit", lambda code: ended.set() or asyncio.current_task().cancel())
    line = line_with(settings, topic, shard, tmp_path)
    watching = asyncio.create_task(line._watch())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), 4)
    watching.cancel()
    assert ended.is_set() == exits
