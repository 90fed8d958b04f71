"""The one process that starts the line in order, restarts what dies, and stops it in order."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from infra import definitions
from infra.front_matter import BadFile
from infra.kafka import KafkaTrouble, ensure_topics
from infra.settings import Settings
from infra.stack import broker, plan, record, redis_server, services, warehouse_server
from infra.stack.child import READY, START_S, Child
from infra.stack.errors import StackError
from infra.stack.output import Output
from infra.stack.part import Part
from infra.stack.reloading import Reloading, told

TICK_S = 0.05
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(Exception):
    """A stop was asked for during the start."""


class Supervisor:
    def __init__(self, settings: Settings, *, console: bool, on_ready: Callable[[], None] | None = None) -> None:
        """`console`: show the lines of all processes. `on_ready` is called once, in a thread of its own."""
        self._settings = settings
        self._console = sys.stdout if console else None
        self._on_ready = on_ready
        self._names = plan.names(settings)
        self._children: list[Child] = []
        self._state = "starting"
        self._written: Any = None
        self._stops_asked = 0
        self._reloading: Reloading | None = None
        self._output = self._open("stack", len(self._names))

    def run(self) -> None:
        """Until a stop signal, with the lock held. Raises `StackError` when the start fails; nothing is left then."""
        handlers = self._handle_signals()
        error: str | None = None
        try:
            self._start()
            self._stay()
        except _Stopped:
            pass
        except (StackError, KafkaTrouble, BadFile) as failure:
            error = str(failure)
            raise StackError(error) from failure
        finally:
            self._stop()
            record.write(self._settings, "stopped", [child.row() for child in self._children], error)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def stop(self, *_: Any) -> None:
        """Ask for the end; the second time, at once."""
        self._stops_asked += 1

    # --- start

    def _start(self) -> None:
        left = record.kill_leftovers(self._settings)
        if left:
            self._tell(f"ended what an earlier run left: {', '.join(left)}")
        plan.check_ports(self._settings)
        for kind in definitions.KINDS:
            definitions.load(kind, self._settings)  # a mistake in a file is told before anything starts
        began = time.monotonic()
        if not self._settings.kafka_bootstrap:
            self._launch([broker.prepare(self._settings)])
        created = ensure_topics(self._settings)
        if created:
            self._tell(f"created {len(created)} topics")
        self._reloading = Reloading(self._settings, self._tell)
        for kind in definitions.KINDS:
            for line in told(kind.plural, definitions.publish(kind, self._settings)):
                self._tell(line)
        if not self._settings.redis_url:
            self._launch([redis_server.prepare(self._settings)])
        parts = services.prepare(self._settings)
        self._launch([part for part in parts if part.name.startswith(services.FIRST)])
        others = [part for part in parts if not part.name.startswith(services.FIRST + services.OF_WAREHOUSE)]
        own_warehouse = [warehouse_server.prepare(self._settings)] if plan.own_warehouse(self._settings) else []
        self._launch([*others, *own_warehouse])
        self._launch([part for part in parts if part.name.startswith(services.OF_WAREHOUSE)])
        self._state = "ready"
        self._write()
        self._tell(f"all {len(self._children)} processes are ready after {time.monotonic() - began:.1f} s")
        self._reloading.start()
        if self._on_ready:
            threading.Thread(target=self._on_ready, daemon=True).start()

    def _launch(self, parts: list[Part]) -> None:
        """Start processes together and wait until all of them are ready."""
        children = [Child(part, self._open(part.name), self._tell, self._settings.watchdog_s) for part in parts]
        for child in children:
            self._children.append(child)
            child.start()
        until = time.monotonic() + START_S
        while waiting := [child for child in children if child.state != READY]:
            self._tick()
            if self._stops_asked:
                raise _Stopped
            if time.monotonic() > until:
                child = waiting[0]
                raise StackError(child.failure(f"{child.part.name} was not ready after {START_S:.0f} s"))

    # --- while it runs

    def _stay(self) -> None:
        while not self._stops_asked:
            self._tick()

    def _tick(self) -> None:
        for child in self._children:
            child.tick()
        self._write()
        time.sleep(TICK_S)

    # --- stop

    def _stop(self) -> None:
        """Services first, for they write to Redis and Kafka until their end; then Redis; then Kafka."""
        self._state = "stopping"
        if self._reloading:
            self._reloading.stop()
        self._stops_asked = 0 if self._stops_asked == 1 else self._stops_asked
        stores = [child for child in self._children if child.part.name in ("kafka", "redis", "warehouse")]
        self._stop_together([child for child in self._children if child not in stores])
        for child in reversed(stores):
            self._stop_together([child])
        for child in self._children:
            child.output.close()

    def _stop_together(self, children: list[Child]) -> None:
        began = time.monotonic()
        for child in children:
            child.signal(signal.SIGTERM)
        killed: set[str] = set()
        while running := [child for child in children if child.reap() is None]:
            for child in running:
                late = time.monotonic() - began > child.part.stop_s
                if (late or self._stops_asked) and child.part.name not in killed:
                    self._tell(f"{child.part.name} did not stop by itself: killed")
                    child.signal(signal.SIGKILL)
                    killed.add(child.part.name)
            self._write()
            time.sleep(TICK_S)
        self._write()

    # --- its own voice

    def _write(self) -> None:
        now = (self._state, [child.row() for child in self._children])
        if now != self._written:
            record.write(self._settings, *now)
            self._written = now

    def _tell(self, text: str) -> None:
        self._output.line(f"{time.strftime('%H:%M:%S')} {text}")

    def _open(self, name: str, place: int | None = None) -> Output:
        width = max(len(name) for name in [*self._names, "stack"])
        place = self._names.index(name) if place is None else place
        return Output(name, place, width, record.logs(self._settings), self._console)

    def _handle_signals(self) -> dict[int, Any]:
        handlers: dict[int, Any] = {}
        with suppress(ValueError):  # not the main thread: the caller calls `stop`
            for number in STOP_SIGNALS:
                handlers[number] = signal.signal(number, self.stop)
        return handlers
