"""A real warehouse for tests, on free ports, with rows made as the sink makes them."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra import warehouse
from infra.settings import Settings
from infra.stack import warehouse_server
from infra.warehouse import rollups, rows
from schemas.codec import FOLDER, encode
from schemas.examples import examples
from schemas.topics import TOPICS
from tests.support.records import Record
from tests.support.running import running_part, settings_in


@contextmanager
def running_warehouse(folder: Path) -> Iterator[Settings]:
    """With every table and view, and no row."""
    settings = settings_in(folder)
    with running_part(warehouse_server.prepare(settings), folder / "log"):
        warehouse.furnish(settings)
        yield settings


def store(settings: Settings, events: Iterable[tuple[str, dict[str, Any]]], topic: str | None = None) -> None:
    """Each event (its name, its fields) as one row, in this order; in `topic`, else the first that carries it."""
    made: dict[str, list[bytes]] = {}
    for offset, (event, fields) in enumerate(events):
        into = topic or next(t.name for t in TOPICS.values() if event in t.events)
        table, row = rows.row_of(Record(into, 0, offset, encode(event, fields)))
        made.setdefault(table, []).append(row)
    with warehouse.client(settings) as client:
        for table, its in made.items():
            warehouse.insert(client, table, its)
            if table in rollups.feeds():
                rollups.take_over_history(client, table)


def every_example() -> list[tuple[str, dict[str, Any]]]:
    """The examples of the newest version of every event."""
    newest = {entry["event"]: entry for entry in json.loads((FOLDER / "registry.json").read_text())["schemas"]}
    return [(event, e) for event, entry in newest.items() for e in examples(entry["folder"], entry["version"])]
