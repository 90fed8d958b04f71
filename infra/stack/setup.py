"""What `make setup` does for the broker: check Java, fetch the jars, keep its loaded classes for quick starts."""

import signal
import socket
import subprocess
import sys
import tempfile
import time

from infra.settings import Settings
from infra.stack import broker
from infra.stack.errors import StackError
from infra.stack.jars import fetch_jars, java

PATIENCE_S = 120.0
"""For its start, and for its stop: an archive is worth a second at each start, and no failure."""


def main() -> None:
    try:
        java()
        fetch_jars()
        make_archive()
    except StackError as error:
        sys.exit(str(error))


def make_archive() -> None:
    """Run a broker on an empty folder until it answers; it writes its classes to the archive when it stops."""
    broker.ARCHIVE.unlink(missing_ok=True)
    # Beside its place, for it must not be used while it is written.
    draft = broker.ARCHIVE.with_suffix(".draft")
    with tempfile.TemporaryDirectory() as folder:
        port, controller_port = _two_ports()
        part = broker.prepare(Settings(state_dir=folder, kafka_port=port, kafka_controller_port=controller_port))
        java_path, *rest = part.command
        command = [java_path, f"-XX:ArchiveClassesAtExit={draft}", *rest]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        try:
            while not part.probe() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            draft.unlink(missing_ok=True)  # it may be half written
        finally:
            process.kill()
            process.wait()
    if draft.is_file():
        draft.replace(broker.ARCHIVE)
    else:
        print("the broker will start 1 s slower: its classes could not be archived", file=sys.stderr)


def _two_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


if __name__ == "__main__":
    main()
