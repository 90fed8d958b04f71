"""Tables from anywhere: what is wrong with one is told, and what can be taken is taken."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from scorer_service.tables import BadTable, read

ROWS: dict[str, list[Any]] = {
    "query_id": ["q1", "q1", "q2", "q2"],
    "text": ["one", "one", "two", "two"],
    "model": ["b", "a", "b", "a"],
    "score": [1.0, 0.5, 0.0, 0.25],
}


def written(folder: Path, rows: dict[str, Any]) -> Path:
    pq.write_table(pa.table(rows), folder / "t.parquet")
    return folder / "t.parquet"


def test_a_table_is_queries_by_models(tmp_path: Path) -> None:
    found = read(written(tmp_path, ROWS))
    assert found.texts == ["one", "two"]
    assert found.models == ("a", "b")
    assert found.scores.tolist() == [[0.5, 1.0], [0.25, 0.0]]
    assert found.costs is None


def test_the_order_of_rows_further_columns_and_kinds_of_text_do_not_matter(tmp_path: Path) -> None:
    table = pa.table(
        {
            "note": [None, "x", None, "y"],
            "score": pa.array([0, 1, 1, 0], pa.int8()),
            "model": pa.array(["a", "b", "a", "b"]).dictionary_encode(),
            "query_id": pa.array([7, 7, 9, 9], pa.int64()),
            "text": pa.array(["one", "one", "two", "two"], pa.large_string()),
            "cost_usd": pa.array([1, 2, 3, 4], pa.float32()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert found.scores.tolist() == [[0, 1], [1, 0]]
    assert found.costs is not None
    assert found.costs.tolist() == [[1, 2], [3, 4]]


def test_a_model_may_lack_some_queries(tmp_path: Path) -> None:
    found = read(written(tmp_path, {name: values[:3] for name, values in ROWS.items()}))
    assert np.isnan(found.scores[1, 0])
    assert found.scores[1, 1] == 0


def test_queries_can_belong_to_groups(tmp_path: Path) -> None:
    assert read(written(tmp_path, ROWS | {"source": ["x", "x", "y", "y"]}), "source").groups == ["x", "y"]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"score": None}, "has no column score. A table has query_id, text, model, score"),
        ({"score": [1.0, None, 0, 0]}, "no number in 1 rows, first in row 2"),
        ({"score": [1.0, float("nan"), 0, 0]}, "no number in 1 rows, first in row 2"),
        ({"score": [1.0, float("inf"), 0, 0]}, "no number"),
        ({"score": [1.0, 0, 57, 0]}, "between 0 and 1: row 3 has 57"),
        ({"score": ["good", "bad", "good", "bad"]}, "has to be numbers"),
        ({"model": [1, 2, 1, 2]}, "column model of .*t.parquet is of int64; it has to be text"),
        ({"model": ["a", None, "a", "b"]}, "column model of .*t.parquet is empty in 1 rows, first in row 2"),
        ({"text": [1.5, 1.5, 2, 2]}, "column text"),
        ({"text": ["one", "ONE", "two", "two"]}, "query 'q1' more than one text"),
        ({"model": ["a", "a", "b", "a"]}, "1 rows too many: query 'q1' has more than one score of a"),
        ({"cost_usd": [1.0, -2, 0, 0]}, "cost_usd of .* 0 or more"),
        ({"cost_usd": [1.0, None, 0, 0]}, "cost_usd of .* no number"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path: Path, over: dict[str, Any], told: str) -> None:
    rows = {name: values for name, values in (ROWS | over).items() if values is not None}
    with pytest.raises(BadTable, match=told):
        read(written(tmp_path, rows))


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([(name, pa.float64() if name == "score" else pa.string()) for name in ROWS])
    pq.write_table(schema.empty_table(), tmp_path / "t.parquet")
    with pytest.raises(BadTable, match="has no rows"):
        read(tmp_path / "t.parquet")


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("query_id,text,model,score\n")
    with pytest.raises(BadTable, match="no parquet file"):
        read(tmp_path / "t.parquet")
    whole = written(tmp_path, ROWS).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadTable, match="no parquet file"):
        read(tmp_path / "cut.parquet")
    with pytest.raises(BadTable, match="There is no file"):
        read(tmp_path / "none.parquet")
    with pytest.raises(BadTable, match="There is no file"):
        read(tmp_path)
