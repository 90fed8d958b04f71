"""What a person is told to do when something does not answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Unreachable
from gateway.history import reach
from gateway.silence import comes_back, remedy
from infra.settings import Settings
from infra.stack import record
from tests.support.running import settings_in

DOWN = {"name": "kafka", "pid": None, "created": 0.0, "command": [], "state": "restarting", "restarts": 1}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def supervised(settings: Settings, state: str, *rows: dict[str, Any]) -> Settings:
    """As if this process were the supervisor of a line."""
    settings.state.mkdir(parents=True, exist_ok=True)
    record.write(settings, state, list(rows))
    return settings


def test_where_no_line_runs_it_is_to_be_started(settings: Settings) -> None:
    assert remedy(settings, "kafka") == "start the line with `headway up`"
    assert not comes_back(supervised(settings, "stopped", DOWN), "kafka")


def test_where_the_line_runs_it_is_being_started(settings: Settings) -> None:
    supervised(settings, "ready", DOWN, DOWN | {"name": "warehouse"})
    for process in ("kafka", "warehouse"):
        assert comes_back(settings, process)
        assert f"{process} is starting again: try again in some seconds" in remedy(settings, process)


def test_a_line_that_stops_does_not_bring_its_broker_back(settings: Settings) -> None:
    assert not comes_back(supervised(settings, "stopping", DOWN), "kafka")


def test_outside_servers_are_looked_for_where_the_settings_say(settings: Settings) -> None:
    outside = replace(settings, kafka_bootstrap="127.0.0.1:1", clickhouse_url="http://127.0.0.1:1")
    assert remedy(outside, "kafka") == "check kafka_bootstrap"
    assert remedy(outside, "warehouse") == "check clickhouse_url"


def test_who_waits_waits_for_a_broker_that_is_restarted_and_for_no_other(settings: Settings) -> None:
    with pytest.raises(Unreachable, match="headway up"):
        reach(settings, wait_s=60.0)  # or the test would last that long
    with pytest.raises(Unreachable, match="is starting again"):
        reach(supervised(settings, "ready", DOWN), wait_s=0.5)
