"""The tables that hold the topics: one for each event, its columns made from the schema, one row for each record.

A column more in a schema becomes a column more in the table. What is no event (a deleted key, bytes that make no sense)
is a row of `other_record`. Everything else (views, positions) comes from numbered migrations.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from schemas.codec import FOLDER
from schemas.examples import named_types
from schemas.topics import TOPICS

OTHER = "other_record"
MIGRATIONS = Path(__file__).parent / "migrations"

_TYPES = {
    "string": "String",
    "bytes": "String",
    "int": "Int32",
    "long": "Int64",
    "double": "Float64",
    "boolean": "Bool",
}
_ENUM = "LowCardinality(String)"
"""A symbol more needs no change of the table."""
_PLACE = [
    {"name": "_topic", "type": "string", "doc": "Topic of the record."},
    {"name": "_partition", "type": "int", "doc": "Partition of the record."},
    {"name": "_offset", "type": "long", "doc": "Offset of the record: with topic and partition it names the row."},
    {"name": "_at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When Kafka took it [ms, UTC]"},
    {"name": "_key", "type": "string", "doc": "Key of the record."},
]
_OTHER_FIELDS = [
    {"name": "kind", "type": "string", "doc": "deleted: the key was deleted; unreadable: bytes that make no event."},
    {"name": "reason", "type": "string", "doc": "What is wrong with it; empty for a deleted key."},
    {"name": "payload", "type": "bytes", "doc": "The record's value as it came."},
]
_KEPT_DAYS = {
    "agent_heartbeat": 30,
    "pool_status": 30,
    "task_submitted": 365,
    "task_outcome": 365,
    "feedback_given": 365,
    "experiment_verdict": 365,
    OTHER: 365,
}
"""Samples of a state a month, what was asked, answered and said of it a year; see `_OTHERS_DAYS`."""
_OTHERS_DAYS = 90
_FOR_EVER_EVENTS = ("AgentDefinition", "Experiment")
"""Few rows that stay true for long."""
KEPT_DAYS_MIN = min(_OTHERS_DAYS, *_KEPT_DAYS.values()) - 1
"""A row is at least that old before it goes; one day less, for it goes at midnight."""
_COMPRESSED_AFTER_DAYS = 90
_TOKENS = 1000
"""Newest inserts that a table knows by their token, over all its partitions."""


class Column(NamedTuple):
    name: str
    type: str
    doc: str


class Table(NamedTuple):
    name: str
    event: str | None
    doc: str
    topics: tuple[str, ...]
    columns: tuple[Column, ...]
    schema: str
    """Avro schema of a row, as JSON: the record's place, then the event's own fields."""


@cache
def tables() -> dict[str, Table]:
    """By name, in the order of the registry."""
    found = {}
    entries = json.loads((FOLDER / "registry.json").read_text(encoding="utf-8"))["schemas"]
    newest = {entry["event"]: entry for entry in sorted(entries, key=lambda e: e["version"])}
    for event, entry in newest.items():
        path = FOLDER / "events" / entry["folder"] / f"{entry['version']}.avsc"
        schema = json.loads(path.read_text(encoding="utf-8"))
        topics = tuple(topic.name for topic in TOPICS.values() if event in topic.events)
        found[entry["folder"]] = _table(entry["folder"], event, schema["doc"], topics, schema["fields"])
    doc = "Records that are no event: deleted keys, and bytes that make no sense."
    found[OTHER] = _table(OTHER, None, doc, tuple(TOPICS), _OTHER_FIELDS)
    return found


@cache
def by_event() -> dict[str, str]:
    """Event → its table."""
    return {table.event: table.name for table in tables().values() if table.event}


def _table(name: str, event: str | None, doc: str, topics: tuple[str, ...], fields: list[Any]) -> Table:
    everything = [*_PLACE, *fields]
    names = named_types({"type": "record", "name": name, "fields": everything})
    columns = tuple(Column(field["name"], type_of(field["type"], names), field.get("doc", "")) for field in everything)
    row = {"type": "record", "name": f"Row_{name}", "namespace": "headway.warehouse", "fields": everything}
    return Table(name, event, doc, topics, columns, json.dumps(row))


def type_of(schema: Any, names: Mapping[str, Any]) -> str:
    """The ClickHouse type of an Avro type, given the named types around it."""
    if isinstance(schema, list):
        (inner,) = [branch for branch in schema if branch != "null"]
        found = type_of(inner, names)
        if found == _ENUM:
            return "LowCardinality(Nullable(String))"
        return found if found.startswith(("Array", "Tuple", "Map")) else f"Nullable({found})"
    if isinstance(schema, str):
        return type_of(names[schema], names) if schema in names else _TYPES[schema]
    kind = schema["type"]
    if kind == "record":
        return "Tuple({})".format(
            ", ".join(f"{field['name']} {type_of(field['type'], names)}" for field in schema["fields"])
        )
    if kind == "array":
        return f"Array({type_of(schema['items'], names)})"
    if kind == "map":
        return f"Map(String, {type_of(schema['values'], names)})"
    if kind == "enum":
        return _ENUM
    digits = {"timestamp-millis": 3, "timestamp-micros": 6}.get(schema.get("logicalType", ""))
    return f"DateTime64({digits}, 'UTC')" if digits else type_of(kind, names)


def kept_days(name: str) -> int:
    """How old a row of a table becomes."""
    return _KEPT_DAYS.get(name, _OTHERS_DAYS)


def create(table: Table, database: str) -> str:
    days = kept_days(table.name)
    ttl = f"toDateTime(_at) + INTERVAL {days} DAY"
    if days > _COMPRESSED_AFTER_DAYS:
        ttl += f", toDateTime(_at) + INTERVAL {_COMPRESSED_AFTER_DAYS} DAY RECOMPRESS CODEC(ZSTD(6))"
    columns = ",\n".join(f"  `{c.name}` {c.type} COMMENT {_text(c.doc)}" for c in table.columns)
    until = "" if table.event in _FOR_EVER_EVENTS else f"TTL {ttl}\n"
    return (
        f"CREATE TABLE IF NOT EXISTS {database}.{table.name} (\n{columns}\n) ENGINE = MergeTree\n"
        f"ORDER BY (_at, _topic, _partition, _offset)\n{until}"
        f"SETTINGS non_replicated_deduplication_window = {_TOKENS}\nCOMMENT {_text(table.doc)}"
    )


def additions(table: Table, present: set[str], database: str) -> Iterator[str]:
    """What a table lacks that was made from an older schema."""
    for column in table.columns:
        if column.name not in present:
            change = f"ADD COLUMN IF NOT EXISTS `{column.name}` {column.type} COMMENT {_text(column.doc)}"
            yield f"ALTER TABLE {database}.{table.name} {change}"


def migrations() -> list[tuple[int, str, list[str]]]:
    """Number, name and statements of each file, in order."""
    found = []
    for path in sorted(MIGRATIONS.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
        statements = [text.strip() for text in "\n".join(lines).split(";\n") if text.strip()]
        found.append((int(number), name, statements))
    return found


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
