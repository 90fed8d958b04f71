"""Reads the table of an experiment, CSV or Parquet, for `processors.experiments`. Only the columns asked for."""

from collections.abc import Collection, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway.errors import BadInput
from processors.experiments.distributions import Floats, Ints
from processors.experiments.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

TRUTHS = {"true": 1.0, "false": 0.0}
MISSING = {"", "na", "n/a", "nan", "null", "none", "#n/a"}
"""Words in a CSV that stand for a missing number, in any case."""


def columns_of(path: Path) -> list[str]:
    """The names in the head of the file."""
    with _spoken(path):
        if path.stat().st_size == 0:
            raise BadInput(f"{path} is empty: it needs a head line and a row for each unit.")
        if _is_parquet(path):
            from pyarrow import parquet  # type: ignore[import-untyped]

            names = list(parquet.read_schema(path).names)
        else:
            from pyarrow import csv

            with csv.open_csv(path) as reader:
                names = list(reader.schema.names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f'{path} has several columns named "{twice}": rename them.')
    return names


def read_rows(
    path: Path,
    *,
    unit: str | None,
    variant: str | None,
    cluster: str | None,
    numbers: Collection[str],
    time: str | None = None,
) -> Rows:
    """The rows of a file that has these columns; `numbers` are those that must hold numbers. Without `unit` each row is
    one; without `variant` all are of one arm."""
    names = [name for name in (unit, variant, cluster, time) if name]
    numbers = list(dict.fromkeys(numbers))
    with _spoken(path):
        table = _read(path, names, numbers)
        if table.num_rows == 0:
            raise BadInput(f"{path} has no rows: it needs one for each unit.")
        arms, variants = _arms(table[variant]) if variant else (("all",), np.zeros(table.num_rows, dtype=np.int64))
        columns = {name: _numbers(table[name], name) for name in numbers}
        if time and time not in columns:
            columns[time] = _times(table[time], time)
        return Rows(
            arms,
            _codes(table[unit])[1] if unit else np.arange(table.num_rows),
            variants,
            columns,
            _codes(table[cluster])[1] if cluster else None,
        )


def _arms(column: Any) -> tuple[tuple[str, ...], Ints]:
    """The names in order, and the number of each row's; -1 where it is missing."""
    found, variants = _codes(column)
    arms = sorted(_text(value) for value in found.to_pylist())
    place = {arm: i for i, arm in enumerate(arms)}
    renumbered = np.array([*(place[_text(value)] for value in found.to_pylist()), -1], dtype=np.int64)
    return tuple(arms), renumbered[variants]  # -1, a missing one, finds the last, which is -1


def _read(path: Path, names: Sequence[str], numbers: Sequence[str]) -> Any:
    import pyarrow
    from pyarrow import csv, parquet

    wanted = list(dict.fromkeys([*names, *numbers]))
    if _is_parquet(path):
        return parquet.read_table(path, columns=wanted)

    def read(types: dict[str, Any]) -> Any:
        options = csv.ConvertOptions(include_columns=wanted, column_types=types)
        return csv.read_csv(path, convert_options=options, parse_options=csv.ParseOptions(newlines_in_values=True))

    texts = dict.fromkeys(names, pyarrow.string())  # so that unit 007 is not unit 7
    try:
        return read(dict.fromkeys(numbers, pyarrow.float64()) | texts)
    except pyarrow.ArrowInvalid as error:
        if "conversion error to double" not in str(error):
            raise
        return read(dict.fromkeys(wanted, pyarrow.string()))  # slower, and able to say what is no number, and where


def _numbers(column: Any, name: str) -> Floats:
    """The column as floats, NaN where it is missing. True and false are 1 and 0."""
    import pyarrow
    from pyarrow import compute, types

    column = _plain(column)
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return _numbers_in_text(column.to_pylist(), name)
    if types.is_boolean(kind):
        column = column.cast(pyarrow.uint8())
    elif not any(
        is_number(kind) for is_number in (types.is_integer, types.is_floating, types.is_decimal, types.is_null)
    ):
        raise BadInput(
            f'Column "{name}" holds values of type {kind} where numbers are needed: name another, or convert it.'
        )
    floats = compute.cast(column, pyarrow.float64(), safe=False).fill_null(float("nan"))
    return np.asarray(floats.to_numpy(), dtype=np.float64)


def _numbers_in_text(texts: Sequence[str | None], name: str) -> Floats:
    values = np.empty(len(texts))
    for i, text in enumerate(texts):
        word = (text or "").strip().lower()
        try:
            values[i] = np.nan if word in MISSING else TRUTHS[word] if word in TRUTHS else float(word)
        except ValueError:
            raise BadInput(
                f'Column "{name}" holds text where a number is needed: "{text}" in row {i + 1} below the head. '
                "Correct it, leave it empty, or name another column."
            ) from None
    return values


def _times(column: Any, name: str) -> Floats:
    """The column as numbers that grow with time, NaN where it is missing: numbers as they are, else microseconds."""
    import pyarrow
    from pyarrow import types

    column = _plain(column)
    if types.is_timestamp(column.type) or types.is_date(column.type):
        return _numbers(
            column.cast(pyarrow.timestamp("us", getattr(column.type, "tz", None))).cast(pyarrow.int64()), name
        )
    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return _numbers(column, name)
    for kind in (pyarrow.float64(), pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")):
        try:
            known = column.cast(kind)
        except pyarrow.ArrowInvalid:
            continue
        return _numbers(known if types.is_floating(kind) else known.cast(pyarrow.int64()), name)
    raise BadInput(f'Column "{name}" holds neither numbers nor times as in 2026-11-21T09:30:00: name another.')


def _codes(column: Any) -> tuple[Any, Ints]:
    """The different values, and the number of each row's; -1 where it is missing."""
    import pyarrow
    from pyarrow import compute, types

    column = _plain(column)
    if types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), None, column)
    if types.is_string(column.type) or types.is_large_string(column.type):
        column = column.cast(pyarrow.large_string())  # the other kind ends at 2 GB
        column = compute.if_else(compute.equal(column, ""), None, column)
    chunk = column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column
    encoded = chunk.dictionary_encode()
    return encoded.dictionary, np.asarray(encoded.indices.fill_null(-1).to_numpy(), dtype=np.int64)


def _plain(column: Any) -> Any:
    from pyarrow import types

    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


@contextmanager
def _spoken(path: Path) -> "Iterator[None]":
    """Says what is wrong with the file in a sentence."""
    import pyarrow

    try:
        yield
    except OSError as error:  # Arrow's own are among them
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from None
    except pyarrow.ArrowException as error:
        raise BadInput(f"{path} cannot be read as CSV or Parquet: {str(error).strip().splitlines()[0]}") from None
