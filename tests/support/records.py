"""Records as a consumer hands them out, made without a broker."""

import time
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from schemas.codec import FOLDER, encode
from schemas.evolution import entries, schema_of


class Record:
    def __init__(self, topic: str, partition: int, offset: int, value: bytes | None, key: bytes = b"k") -> None:
        self._fields: dict[str, Any] = {"topic": topic, "partition": partition, "offset": offset}
        self._fields |= {"value": value, "key": key, "error": None, "timestamp": (1, time.time_ns() // 1_000_000)}

    def __getattr__(self, name: str) -> Any:
        if name not in self._fields:
            raise AttributeError(name)
        return lambda: self._fields[name]


def decided(offset: int, task_id: str = "t", partition: int = 0) -> Record:
    """A record of the smallest event there is."""
    value = encode("TaskDecided", {"task_id": task_id, "at": 1_790_000_000_000_000})
    return Record("routing.log", partition, offset, value)


def as_version(event: str, version: int, value: dict[str, Any]) -> bytes:
    """A message as a service wrote it that knew this version."""
    entry = next(entry for entry in entries(FOLDER) if (entry.event, entry.version) == (event, version))
    body = BytesIO()
    schemaless_writer(body, parse_schema(schema_of(FOLDER, entry), {}), value)
    return b"\x00" + entry.id.to_bytes(4, "big") + body.getvalue()
