"""`headway experiment plan`, and `analyze` of a bandit: from options and tables to sentences and JSON."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv, parquet

from gateway.cli import headway


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def plan(call: CliRunner, *options: str) -> Result:
    return call.invoke(headway, ["experiment", "plan", *options])


BINARY = ("--metric", "completed:binary", "--baseline", "0.9")


def test_it_says_how_long_it_takes(call: CliRunner) -> None:
    said = plan(call, *BINARY, "--effect", "0.03", "--units-a-day", "400")
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("With 400 units a day it takes 13 days, 5,200 units, to find 3 points more")
    assert "A single test at the end (--fixed) takes 2,711 units for the same." in said.stdout


def test_the_json_has_the_numbers_and_the_sentences(call: CliRunner) -> None:
    said = plan(call, *BINARY, "--units", "4000", "--fixed", "--split", "control=0.5,b=0.25,c=0.25", "--json")
    found = json.loads(said.stdout)
    assert (found["found"], found["mode"], found["comparisons"], found["history"]) == ("effect", "fixed", 2, None)
    assert 0 < found["effect"] < 0.1
    assert found["arms"] == {"control": 2000, "b": 1000, "c": 1000}
    assert found["sentences"]


def test_clusters_and_covariates_given_by_hand(call: CliRunner) -> None:
    options = ["--metric", "spend", "--deviation", "10", "--effect", "1", "--fixed", "--json"]
    plain = json.loads(plan(call, *options).stdout)["units"]
    adjusted = json.loads(plan(call, *options, "--covariate-correlation", "0.6").stdout)["units"]
    clustered = json.loads(plan(call, *options, "--cluster-size", "8", "--icc", "0.05").stdout)["units"]
    assert adjusted == pytest.approx(0.64 * plain, rel=0.01)
    assert clustered == pytest.approx(1.35 * plain, rel=0.02)


@pytest.mark.parametrize("file", ["h.parquet", "h.csv"])
def test_history_gives_what_is_not_given(call: CliRunner, file: str) -> None:
    random = np.random.default_rng(1)
    before = random.normal(10, 2, 4000)
    data = {"user": [f"u{i}" for i in range(4000)], "before": before, "tenant": np.arange(4000) % 200}
    table = pa.table(data | {"spend": before + random.normal(0, 2, 4000)})
    csv.write_csv(table, file) if file.endswith("csv") else parquet.write_table(table, file)
    options = ["--metric", "spend", "--from", file, "--unit", "user", "--covariate", "before", "--cluster", "tenant"]
    said = plan(call, *options, "--effect", "0.2")
    assert said.exit_code == 0, said.output
    assert "From 4,000 units of" in said.stderr
    assert "The covariate takes off 5" in said.stdout
    found = json.loads(plan(call, *options, "--effect", "0.2", "--json").stdout)
    assert found["deviation"] == pytest.approx(8**0.5, rel=0.05)
    assert found["baseline"] == pytest.approx(10, rel=0.02)
    assert found["history"]["cluster_size"] == 20
    by_hand = json.loads(plan(call, *options, "--effect", "0.2", "--deviation", "5", "--json").stdout)
    assert by_hand["deviation"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metric", "x:binary", "--effect", "0.1"], "needs its --baseline"),
        (["--metric", "x", "--effect", "0.1"], "--deviation of a unit's value, or --from a table"),
        ([*BINARY], "Give the effect to be found (--effect)"),
        ([*BINARY, "--effect", "0.3"], "A share of 1.2 is impossible"),
        ([*BINARY, "--effect", "0.03", "--units", "500", "--power", "0.8"], "leave out the one to be told"),
        ([*BINARY, "--effect", "0.03", "--icc", "0.1"], "--cluster-size and --icc belong together"),
        ([*BINARY, "--effect", "0.03", "--unit", "user"], "give it by --from"),
        ([*BINARY, "--effect", "0.03", "--split", "a=0.5,b=0.6"], "they must make 1"),
        ([*BINARY, "--effect", "0.03", "--from", "none.csv"], "none.csv cannot be read"),
        (["--metric", "x:mode", "--effect", "0.1"], "is no kind of metric"),
        (["--metric", "z", "--effect", "0.1", "--from", "a.csv"], 'There is no column "z"'),
        (["--metric", "m", "--effect", "0.1", "--from", "a.csv", "--cluster", "z"], 'no column "z" (--cluster)'),
        (["--metric", "m", "--effect", "0.1", "--from", "a.csv"], "same value throughout"),
    ],
)
def test_what_cannot_be_planned_gets_a_sentence(call: CliRunner, options: list[str], said: str) -> None:
    Path("a.csv").write_text("user,m\nu1,1\nu2,1\nu3,1\n")
    found = plan(call, *options)
    assert found.exit_code == 2, found.output
    assert said in found.output
    assert "Traceback" not in found.output


def choices(size: int = 2000) -> dict[str, object]:
    """Half the units by even shares, the others by 80 : 20; times and rows do not agree."""
    random = np.random.default_rng(3)
    share = np.where(np.arange(size) < size // 2, 0.5, 0.8)
    mine = random.random(size) < share
    order = random.permutation(size)
    columns = {
        "task": np.arange(size),
        "arm": np.where(mine, "b", "control"),
        "done": (random.random(size) < np.where(mine, 0.6, 0.4)).astype(int),
        "p": np.where(mine, share, 1 - share),
        "at": np.datetime64("2026-11-01T00:00:00", "us") + np.arange(size) * np.timedelta64(60_000_000, "us"),
    }
    return {name: values[order] for name, values in columns.items()}


def analyze(call: CliRunner, file: str, *options: str) -> Result:
    return call.invoke(headway, ["experiment", "analyze", file, "--unit", "task", "--variant", "arm", *options])


def test_a_bandit_is_told_by_its_propensities_in_the_order_of_time(call: CliRunner) -> None:
    table = pa.table(choices())
    parquet.write_table(table, "b.parquet")
    csv.write_csv(table, "b.csv")
    number = table.set_column(4, "at", pa.array(table["at"].to_numpy().astype("int64")))
    parquet.write_table(number, "n.parquet")
    options = ["--metric", "done:binary", "--propensity", "p", "--time", "at", "--json"]
    found = [json.loads(analyze(call, file, *options).stdout) for file in ("b.parquet", "b.csv", "n.parquet")]
    assert found[0] == found[1] == found[2]
    arm = found[0]["metrics"]["done"]["b"]
    assert arm["method"] == "adaptively weighted AIPW"
    assert arm["ci"][0] < 0.2 < arm["ci"][1]
    assert (found[0]["verdict"], found[0]["winner"]) == ("winner", "b")
    plain = json.loads(analyze(call, "b.csv", "--metric", "done:binary", "--json").stdout)
    assert plain["verdict"] == "invalid"  # without the propensities its shares look like a mismatch


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--propensity", "q"], 'no column "q" (--propensity)'),
        (["--propensity", "p", "--time", "q"], 'no column "q" (--time)'),
        (["--propensity", "p", "--time", "arm"], "neither numbers nor times"),
        (["--propensity", "done"], "what was chosen had a chance above zero"),
        (["--propensity", "p", "--split", "b=0.5,control=0.5"], "--split does not go with --propensity"),
        (["--time", "at"], "--time goes with --propensity"),
    ],
)
def test_a_bandit_without_its_log_gets_a_sentence(call: CliRunner, options: list[str], said: str) -> None:
    csv.write_csv(pa.table(choices(200)), "b.csv")
    found = analyze(call, "b.csv", "--metric", "done:binary", *options)
    assert found.exit_code == 2, found.output
    assert said in found.output
