"""The local warehouse as a process of the stack."""

import sys

from infra.settings import Settings
from infra.stack.part import Part, http_answers

STOP_S = 20.0


def prepare(settings: Settings) -> Part:
    home = settings.state.resolve() / "warehouse"
    home.mkdir(parents=True, exist_ok=True)
    return Part(
        name="warehouse",
        command=(sys.executable, "-m", "infra.warehouse.server", str(home), str(settings.clickhouse_port)),
        probe=lambda: http_answers("127.0.0.1", settings.clickhouse_port, "/ping"),
        stop_s=STOP_S,
    )
