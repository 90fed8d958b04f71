"""A table made anew from its topics, and the rollup from its tables, while the sink goes on.

The new table gets what the topics still hold and, from the old one, what they have forgotten. Then both change places
in one step, and what the sink stored in the old one meanwhile is taken over, once no insert of before is under way.
"""

import time
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from gateway.errors import BadInput, GatewayError
from infra import kafka, warehouse
from infra.settings import Settings
from infra.warehouse import rollups, rows
from infra.warehouse.rollups import ROLLUP
from infra.warehouse.tables import create, tables

_ROWS_MAX = 20_000
_INSERT_S = 60.0
_LOOK_S = 0.05


def rebuild(settings: Settings, name: str, tell: Callable[[str], None]) -> int:
    """How many rows the table has then. One that feeds the rollup brings it along."""
    if name not in (*tables(), ROLLUP):
        raise BadInput(f"there is no table {name}; those that can be rebuilt are {', '.join((*tables(), ROLLUP))}.")
    try:
        with warehouse.client(settings) as client:
            if name == ROLLUP:
                return rollups.remake(client)
            count = _rebuild(settings, client, name, tell)
            if name in rollups.feeds():
                tell(f"{ROLLUP}: {rollups.remake(client)} tasks from its tables")
            return count
    except warehouse.TROUBLES as error:
        raise warehouse.spoken(error, settings) from error


def _rebuild(settings: Settings, client: Client, name: str, tell: Callable[[str], None]) -> int:
    table, draft = tables()[name], f"{name}__rebuild"
    client.command(f"DROP TABLE IF EXISTS {draft}")
    client.command(create(table._replace(name=draft), warehouse.DATABASE))
    columns = ", ".join(f"`{column.name}`" for column in table.columns)
    # What the sink stores from here on is taken over at the end; it has not yet stored all that the topics hold.
    newest = f"SELECT _topic, _partition, max(_offset) FROM {name} GROUP BY _topic, _partition"
    ends = {(topic, partition): offset for topic, partition, offset in client.query(newest).result_rows}
    for topic in table.topics:
        count = _fill(settings, client, name, topic, ends)
        tell(f"{topic}: {count} rows from the topic")
    for (topic, partition), end in ends.items():
        here = f"_topic = '{topic}' AND _partition = {partition}"
        forgotten = f"{here} AND _offset <= {end} AND _offset NOT IN (SELECT _offset FROM {draft} WHERE {here})"
        client.command(f"INSERT INTO {draft} ({columns}) SELECT {columns} FROM {name} WHERE {forgotten}")
    client.command(f"EXCHANGE TABLES {name} AND {draft}")
    _wait_for_inserts(client, name)
    known = " OR ".join(f"(_topic = '{t}' AND _partition = {p} AND _offset <= {end})" for (t, p), end in ends.items())
    later = f"WHERE NOT ({known or 'false'})"
    client.command(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {draft} {later}")
    client.command(f"DROP TABLE {draft}")
    return int(client.query(f"SELECT count() FROM {name}").result_rows[0][0])


def _wait_for_inserts(client: Client, name: str) -> None:
    """One that began before the tables changed places stores into the old one, whenever it ends."""
    running = "SELECT query_id FROM system.processes WHERE query_kind = 'Insert'"
    until, begun = time.monotonic() + _INSERT_S, set(client.query(running).result_rows)
    while begun.intersection(client.query(running).result_rows):
        if time.monotonic() > until:
            raise GatewayError(f"An insert has not ended for {_INSERT_S:.0f} s: rebuild {name} again when it has.")
        time.sleep(_LOOK_S)


def _fill(settings: Settings, client: Client, name: str, topic: str, ends: dict[tuple[str, int], int]) -> int:
    """Stores in the draft what the topic holds up to `ends`; how many rows."""
    batch: list[bytes] = []
    count = 0
    for message in kafka.read_all(settings, topic):
        if message.offset() > ends.get((topic, message.partition()), -1):
            continue
        table, row = rows.row_of(message)
        if table == name:
            batch.append(row)
            count += 1
        if len(batch) >= _ROWS_MAX:
            warehouse.insert(client, name, batch, into=f"{name}__rebuild")
            batch = []
    if batch:
        warehouse.insert(client, name, batch, into=f"{name}__rebuild")
    return count
