"""`headway fleet forecast`: a table in, a forecast and what it is worth out; also of the line itself."""

import json
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import headway
from infra import warehouse
from infra.settings import Settings, as_env
from infra.warehouse import rows
from lab.forecasting.worlds import world
from schemas.codec import encode
from tests.gateway.events import example
from tests.support.records import Record
from tests.support.warehouse import running_warehouse


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loads") / "load.csv"
    made = zip(*world("daily", days=10, step_s=900, seed=4), strict=True)
    path.write_text("timestamp,value\n" + "".join(f"{at:.0f},{value}\n" for at, value in made))
    return path


def forecast(*words: object, **settings: Any) -> Result:
    return CliRunner(**settings).invoke(headway, ["fleet", "forecast", *map(str, words)])


def finished(settings: Settings, minutes: list[int]) -> None:
    """Stores a completed task for each, that ended so many minutes ago."""
    made = []
    for offset, minute in enumerate(minutes):
        record = Record("tasks.outcomes", 0, offset, encode("TaskOutcome", example("TaskOutcome", status="completed")))
        record._fields["timestamp"] = (1, time.time_ns() // 1_000_000 - minute * 60_000)
        made.append(rows.row_of(record))
    with warehouse.client(settings) as client:
        warehouse.insert(client, made[0][0], [row for _, row in made])


def test_the_json_has_the_points_the_backtest_and_the_method(load: Path) -> None:
    said = forecast(load, "--horizon", "2h", "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert list(found) == ["step_s", "season_s", "method", "points", "backtest", "notes"]
    assert (found["step_s"], found["season_s"], len(found["points"])) == (900, 86_400, 8)
    assert all(point["low"] <= point["value"] <= point["high"] for point in found["points"])
    times = [datetime.fromisoformat(point["at"]) for point in found["points"]]
    assert {(later - at).total_seconds() for at, later in pairwise(times)} == {900.0}
    assert times[0].timestamp() == float(load.read_text().splitlines()[-1].split(",")[0]) + 900
    backtest = found["backtest"]
    assert set(backtest) == {"ours", "seasonal_naive", "last_value", "values"}
    assert set(backtest["ours"]) == {"mae", "mase", "coverage"}
    assert backtest["ours"]["mase"] < backtest["seasonal_naive"]["mase"]


def test_a_person_is_told_how_far_to_trust_it(load: Path) -> None:
    said = forecast(load, "--confidence", "0.9", "--timezone", "Asia/Tokyo")
    assert said.exit_code == 0, said.output
    assert "│" in said.stdout.splitlines()[0]
    assert said.stdout.count("JST") == 4
    assert "Over its own past it was off by" in said.stdout
    assert "less than repeating what was 1 d earlier, and the 90% interval held" in said.stdout


def test_a_table_comes_by_stdin_too_and_each_time_ahead_is_told_with_its_day(load: Path) -> None:
    runner, words = CliRunner(), ["fleet", "forecast", "-"]
    said = runner.invoke(headway, words, input=load.read_bytes())
    assert said.exit_code == 0, said.output
    assert said.stdout == forecast(load).stdout
    first = datetime.fromtimestamp(float(load.read_text().splitlines()[-1].split(",")[0]) + 900, UTC)
    assert f"{first:%a %Y-%m-%d %H:%M} UTC" in said.stdout
    assert "stdin is empty" in runner.invoke(headway, words, input=b"").stderr


def test_a_day_ahead_is_shown_thinned_and_a_step_may_be_wider(load: Path) -> None:
    assert forecast(load, "--horizon", "1d").stdout.count("UTC") == 25
    found = json.loads(forecast(load, "--horizon", "1d", "--step", "1h", "--combine", "sum", "--json").stdout)
    assert (found["step_s"], len(found["points"])) == (3600, 24)
    assert max(point["value"] for point in found["points"]) > 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--time", "at"], 'has no column "at" (--time)'),
        (["--timezone", "Mars"], '"Mars" is no time zone'),
        (["--horizon", "soon"], "is not accepted; it takes a duration such as 30s, 5m or 2h"),
        (["--step", "1500ms"], "it takes whole seconds, as 5m"),
        (["--step", "1s", "--horizon", "1d"], "give a wider --step"),
        (["--confidence", "1"], "0.5<=x<=0.99"),
        (["--horizon", "20d"], "cannot tell 1,920 ahead"),
    ],
)
def test_what_cannot_be_is_said_with_exit_code_2(load: Path, words: list[str], said: str) -> None:
    found = forecast(load, *words)
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())


def test_the_line_s_own_past_is_forecast_from_the_warehouse(tmp_path: Path) -> None:
    with running_warehouse(tmp_path) as settings:
        empty = forecast(env=as_env(settings))
        assert (empty.exit_code, "no finished task of the last 7 days" in empty.stderr) == (1, True)
        finished(settings, [7])
        young = forecast(env=as_env(settings))
        assert (young.exit_code, "in one step of 5 min 00 s alone" in " ".join(young.stderr.split())) == (1, True)
        finished(settings, [minute for minute in range(240) for _ in range(1 + minute % 2)])
        said = forecast("--json", env=as_env(settings))
        assert said.exit_code == 0, said.output
        found = json.loads(said.stdout)
        assert (found["step_s"], len(found["points"])) == (300, 12)
        assert found["points"][0]["value"] == pytest.approx(7.5, abs=1)
        assert any("shorter than two days" in note for note in found["notes"])
