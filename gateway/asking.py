"""Asking the warehouse: read only and within limits, with every refusal told as one sentence that says what to do."""

import json
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from gateway.errors import BadInput, Unreachable
from gateway.nearest import did_you_mean
from gateway.silence import remedy
from infra import warehouse
from infra.settings import Settings
from infra.warehouse.errors import BadSql

_FORMATS = {
    "output_format_json_validate_utf8": 1,  # some columns are bytes
    "output_format_json_quote_64bit_integers": 0,
    "format_csv_null_representation": "",
}
_OWN_FORMAT = re.compile(r"\s+FORMAT\s+(?!ASC\b|DESC\b)(\w+)\s*$", re.IGNORECASE)
_PLACE = re.compile(r"failed at position \d+ \((?P<near>.*?)\)(?: \(line (?P<line>\d+), col (?P<column>\d+)\))?")
_PREAMBLE = re.compile(r"(?:Code: \d+\. |DB::Exception: )*")
_VALUE = re.compile(r"[Vv]alue (?P<value>.*?) cannot be parsed as (?P<kind>\S+) for query parameter '(?P<name>\w+)'")
_NOBODY = re.compile("Failed to establish a new connection|Connection refused|timed out")
_READS_ONLY = (
    "This reads only: the warehouse's rows come from the topics. No writes, no files, no other addresses; "
    "`headway rebuild TABLE` makes a table anew."
)
_INCOMPLETE = "The statement is not complete, or has something before its end that does not belong there."
_LESS = "Ask for less: a shorter time (`WHERE _at > now() - INTERVAL 1 HOUR`), fewer columns, or an aggregate."


class Answer(NamedTuple):
    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


class Asker:
    """A connection that can only read, opened by the first question. Raises BadInput, Unreachable or WarehouseDown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._client is not None:
            self._client.close()

    def bytes_of(self, sql: str, form: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """The answer as ClickHouse writes it in one of its formats."""
        try:
            return self._ask(sql, form, parameters)
        except (BadSql, *warehouse.TROUBLES) as error:  # connecting already tells a BadSql apart
            raise self._spoken(error, sql) from error

    def rows_of(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        said = self.bytes_of(sql, "JSONCompactEachRowWithNamesAndTypes", parameters)
        columns, types, *rows = [json.loads(line) for line in said.splitlines()] or [[], []]
        return Answer(columns, types, rows)

    def names(self) -> dict[str, list[str]]:
        """Every table and view with its columns."""
        found: dict[str, list[str]] = {}
        for table, column in self.rows_of(
            "SELECT table, name FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        ).rows:
            found.setdefault(table, []).append(column)
        return found

    def _ask(self, sql: str, form: str, parameters: Mapping[str, Any] | None) -> bytes:
        if self._client is None:
            self._client = warehouse.client(self._settings, limits={**_FORMATS, **warehouse.READER_LIMITS})
        return self._client.raw_query(sql, parameters=dict(parameters or {}), fmt=form)

    def _spoken(self, error: Exception, sql: str) -> Exception:
        code = getattr(error.__cause__ if isinstance(error, BadSql) else error, "code", None)
        found = error if isinstance(error, BadSql) else warehouse.spoken(error, self._settings)
        limits, text = warehouse.READER_LIMITS, str(error)
        if code == 164:
            return BadInput(_refusal(text))
        if code == 159:
            return BadInput(f"It was stopped after {limits['max_execution_time']} s. {_LESS}")
        if code == 241:
            return BadInput(f"It was stopped: it needs more than {limits['max_memory_usage'] / 1e9:g} GB. {_LESS}")
        if code == 396:
            rows, size = limits["max_result_rows"], limits["max_result_bytes"] // 1_000_000
            return BadInput(f"The answer is more than {rows:,} rows or {size} MB: add a LIMIT or a condition.")
        if code == 81:
            return Unreachable("The warehouse has no tables yet: the sink makes them when the line comes up.")
        if code == 62:
            return BadInput(_syntax(text))
        if code == 457 and (value := _VALUE.search(text)):
            return BadInput(
                f"{value['name']}={value['value']} is not accepted: it takes {_spoken_type(value['kind'])}."
            )
        if code in (47, 60) and (unknown := re.search(r"identifier [`'](.+?)['`]", text)):
            if unknown[1] == "FORMAT":  # the word after the statement, which we wrote
                return BadInput(_INCOMPLETE)
            return BadInput(self._unknown("column" if code == 47 else "table", unknown[1], sql))
        if isinstance(found, BadSql):
            return BadInput(_PREAMBLE.sub("", str(found), count=1).split(" In scope ")[0])
        if _NOBODY.search(text):
            what = remedy(self._settings, "warehouse")
            return Unreachable(f"No ClickHouse answers at {self._settings.warehouse}; {what}.")
        return found

    def _unknown(self, what: str, name: str, sql: str) -> str:
        known = self.names()
        asked = [columns for table, columns in known.items() if re.search(rf"\b{table}\b", sql)]
        choices = known if what == "table" else {column for columns in asked for column in columns}
        meant = did_you_mean(name.rpartition(".")[2], choices)
        listed = "`headway sql --tables`" if what == "table" else "`headway sql --tables TABLE`"
        return f"There is no {what} {name}{meant} {listed} lists them."


def own_format(sql: str) -> tuple[str, str | None]:
    """The statement without its `;` and FORMAT, and that format when it names one."""
    sql = sql.strip().rstrip(";").rstrip()
    named = _OWN_FORMAT.search(sql)
    return (sql[: named.start()], named[1]) if named else (sql, None)


def _refusal(text: str) -> str:
    setting = re.search(r"Cannot modify '(\w+)' setting", text)
    if setting:
        return f"The limits are fixed: the setting {setting[1]} cannot be changed here. {_READS_ONLY}"
    if "OUTFILE" in text:
        return f"INTO OUTFILE is not for the warehouse: --output FILE writes the answer here. {_READS_ONLY}"
    return _READS_ONLY


def _spoken_type(kind: str) -> str:
    if kind.startswith("UInt"):
        return "a whole number that is not negative"
    return "a whole number" if kind.startswith("Int") else "a number" if kind.startswith("Float") else kind


def _syntax(text: str) -> str:
    if "Multi-statements" in text:
        return "That is more than one statement: ask one at a time."
    place = _PLACE.search(text)
    if place is None:
        return "That is no SQL that ClickHouse understands."
    if place["near"] in ("end of query", "FORMAT"):
        return _INCOMPLETE
    where = f"line {place['line']}, column {place['column']}, " if place["line"] else ""
    return f"Syntax error at {where}near {place['near']!r}."
