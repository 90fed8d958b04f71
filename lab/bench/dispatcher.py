"""The dispatcher of a running line as seen from outside: its memory, its queues, how long a restart takes it."""

import signal
import time

import psutil

from infra.kafka import read_all
from infra.metrics import port_offset
from infra.settings import Settings
from infra.stack.part import metrics_answer
from lab.own_line import OwnLine, until
from schemas.codec import decode_as

NAME = "dispatcher-0"
_RECOVERY_LIMIT_S = 60.0


def megabytes(line: OwnLine) -> float:
    return float(psutil.Process(line.pid(NAME)).memory_info().rss / 1e6)


def waiting(settings: Settings, pool: str) -> int:
    """Waiting tasks of a pool as the dispatcher told them last."""
    found = 0
    for message in read_all(settings, "pools.status"):
        if message.key() == pool.encode() and message.value():
            found = int(decode_as("PoolStatus", message.value())["waiting"])
    return found


def await_waiting(settings: Settings, pool: str, count: int, limit_s: float) -> None:
    if not until(lambda: waiting(settings, pool) >= count, limit_s, 0.5):
        raise RuntimeError(f"{waiting(settings, pool)} of {count} tasks wait after {limit_s:.0f} s")


def kill_and_recover(line: OwnLine) -> float:
    """Seconds from kill -9 until every partition's log is read back: its metrics are answered from then on."""
    killed_at = time.monotonic()
    killed = line.signal(NAME, signal.SIGKILL)
    until(lambda: line.pid(NAME) not in (None, killed), _RECOVERY_LIMIT_S, 0.02)
    settings, port = line.settings, line.settings.metrics_port + port_offset("dispatcher", 0)
    if not until(lambda: metrics_answer(settings.metrics_host, port), _RECOVERY_LIMIT_S, 0.02):
        raise RuntimeError(f"the dispatcher has not recovered within {_RECOVERY_LIMIT_S:.0f} s")
    return time.monotonic() - killed_at
