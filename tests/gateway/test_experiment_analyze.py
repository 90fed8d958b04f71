"""`headway experiment analyze`: any table in, numbers and a sentence out; what is wrong with a file is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import csv, parquet
from scipy import stats

from gateway.cli import headway

EACH = 400


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def columns() -> dict[str, Any]:
    random = np.random.default_rng(1)
    before = random.normal(10, 2, 2 * EACH)
    return {
        "user": [f"{i:05d}" for i in range(2 * EACH)],
        "arm": ["control"] * EACH + ["b"] * EACH,
        "before": before,
        "spend": before + random.normal(0, 1, 2 * EACH) + 0.25 * (np.arange(2 * EACH) >= EACH),
        "paid": random.binomial(1, 0.4, 2 * EACH),
        "clicks": random.poisson(4, 2 * EACH),
        "views": random.poisson(9, 2 * EACH) + 1,
        "tenant": np.arange(2 * EACH) % 50,
    }


def analyze(call: CliRunner, file: str, *options: str) -> Result:
    return call.invoke(headway, ["experiment", "analyze", file, "--unit", "user", "--variant", "arm", *options])


def answer(
    call: CliRunner, *options: str, data: dict[str, Any] | None = None, file: str = "a.parquet"
) -> dict[str, Any]:
    table = pa.table(data or columns())
    if file.endswith("csv"):
        csv.write_csv(table, file)
    else:
        parquet.write_table(table, file)
    said = analyze(call, file, *options, "--json")
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_the_json_has_the_numbers_of_scipy(call: CliRunner) -> None:
    found = answer(call, "--metric", "spend", "--metric", "paid:binary")
    spend = columns()["spend"]
    known = stats.ttest_ind(spend[EACH:], spend[:EACH], equal_var=False)
    arm = found["metrics"]["spend"]["b"]
    assert arm["p"] == pytest.approx(known.pvalue)
    assert arm["ci"] == pytest.approx(list(known.confidence_interval(0.95)))
    assert arm["cs"][0] < arm["ci"][0] < arm["effect"] < arm["ci"][1] < arm["cs"][1]
    assert (arm["n"], arm["method"], arm["cuped_variance_cut"]) == (EACH, "Welch t", None)
    assert found["metrics"]["spend"]["control"]["mean"] == pytest.approx(spend[:EACH].mean())
    assert found["metrics"]["paid"]["b"]["method"] == "two-proportion z (score)"
    assert found["srm_p"] == pytest.approx(1.0)
    assert (found["control"], found["mode"], found["correction"]) == ("control", "sequential", "holm")
    assert "narrowest near 500 units" in found["cs_method"]


def test_csv_and_parquet_say_the_same(call: CliRunner) -> None:
    options = ["--metric", "clicks/views:ratio", "--metric", "spend:quantile@0.9", "--covariate", "before"]
    assert answer(call, *options) == answer(call, *options, file="a.csv")


def test_a_winner_by_cuped_that_the_raw_metric_does_not_show(call: CliRunner) -> None:
    assert answer(call, "--metric", "spend")["verdict"] == "no difference shown"
    found = answer(call, "--metric", "spend", "--covariate", "before")
    assert (found["verdict"], found["winner"]) == ("winner", "b")
    assert found["metrics"]["spend"]["b"]["cuped_variance_cut"] == pytest.approx(0.8, abs=0.05)


def test_a_wrong_split_is_invalid(call: CliRunner) -> None:
    found = answer(call, "--metric", "spend", "--split", "control=0.9,b=0.1", "--fixed")
    assert found["verdict"] == "invalid"
    assert found["srm_p"] < 1e-9


def test_the_table_ends_in_a_verdict_in_words(call: CliRunner) -> None:
    parquet.write_table(pa.table(columns()), "a.parquet")
    said = analyze(call, "a.parquet", "--metric", "spend", "--covariate", "before", "--cluster", "tenant")
    assert said.exit_code == 0
    assert 'Verdict: winner, "b".' in said.stdout
    assert '- "b" is better than "control" on spend: +0.' in said.stdout
    assert "cluster-robust Welch t (CR2) with CUPED" in said.stdout


def test_numbers_and_truths_as_names_and_holes_everywhere(call: CliRunner) -> None:
    data = columns()
    data["arm"] = [None, *data["arm"][1:]]
    data["spend"] = [None, None, float("nan"), *data["spend"][3:]]
    data["paid"] = [bool(x) for x in data["paid"]]
    data["user"] = list(range(2 * EACH))
    found = answer(call, "--metric", "spend", "--metric", "paid:binary", data=data)
    assert (found["metrics"]["spend"]["control"]["n"], found["metrics"]["spend"]["control"]["missing"]) == (EACH - 3, 2)
    assert found["notes"][0].startswith("1 rows have no unit or no variant")
    assert found == answer(call, "--metric", "spend", "--metric", "paid:binary", data=data, file="a.csv")


def test_names_may_be_numbers(call: CliRunner) -> None:
    data = columns() | {"arm": np.repeat([0, 1], EACH), "user": [f"0{i}" for i in range(2 * EACH)]}
    for file in ("a.parquet", "a.csv"):
        assert answer(call, "--metric", "spend", "--control", "1", data=data, file=file)["control"] == "1"


GOOD = "user,arm,m\n" + "".join(f"u{i},{'b' if i % 2 else 'control'},{i % 7}\n" for i in range(200))


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (GOOD, ["--metric", "z"], 'There is no column "z" (in "z"). The columns are: user, arm, m.'),
        (GOOD, ["--metric", "m", "--covariate", "z"], 'no column "z" (--covariate). Its columns are: user, arm, m.'),
        (GOOD, ["--metric", "m", "--cluster", "z"], 'no column "z" (--cluster)'),
        (GOOD, ["--metric", "arm"], 'Column "arm" holds text where a number is needed: "control" in row 1'),
        (GOOD, ["--metric", "m:binary"], "holds other values than 0 and 1: use :mean"),
        (GOOD, ["--metric", "m:mode"], "is no kind of metric"),
        (GOOD, ["--metric", "m", "--split", "control=0.5,b=0.6"], "add up to 1.1: they must make 1"),
        (GOOD, ["--metric", "m", "--split", "half"], '"half" in --split is not accepted'),
        (GOOD, ["--metric", "m", "--split", "control=0.5,c=0.5"], 'Arm "b" is in the data but not in --split'),
        (GOOD, ["--metric", "m", "--control", "z"], 'There is no arm "z"'),
        (GOOD.replace("u0,control,0", "u0,control,inf"), ["--metric", "m"], "holds infinite values"),
        (GOOD.replace("u9,b,2", "u9,b,two"), ["--metric", "m"], '"two" in row 10 below the head'),
        (GOOD.replace(",b,", ",control,"), ["--metric", "m"], 'The only arm is "control"'),
        ("user,arm,m\nu1,b,1\nu2,control,1\nu3,b,1\nu4,control,1\n", ["--metric", "m"], "same value throughout"),
        ("user,arm,m\nu1,b,1\nu2,control,1\n", ["--metric", "m"], "at least two are needed"),
        ("user,arm,m\n", ["--metric", "m"], "has no rows"),
        ("", ["--metric", "m"], "is empty"),
        ("\n\n", ["--metric", "m"], "cannot be read as CSV or Parquet"),
        ("user,arm,m,m\nu1,b,1,2\n", ["--metric", "m"], 'several columns named "m"'),
        ("user,arm,m\nu1,b\n", ["--metric", "m"], "cannot be read as CSV or Parquet"),
        ("PAR1 this is no parquet", ["--metric", "m"], "cannot be read as CSV or Parquet"),
        ("user,arm,m\nu1,b,\nu2,control,\n", ["--metric", "m"], "has 0 units with a value"),
        (GOOD, [], "Missing option '--metric'"),
    ],
)
def test_hostile_input_gets_a_sentence(call: CliRunner, text: str, options: list[str], said: str) -> None:
    Path("a.csv").write_text(text)
    found = analyze(call, "a.csv", *options)
    assert found.exit_code == 2, found.output
    assert said in found.output
    assert "Traceback" not in found.output


def test_bytes_of_another_kind_and_files_that_are_not_there(call: CliRunner) -> None:
    Path("a.csv").write_bytes(bytes(range(256)) * 20)
    for file in ("a.csv", "missing.csv", "."):
        found = analyze(call, file, "--metric", "m")
        assert found.exit_code == 2, found.output
        assert found.output.startswith("Error: ")


def test_nested_and_dated_columns_are_refused(call: CliRunner) -> None:
    data = {"user": ["a", "b"], "arm": ["x", "y"], "m": [[1], [2]], "d": pa.array([1, 2], pa.timestamp("s"))}
    parquet.write_table(pa.table(data), "a.parquet")
    for metric in ("m", "d"):
        found = analyze(call, "a.parquet", "--metric", metric)
        assert found.exit_code == 2
        assert "where numbers are needed" in found.output
    found = call.invoke(
        headway, ["experiment", "analyze", "a.parquet", *["--unit", "m", "--variant", "arm", "--metric", "d"]]
    )
    assert found.exit_code == 2


def test_guardrails_are_told_in_words(call: CliRunner) -> None:
    table = columns() | {"errors": [float(arm == "b") + i % 2 for i, arm in enumerate(columns()["arm"])]}
    parquet.write_table(pa.table(table), "a.parquet")
    said = analyze(call, "a.parquet", "--metric", "spend", "--guardrail", "errors:mean:lower").output
    assert 'Guardrail errors: "b" +1' in said
    assert "worse, stop it" in said
