"""How busy the machine is, as its heartbeats tell it."""

import time

from streams.executor.heartbeats import Heartbeats
from streams.executor.processors import Processors
from streams.executor.reports import Identity
from tests.streams.executor.test_attempts import Scene
from tests.support.waiting import until


def test_nothing_is_said_before_there_was_time_to_measure() -> None:
    processors = Processors(now_s=100.0)
    processors.look(100.2)
    assert processors.used is None
    processors.look(102.0)
    assert processors.used is not None and 0 <= processors.used <= 1


async def test_a_heartbeat_tells_a_busy_processor() -> None:
    scene = Scene()
    heartbeats = Heartbeats(Identity("host-0", "life", ""), 4, scene.attempts, scene.outbox)  # type: ignore[arg-type]
    heartbeats.place({"a": 8})

    def told() -> float | None:
        """Work for one processor meanwhile."""
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            sum(range(1000))
        heartbeats.beat()
        return scene.outbox.told[-1]["cpu_used"]

    assert scene.outbox.told == [] and 0 < until(told, 10, "a share is told") <= 1
