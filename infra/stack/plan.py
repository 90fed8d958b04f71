"""Which processes the local stack runs by the settings, and whether their ports are free."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from infra.metrics import SERVICES, port_offset
from infra.settings import ENV_PREFIX, Settings
from infra.stack import record, services
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
    """Raise a `StackError` that names each port in the way and the setting that changes it, or the line that has it."""
    taken = taken_ports(settings)
    line = holding_line(taken)
    if line is not None:
        raise StackError(
            f"another line of Headway runs with these ports ({', '.join(map(str, sorted(taken)))}); its state is in "
            f"{line}. Go on with that one, stop it with `{ENV_PREFIX}STATE_DIR={line} headway down`, or give this "
            f"folder ports of its own: {', '.join(dict.fromkeys(setting for *_, setting in _ports(settings)))}"
        )
    problems: list[str] = []
    asked: dict[int, str] = {}
    for _, port, user, setting in _ports(settings):
        change = f"set {setting} ({ENV_PREFIX}{setting.upper()}) to a free one"
        if port in asked:
            problems.append(f"port {port} is asked for twice, by {asked[port]} and {user}: {change}")
        elif port in taken:
            problems.append(f"port {port} ({user}) is taken{_by(taken[port])}: {change}")
        asked[port] = user
    if problems:
        raise StackError("\n".join(problems))


def taken_ports(settings: Settings) -> dict[int, psutil.Process | None]:
    """Ports of these settings that are not free → who listens there, as far as this user may know."""
    taken = {port for host, port, _, _ in _ports(settings) if not _free(host, port)}
    holders = _listeners() if taken else {}
    return {port: holders.get(port) for port in taken}


def holding_line(taken: Mapping[int, psutil.Process | None]) -> Path | None:
    """The state folder of the line that one of these processes is part of: its record says so."""
    for process in filter(None, taken.values()):
        with suppress(psutil.Error, OSError):
            state = process.environ().get(f"{ENV_PREFIX}STATE_DIR", Settings().state_dir)
            folder = Path(process.cwd(), state)
            known = record.read_in(folder)
            if known and process.pid in {row["pid"] for row in known["processes"]}:
                return folder
    return None


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
    for index in range(settings.gateways):
        yield settings.gateway_host, settings.gateway_port + index, f"gateway-{index}", "gateway_port"


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: a closed one is no obstacle
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _listeners() -> dict[int, psutil.Process]:
    found: dict[int, psutil.Process] = {}
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.status == psutil.CONN_LISTEN and connection.pid:
                with suppress(psutil.Error):
                    found[connection.laddr[1]] = psutil.Process(connection.pid)
    return found


def _by(process: psutil.Process | None) -> str:
    with suppress(psutil.Error):
        return f" by pid {process.pid} ({process.name()})" if process else ""
    return ""
