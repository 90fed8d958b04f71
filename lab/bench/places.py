"""Where the benchmarks run: their ports, and the settings of the line they measure."""

from pathlib import Path
from typing import Any

from infra.settings import Settings
from lab.own_line import own_settings

PORT = 26_000
"""First of a range below those from which the kernel takes ports for outgoing connections."""
PEER_REDIS_PORT = PORT + 50
AGENTS = Path(__file__).parents[1] / "agents"


def bench_settings(state: Path, **over: Any) -> Settings:
    """The line as it comes, but with agents that do nothing, at once and without fail, and a queue that takes all."""
    values: dict[str, Any] = {
        "kafka_port": PORT,
        "kafka_controller_port": PORT + 1,
        "redis_port": PORT + 2,
        "clickhouse_port": PORT + 3,
        "metrics_port": PORT + 6,
        "gateway_port": PORT + 4,
        "agents_dir": str(AGENTS),
        "sim_speed": 1e9,
        "sim_failure_rate": 0.0,
        "queue_max": 200_000,
    }
    return own_settings(state, **values | over)
