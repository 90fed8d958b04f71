"""The peers as the bench runs them: Celery with Redis in an environment of its own, the bare chain in ours."""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from infra.stack import redis_server
from infra.stack.part import Part, redis_answers
from lab.bench.places import PEER_REDIS_PORT
from lab.bench.program import program

PEERS = Path(__file__).parents[1] / "peers"
_LIMIT_S = 300.0


def environment(folder: Path) -> Path:
    """Python of the peers' environment, made from the lock on first use and after each change of the lock."""
    lock = PEERS / "requirements.lock"
    python, stamp = folder / "bin" / "python", folder / "made-from"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        venv.create(folder, clear=True, with_pip=True)
        install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
        subprocess.run(install, check=True, timeout=_LIMIT_S)
        stamp.write_text(digest)
    return python


def celery_tasks_per_s(python: Path, folder: Path, warm_up: int, count: int) -> float:
    """On a fresh Redis that keeps nothing on disk: the quickest that Celery can be."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ("--bind", "127.0.0.1", "--port", str(PEER_REDIS_PORT), "--dir", str(folder.absolute()), "--save", "")
    redis = Part("redis", (redis_server.executable(), *options), lambda: redis_answers(PEER_REDIS_PORT), stop_s=5)
    with program(redis):
        env = {**os.environ, "PEER_REDIS_PORT": str(PEER_REDIS_PORT)}
        return float(_output([str(python), str(PEERS / "celery_noop.py"), str(warm_up), str(count)], env))


def chain_latencies_ms(bootstrap: str, hops: int, rate: float, seconds: float, warm_up_s: float) -> list[float]:
    numbers = map(str, (hops, rate, seconds, warm_up_s))
    found = json.loads(_output([sys.executable, "-m", "lab.peers.chain", bootstrap, *numbers], dict(os.environ)))
    return [float(ms) for ms in found]


def _output(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed:\n{done.stderr.strip()}")
    return done.stdout
