"""Tables of routing: for each query and model a score, in parquet. What is wrong with one is told in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

COLUMNS = ("query_id", "text", "model", "score")
COST = "cost_usd"
CELLS_MAX = 50_000_000
"""Queries times models; a table beyond would not fit into memory with all that is made of it."""
GROUPS_MAX = 100

Floats = NDArray[np.float64]


class BadTable(ValueError):
    """A table nothing can be learned from, or judged on. The text says what is wrong, and what to do."""


@dataclass(frozen=True)
class Table:
    texts: list[str]
    """(m,) queries in the order of their first rows."""
    models: tuple[str, ...]
    """(n,) sorted."""
    scores: Floats
    """(m, n) NaN where a model has no score for a query."""
    costs: Floats | None
    """(m, n) US dollars; None without the column."""
    groups: list[str] | None = None
    """(m,) what each query belongs to, where that was asked for."""


def read(path: Path, by: str | None = None) -> Table:
    """`by`: a further column, of which the figures are wanted value by value. Raises BadTable."""
    table = _columns(path, by)
    if not table.num_rows:
        raise BadTable(f"{path} has no rows.")
    query, queries = _places(path, table, "query_id")
    model, models = _places(path, table, "model")
    names = np.argsort(np.array(models, dtype=object))
    model = np.argsort(names)[model]
    if len(queries) * len(models) > CELLS_MAX:
        raise BadTable(
            f"{path} has {len(queries):,} queries and {len(models):,} models: more than {CELLS_MAX:,} pairs."
        )
    _refuse_double(path, query, model, queries, [models[i] for i in names])
    shape = (len(queries), len(models))
    scores = np.full(shape, np.nan)
    scores[query, model] = _numbers(path, table, "score", 1.0)
    costs = None
    if COST in table.column_names:
        costs = np.full(shape, np.nan)
        costs[query, model] = _numbers(path, table, COST, None)
    texts = _by_query(path, table, "text", query, queries)
    groups = _by_query(path, table, by, query, queries) if by else None
    if groups and len(set(groups)) > GROUPS_MAX:
        raise BadTable(
            f"The column {by} of {path} has {len(set(groups))} values; figures are made for {GROUPS_MAX} at most."
        )
    return Table(texts, tuple(models[i] for i in names), scores, costs, groups)


def _columns(path: Path, by: str | None) -> pa.Table:
    if not path.is_file():
        raise BadTable(f"There is no file {path}.")
    try:
        names = pq.read_schema(path).names
        wanted = list(dict.fromkeys([*COLUMNS, *([by] if by else [])]))
        missing = [name for name in wanted if name not in names]
        if missing:
            raise BadTable(
                f"{path} has no column {', '.join(missing)}. A table has {', '.join(COLUMNS)} and may have {COST}, a "
                f"row for each query and model; this one has {', '.join(names[:12]) or 'none'}."
            )
        if len(set(names)) != len(names):
            raise BadTable(f"{path} has two columns of one name.")
        return pq.read_table(path, columns=[*wanted, *([COST] if COST in names else [])])
    except (pa.ArrowException, OSError) as error:
        raise BadTable(f"{path} is no parquet file that can be read: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _places(path: Path, table: pa.Table, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """By row which of the different values it has, and these in the order of their first rows."""
    column = table[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (_is_text(kind) or (name == "query_id" and pa.types.is_integer(kind))):
        raise BadTable(f"The column {name} of {path} is of {kind}; it has to be text.")
    if column.null_count:
        first = _first(column.is_null().to_numpy())
        raise BadTable(
            f"The column {name} of {path} is empty in {column.null_count:,} rows, first in row {first:,}; fill them in "
            "or leave them out."
        )
    encoded = pc.dictionary_encode(column.cast(kind).combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), list(
        map(str, encoded.dictionary.to_pylist())
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numbers(path: Path, table: pa.Table, name: str, most: float | None) -> Floats:
    kind = table[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or kind == pa.bool_()):
        raise BadTable(f"The column {name} of {path} is of {kind}; it has to be numbers.")
    column = table[name].cast(pa.int8()) if kind == pa.bool_() else table[name]
    found = column.cast(pa.float64()).to_numpy()
    wrong = ~np.isfinite(found)
    if wrong.any():
        raise BadTable(
            f"The column {name} of {path} has no number in {int(wrong.sum()):,} rows, first in row {_first(wrong):,}; "
            "leave these rows out: a query may lack some models."
        )
    wrong = (found < 0) | (found > (np.inf if most is None else most))
    if wrong.any():
        bounds = "0 or more" if most is None else f"between 0 and {most:g}"
        raise BadTable(
            f"The column {name} of {path} has to be {bounds}: row {_first(wrong):,} has {found[wrong][0]:g}. Scale it."
        )
    return np.asarray(found, np.float64)


def _first(rows: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(rows)[0]) + 1


def _refuse_double(
    path: Path, query: NDArray[np.intp], model: NDArray[np.intp], queries: Sequence[str], models: Sequence[str]
) -> None:
    cell = query * len(models) + model
    cells, first, counts = np.unique(cell, return_index=True, return_counts=True)
    if len(cells) < len(cell):
        row = int(first[counts > 1].min())
        raise BadTable(
            f"{path} has {len(cell) - len(cells):,} rows too many: query {queries[query[row]]!r} has more than one "
            f"score of {models[model[row]]}. Keep one row for each query and model, or their mean."
        )


def _by_query(path: Path, table: pa.Table, name: str, query: NDArray[np.intp], queries: Sequence[str]) -> list[str]:
    """What a column says of each query, which must be the same in all of its rows."""
    value, values = _places(path, table, name)
    found = np.full(len(queries), -1)
    found[query[::-1]] = value[::-1]
    wrong = found[query] != value
    if wrong.any():
        raise BadTable(f"{path} gives query {queries[query[_first(wrong) - 1]]!r} more than one {name}.")
    return [values[place] for place in found]
