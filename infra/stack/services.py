"""Our own processes: services and gateways, `python -m <program> --index <i>`, with the supervisor's settings."""

import sys
from collections.abc import Callable
from functools import partial

from infra.metrics import SERVICES, port_offset
from infra.settings import Settings, as_env
from infra.stack.part import Part, gateway_answers, metrics_answer

STOP_S = 10.0
FIRST = ("router-", "dispatcher-", "executor-")
"""Without these no task is done. The line works without the others, which start after them."""
OF_WAREHOUSE = ("sink-", "judge-")
_PROGRAMS = {"gateway": ("gateway.server",), "scorer": ("scorer_service", "service"), "lab": ("lab.service",)}
"""The modules with their words, where it is not `streams` with the service's name."""


def prepare(settings: Settings) -> list[Part]:
    return [part(settings, service, index) for service in SERVICES for index in range(count(settings, service))]


def count(settings: Settings, service: str) -> int:
    """Processes of one service. One judge is enough, and it asks the warehouse, which is there for the sinks."""
    if service == "judge":
        return min(1, settings.sinks)
    return int(getattr(settings, service + "s"))


def part(settings: Settings, service: str, index: int) -> Part:
    program = _PROGRAMS.get(service, ("streams", service))
    return Part(
        name=f"{service}-{index}",
        command=(sys.executable, "-m", *program, "--index", str(index)),
        probe=_probe(settings, service, index),
        # An executor host first finishes what it has in hand.
        stop_s=STOP_S + (settings.drain_s if service == "executor" else 0),
        env={**as_env(settings), "PYTHONUNBUFFERED": "1"},
    )


def _probe(settings: Settings, service: str, index: int) -> Callable[[], bool]:
    if service == "gateway":
        # Its metrics come from a thread of their own, which would answer beside a loop that hangs.
        return partial(gateway_answers, settings.gateway_host, settings.gateway_port + index)
    return partial(metrics_answer, settings.metrics_host, settings.metrics_port + port_offset(service, index))
