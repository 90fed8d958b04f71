"""The rollup `task_rollup`: one row a task, kept up to date by the sink from the rows of the tables that feed it.

Each file in `rollups/` is a statement that takes rows of one table over into the rollup. A cell of the rollup is a
tuple that begins with the rank of the event it was made from: the least wins, or the greatest where the newest counts.
So rows may be taken over twice and in any order, and the rollup is the same. None may be left out: rows are taken over
once they are stored, and before `sink_position.rolled` says so.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from infra.warehouse.tables import kept_days, tables

FOLDER = Path(__file__).parent / "rollups"
ROLLUP = "task_rollup"
NEVER = 2**64 - 1
"""Rank in a cell that no event has filled, where the least wins; 0 where the greatest does."""

_FORGETS_DAYS = min(kept_days(path.stem) for path in FOLDER.glob("*.sql")) - 1
"""Younger than that, a row of a task is in its table for sure."""
_BY_TIME = "toUInt64(toUnixTimestamp64Milli(_at)) * 1048576 + toUInt64(_offset % 1048576)", "intDiv(had, 1048576)"
_BY_ATTEMPT = "toUInt64(attempt) * 4398046511104 + toUInt64(toUnixTimestamp64Milli(_at))", "had % 4398046511104"
"""Ranks of the events of a task, and the time in such a rank [ms]. By time is within a millisecond by offset."""
_CHECK_LIMITS = {"max_execution_time": 60, "max_bytes_before_external_group_by": 500_000_000}


class Feed(NamedTuple):
    """How the rows of a table come into the rollup."""

    table: str
    cell: str
    """One that every row of the table fills."""
    newest: bool
    """Whether the newest row of a task counts, not the first."""
    rank: str
    """Of a row, by which the cell is won."""
    time: str
    sql: str


class Span(NamedTuple):
    """Records of one partition, from one offset up to before another."""

    topic: str
    partition: int
    begin: int
    end: int

    def __str__(self) -> str:
        place = f"_topic = '{self.topic}' AND _partition = {self.partition}"
        return f"({place} AND _offset >= {self.begin} AND _offset < {self.end})"


@cache
def feeds() -> Mapping[str, Feed]:
    """By table."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def _read(path: Path) -> Feed:
    text = path.read_text(encoding="utf-8")
    rank, time = _BY_ATTEMPT if path.stem == "evaluation" else _BY_TIME
    ((cell, newest),) = re.findall(r"^-- cell: (\w+)( newest)?$", text, re.MULTILINE)
    return Feed(path.stem, cell, bool(newest), rank, time, text.replace("{rank}", rank))


@cache
def fed_by(topic: str) -> tuple[str, ...]:
    """Tables that feed the rollup and hold records of a topic."""
    return tuple(table for table in feeds() if topic in tables()[table].topics)


def take_over(client: Client, table: str, which: str = "true", into: str = ROLLUP) -> None:
    """Takes the rows over for which the condition holds."""
    client.command(feeds()[table].sql.format_map({"into": into, "from": table, "which": which}))


def take_over_history(client: Client, table: str, which: str = "true", into: str = ROLLUP) -> None:
    """The same day by day: a year of rows in little memory and no long statement."""
    days = client.query(f"SELECT DISTINCT toDate(_at) FROM {table} WHERE {which} ORDER BY 1").result_rows
    for (day,) in days:
        take_over(client, table, f"_at >= '{day}' AND _at < toDate('{day}') + 1 AND ({which})", into)


def either(spans: Iterable[Span]) -> str:
    """The condition that a row's record lies in one of the spans."""
    return " OR ".join(map(str, spans)) or "false"


def catch_up(client: Client) -> list[str]:
    """Takes over what is stored and not yet taken over, as after an update of the program; topics and partitions."""
    behind = (
        "SELECT topic, partition, max(rolled) AS done, max(next_offset) AS stored FROM sink_position "
        "GROUP BY topic, partition HAVING done < stored ORDER BY topic, partition"
    )
    spans = [Span(*row) for row in client.query(behind).result_rows]
    for table in feeds():
        own = [span for span in spans if table in fed_by(span.topic)]
        if own:
            take_over_history(client, table, either(own))
    if spans:
        note(client, {(span.topic, span.partition): span.end for span in spans})
    return [f"{span.topic}/{span.partition}" for span in spans if fed_by(span.topic)]


def note(client: Client, ends: Mapping[Any, int]) -> None:
    """Writes down that everything below these offsets of topic and partition is in the tables and in the rollup."""
    now = datetime.now(UTC)
    made = [[topic, partition, end, end, now] for (topic, partition), end in ends.items()]
    client.insert("sink_position", made, column_names=["topic", "partition", "next_offset", "rolled", "at"])


def remake(client: Client) -> int:
    """Makes the rollup anew from the tables, while the sink goes on; how many tasks it has then. Tasks so old that a
    table may have forgotten some of their rows stay as they are."""
    draft, forgets = f"{ROLLUP}__rebuild", f"now() - toIntervalDay({_FORGETS_DAYS})"
    client.command(f"DROP TABLE IF EXISTS {draft}")
    client.command(f"CREATE TABLE {draft} AS {ROLLUP}")
    old = f"newest < {forgets} OR tupleElement(submitted, 'at') BETWEEN toDateTime(1) AND {forgets}"
    client.command(f"INSERT INTO {draft} SELECT * FROM {ROLLUP} FINAL WHERE {old}")
    known = {table: either(_held(client, table)) for table in feeds()}
    for table, before in known.items():
        take_over_history(client, table, before, into=draft)
    client.command(f"EXCHANGE TABLES {ROLLUP} AND {draft}")
    for table, before in known.items():  # what was taken over into the old one meanwhile
        take_over_history(client, table, f"NOT ({before})")
    client.command(f"DROP TABLE {draft}")
    return int(client.query(f"SELECT count() FROM {ROLLUP} FINAL").result_rows[0][0])


def _held(client: Client, table: str) -> list[Span]:
    sql = f"SELECT _topic, _partition, 0, max(_offset) + 1 FROM {table} GROUP BY _topic, _partition"
    return [Span(*row) for row in client.query(sql).result_rows]


def differing(client: Client, table: str) -> int:
    """Tasks of whom the rollup says something else than the table: what it lacks, and what it should not have.

    Only days count whose rows no table has forgotten, and what the sink is just taking over is not held against it.
    """
    feed = feeds()[table]
    done = client.query("SELECT topic, partition, 0, max(rolled) FROM sink_position GROUP BY topic, partition")
    due = either(Span(*row) for row in done.result_rows if table in fed_by(row[0]))
    best, better, none = ("max", ">", 0) if feed.newest else ("min", "<", NEVER)
    since = f"now64(3) - toIntervalDay({_FORGETS_DAYS})"
    task = "cityHash64(session_id, task_id) AS task"
    sql = f"""
        SELECT count() FROM (
          SELECT {best}OrNullIf(rank, due) AS wanted, {best}OrNullIf(rank, NOT known) AS told,
            anyOrNullIf(rank, known) AS had
          FROM (
            SELECT {task}, {feed.rank} AS rank, {due} AS due, false AS known FROM {table} WHERE _at >= {since}
            UNION ALL
            SELECT {task}, tupleElement({feed.cell}, 'rank') AS rank, false AS due, true AS known FROM {ROLLUP} FINAL
            WHERE rank != {none}
          )
          GROUP BY task
        )
        WHERE (wanted IS NOT NULL AND (had IS NULL OR wanted {better} had))
          OR (fromUnixTimestamp64Milli(toInt64({feed.time})) >= {since} AND (told IS NULL OR had {better} told))
    """
    return int(client.query(sql, settings=_CHECK_LIMITS).result_rows[0][0])
