"""The peers, each in a process and an environment of its own."""

import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.stack.redis_server import executable
from lab.ports import free_ports

PEERS = Path(__file__).parents[1] / "peers"
LIMIT_S = 200.0


def environment(folder: Path) -> Path:
    """A Python with the peers' packages, made once for each lock file; its path."""
    python, stamp, lock = folder / "bin" / "python", folder / ".made-from", PEERS / "requirements.lock"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        subprocess.run(install, check=True, timeout=600)
        stamp.write_text(lock.read_text())
    return python


@contextmanager
def redis_at(folder: Path) -> Iterator[int]:
    """A Redis for Celery, as it comes: no file, no sync. Its port."""
    port = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--loglevel", "warning", "--dir", str(folder)]
    server = subprocess.Popen([executable(), *options])
    try:
        time.sleep(0.5)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def celery_tasks_per_s(python: Path, redis_port: int, count: int) -> float:
    done = subprocess.run(
        [str(python), str(PEERS / "celery_noop.py"), str(count)],
        env={**os.environ, "PEER_REDIS_PORT": str(redis_port), "C_FORCE_ROOT": "1"},
        cwd=PEERS,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return float(done.stdout.split()[-1])


def chain_latencies_ms(bootstrap: str, rate: float, seconds: float) -> list[float]:
    words = [sys.executable, str(PEERS / "chain.py"), bootstrap, "4", str(rate), str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    found: list[float] = json.loads(done.stdout)
    return found
