"""Our own processes: `python -m streams <service> --index <i>`, with the supervisor's settings."""

import sys
from functools import partial

from infra.metrics import SERVICES, port_offset
from infra.settings import Settings, as_env
from infra.stack.part import Part, metrics_answer

STOP_S = 10.0


def prepare(settings: Settings) -> list[Part]:
    return [_part(settings, service, index) for service in SERVICES for index in range(count(settings, service))]


def count(settings: Settings, service: str) -> int:
    """Processes of one service. One judge is enough, and it asks the warehouse, which is there for the sinks."""
    if service == "judge":
        return min(1, settings.sinks)
    return int(getattr(settings, service + "s"))


def _part(settings: Settings, service: str, index: int) -> Part:
    port = settings.metrics_port + port_offset(service, index)
    return Part(
        name=f"{service}-{index}",
        command=(sys.executable, "-m", "streams", service, "--index", str(index)),
        probe=partial(metrics_answer, settings.metrics_host, port),
        # An executor host first finishes what it has in hand.
        stop_s=STOP_S + (settings.drain_s if service == "executor" else 0),
        env={**as_env(settings), "PYTHONUNBUFFERED": "1"},
    )
