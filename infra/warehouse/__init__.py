"""The warehouse: ClickHouse, where every event is a row. The local stack runs it as a library behind a port of ours
(`server.py`); `clickhouse_url` names a server instead. Both get the same client, SQL and migrations.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("CLICKHOUSE_CONNECT_SEND_INTEGRATION_METADATA", "0")

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from urllib3.exceptions import HTTPError

from infra.settings import Settings
from infra.warehouse import rollups, rows
from infra.warehouse.errors import BadSql, WarehouseDown
from infra.warehouse.tables import additions, create, migrations, tables

for name in ("clickhouse_connect", "urllib3"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # what they warn of is raised as well, and told once

DATABASE = "headway"
ANSWER_S = 30.0
READER_LIMITS: Mapping[str, Any] = {
    "max_execution_time": 30,
    "max_memory_usage": 2_000_000_000,
    "max_result_rows": 1_000_000,
    "max_result_bytes": 200_000_000,
    "readonly": 1,
}
"""Of a query that somebody types: it may take this long, and no more memory than a laptop has to spare."""

_BUSY = {159, 202, 209, 210, 241, 252, 319, 999}
"""ClickHouse's codes for what passes: time, too many queries, network, memory, too many parts, keeper."""


TROUBLES = (ClickHouseError, HTTPError, OSError, WarehouseDown)
"""What asking may raise; `spoken` tells what it means."""


def client(settings: Settings, *, limits: Mapping[str, Any] | None = None, database: str = DATABASE) -> Client:
    """A connection. With `limits` (as `READER_LIMITS`) it can only read. Raises WarehouseDown."""
    address = urlsplit(settings.warehouse)
    try:
        return clickhouse_connect.get_client(
            interface=address.scheme,
            host=address.hostname,
            port=address.port,
            username=settings.clickhouse_user or None,
            password=settings.clickhouse_password,
            database=database,
            settings=dict(limits or {}),
            compress=False,
            autogenerate_session_id=False,
            connect_timeout=ANSWER_S,
            send_receive_timeout=10 * ANSWER_S,
            query_retries=0,
        )
    except TROUBLES as error:
        raise spoken(error, settings) from error


def spoken(error: Exception, settings: Settings) -> WarehouseDown | BadSql:
    """What an error of the client means: wait, or change the statement."""
    if isinstance(error, WarehouseDown):
        return error
    code = getattr(error, "code", None)
    if isinstance(error, DatabaseError) and not isinstance(error, OperationalError) and code not in _BUSY:
        return BadSql(_reason(str(error)))
    if code in _BUSY:
        return WarehouseDown(f"ClickHouse at {settings.warehouse} has too much to do: {_reason(str(error))}")
    return WarehouseDown(
        f"no ClickHouse answers at {settings.warehouse} ({_reason(str(error))}). "
        "Is the line up (`headway status`), or is clickhouse_url right?"
    )


def furnish(settings: Settings) -> list[str]:
    """Makes the tables and views that are missing and what rolls them up; what was done. Doing it twice, or two at
    once, does no harm."""
    done = []
    with client(settings, database="") as maker:
        maker.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        maker.command(
            f"CREATE TABLE IF NOT EXISTS {DATABASE}.migration (number UInt32, name String, at DateTime DEFAULT now()) "
            "ENGINE = ReplacingMergeTree(at) ORDER BY number"
        )
        present: dict[str, set[str]] = {}
        columns = f"SELECT table, name FROM system.columns WHERE database = '{DATABASE}'"
        for table, name in maker.query(columns).result_rows:
            present.setdefault(table, set()).add(name)
        for table in tables().values():
            if table.name not in present:
                maker.command(create(table, DATABASE))
                done.append(f"table {table.name}")
            for statement in additions(table, present.get(table.name, {c.name for c in table.columns}), DATABASE):
                maker.command(statement)
                done.append(statement.split(DATABASE + ".")[1])
    with client(settings) as maker:
        known = {number for (number,) in maker.query("SELECT number FROM migration").result_rows}
        for number, name, statements in migrations():
            if number not in known:
                for statement in statements:
                    maker.command(statement)
                maker.insert("migration", [[number, name]], column_names=["number", "name"])
                done.append(f"migration {number} {name}")
        done += [f"task_rollup of {place}" for place in rollups.catch_up(maker)]
    return done


def insert(
    client: Client, table: str, made: Sequence[bytes], token: str | None = None, into: str | None = None
) -> None:
    """Stores rows of a table, in `into` when that is another of the same make: all of them or none. A token that the
    table has seen among its newest inserts: none, silently."""
    names = [column.name for column in tables()[table].columns]
    settings = {"insert_deduplication_token": token} if token else {}
    client.raw_insert(into or table, names, rows.file(tables()[table].schema, made), settings=settings, fmt="Avro")


def _reason(text: str) -> str:
    """ClickHouse's own sentence, or the network's, without where it was asked."""
    if "Caused by" in text:
        text = text.rsplit(": ", 1)[-1].rstrip(")\"'")
    text = text.split("server response: ")[-1].split(" (for url")[0].strip()
    return text.removeprefix("Code: 36. ").split("(version ")[0].strip()
