"""What the supervisor has to know of one process, and how a process shows that it is alive."""

import http.client
import socket
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from infra.settings import reachable

PROBE_S = 2.0  # how long a healthy process may take to answer a probe


@dataclass(frozen=True)
class Part:
    name: str
    command: tuple[str, ...]
    probe: Callable[[], bool]
    """True when the process answers; asked again and again from a thread of its own."""
    stop_s: float
    """Time to stop by itself after SIGTERM; then it is killed."""
    env: Mapping[str, str] = field(default_factory=dict)


def kafka_answers(port: int) -> bool:
    """The broker answers ApiVersions (key 18, version 0): it has started, not only bound its port."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    return _ask(port, struct.pack(">i", len(request)) + request) is not None


def redis_answers(port: int) -> bool:
    """Redis answers PING; while it loads its data it answers with an error instead."""
    return _ask(port, b"PING\r\n") == b"+PONG\r\n"


def metrics_answer(host: str, port: int) -> bool:
    return http_answers(host, port, "/metrics")


def gateway_answers(host: str, port: int) -> bool:
    """Its loop turns. That strangers have used up the requests it takes is no reason to restart it (429)."""
    return http_answers(host, port, "/healthz", good=(200, 429))


def http_answers(host: str, port: int, path: str, good: Collection[int] = (200,)) -> bool:
    connection = http.client.HTTPConnection(reachable(host), port, timeout=PROBE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in good
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ask(port: int, request: bytes) -> bytes | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PROBE_S) as connection:
            connection.sendall(request)
            return connection.recv(1024) or None
    except OSError:
        return None
