"""Topics against tables, and tables against the rollup: whether every record is one row, and every row in its task."""

import time
from array import array
from collections.abc import Iterator
from typing import Any

from clickhouse_connect.driver.client import Client

from infra import kafka, warehouse
from infra.settings import Settings
from infra.warehouse import rollups
from infra.warehouse.tables import KEPT_DAYS_MIN, OTHER, tables
from schemas.topics import TOPICS


def reckon(settings: Settings) -> Iterator[dict[str, Any]]:
    """A row for each partition. `missing`: records below `stored`, the end of what the sink has stored, without a row.
    `lag`: records from there on. A table may know more than its topic, which forgets."""
    try:
        with warehouse.client(settings) as client:
            sql = "SELECT topic, partition, max(next_offset) FROM sink_position GROUP BY topic, partition"
            stored = {(topic, partition): at for topic, partition, at in client.query(sql).result_rows}
            for topic in TOPICS:
                records = _records(settings, topic)
                for partition in sorted(kafka.ends(settings, topic)):
                    found = records.get(partition, array("q"))
                    yield _row(client, topic, partition, found, stored.get((topic, partition), 0))
    except warehouse.TROUBLES as error:
        raise warehouse.spoken(error, settings) from error


def differing(settings: Settings) -> dict[str, int]:
    """Table that feeds the rollup → tasks of whom the rollup says something else."""
    try:
        with warehouse.client(settings) as client:
            return {table: rollups.differing(client, table) for table in rollups.feeds()}
    except warehouse.TROUBLES as error:
        raise warehouse.spoken(error, settings) from error


def _row(client: Client, topic: str, partition: int, records: "array[int]", stored: int) -> dict[str, Any]:
    rows = _rows(client, topic, partition)
    distinct = set(rows)
    below = [offset for offset in records if offset < stored]
    return {
        "topic": topic,
        "partition": partition,
        "records": len(records),
        "rows": len(rows),
        "missing": sum(offset not in distinct for offset in below),
        "duplicates": len(rows) - len(distinct),
        "lag": len(records) - len(below),
    }


def _records(settings: Settings, topic: str) -> dict[int, "array[int]"]:
    """Offsets of the records that the topic holds, by partition; without those so old that their rows may be gone."""
    found: dict[int, array[int]] = {}
    for message in kafka.read_all(settings, topic, since_us=time.time_ns() // 1000 - KEPT_DAYS_MIN * 86_400_000_000):
        found.setdefault(message.partition(), array("q")).append(message.offset())
    return found


def _rows(client: Client, topic: str, partition: int) -> "array[int]":
    """Offsets of the rows, each as often as it is there."""
    names = [table.name for table in tables().values() if topic in table.topics or table.name == OTHER]
    where = f"WHERE _topic = '{topic}' AND _partition = {partition}"
    sql = " UNION ALL ".join(f"SELECT _offset FROM {name} {where}" for name in names)
    found = array("q")
    found.frombytes(client.raw_query(sql, fmt="RowBinary"))
    return found
