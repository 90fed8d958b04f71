"""Which processes the local stack runs by the settings, and whether their ports are free."""

import socket
from collections.abc import Iterator

import psutil

from infra.metrics import SERVICES, port_offset
from infra.settings import ENV_PREFIX, Settings
from infra.stack import services
from infra.stack.errors import StackError


def names(settings: Settings) -> list[str]:
    """The processes in the order of their start."""
    local = {
        "kafka": not settings.kafka_bootstrap,
        "redis": not settings.redis_url,
        "warehouse": own_warehouse(settings),
    }
    names = [name for name, wanted in local.items() if wanted]
    return names + [f"{s}-{i}" for s in SERVICES for i in range(services.count(settings, s))]


def own_warehouse(settings: Settings) -> bool:
    return not settings.clickhouse_url and settings.sinks > 0


def check_ports(settings: Settings) -> None:
    """Raise a `StackError` that names each port in the way and the setting that changes it."""
    problems: list[str] = []
    asked: dict[int, str] = {}
    for host, port, user, setting in _ports(settings):
        change = f"set {setting} ({ENV_PREFIX}{setting.upper()}) to a free one"
        if port in asked:
            problems.append(f"port {port} is asked for twice, by {asked[port]} and {user}: {change}")
        elif not _free(host, port):
            problems.append(f"port {port} ({user}) is taken{_holder(port)}: {change}")
        asked[port] = user
    if problems:
        raise StackError("\n".join(problems))


def _ports(settings: Settings) -> Iterator[tuple[str, int, str, str]]:
    """(address, port, who needs it, the setting that changes it)"""
    if not settings.kafka_bootstrap:
        yield "127.0.0.1", settings.kafka_port, "kafka", "kafka_port"
        yield "127.0.0.1", settings.kafka_controller_port, "kafka's controller", "kafka_controller_port"
    if not settings.redis_url:
        yield "127.0.0.1", settings.redis_port, "redis", "redis_port"
    if own_warehouse(settings):
        yield "127.0.0.1", settings.clickhouse_port, "the warehouse", "clickhouse_port"
    for service in SERVICES:
        for index in range(services.count(settings, service)):
            port = settings.metrics_port + port_offset(service, index)
            yield settings.metrics_host, port, f"metrics of {service}-{index}", "metrics_port"


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: a closed one is no obstacle
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _holder(port: int) -> str:
    """Who listens there, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr[1] == port and connection.status == psutil.CONN_LISTEN:
                return f" by pid {connection.pid} ({psutil.Process(connection.pid).name()})" if connection.pid else ""
    except (psutil.Error, OSError):
        pass
    return ""
