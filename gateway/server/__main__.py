"""`python -m gateway.server`: the gateway's process, until SIGTERM. It answers on /healthz as soon as it listens."""

import argparse
import asyncio
import gc
import signal
import sys

import structlog
import uvloop
from aiohttp import web

from gateway.live.live import Live
from gateway.sending import now_us
from gateway.server.app import SERVICES, create_app, create_runner
from infra import kafka, log, metrics
from infra.settings import Settings, load_settings

SWITCH_S = 0.001
"""After so long a thread lets others run, not after Python's 5 ms: the loop does not wait for who reads the topics."""

GC = (10_000, 10, 1_000)
"""The tasks in memory are many objects that live long: to look at all of them for garbage takes a quarter of a second,
in which nobody is answered, and finds nothing."""


async def serve(settings: Settings, index: int) -> None:
    host, port = settings.gateway_host, settings.gateway_port + index
    app = create_app(settings, lambda settings, holds, removed: Live(settings, holds=holds, removed=removed))
    runner = create_runner(app)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await runner.setup()
    try:
        if index == 0:  # one makes it, the others find it
            app[SERVICES].tokens.local(now_us())
        await web.TCPSite(runner, host, port, backlog=4096).start()
        structlog.get_logger().info("listening", host=host, port=port)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.server", description="Starts one gateway.")
    parser.add_argument("--index", type=int, default=0, help="which of several gateways, from 0: the port follows it")
    index = parser.parse_args().index
    settings = load_settings()
    log.configure(settings, f"gateway-{index}")
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*GC)
    kafka.await_broker(settings)
    metrics.serve(settings, metrics.port_offset("gateway", index))
    uvloop.run(serve(settings, index))


if __name__ == "__main__":
    main()
