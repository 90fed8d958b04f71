"""Events to bytes and back, in Confluent's wire format: a zero byte, the schema's 4-byte id, the Avro body.

Ids come from registry.json (append-only). Times stay whole microseconds; hostile bytes end in BadMessage.
"""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from struct import Struct
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

FOLDER = Path(__file__).parent
MESSAGE_BYTES_MAX = 1_000_000
"""The broker's own limit on a message, so nothing larger can be one of ours."""

_HEADER = Struct(">bI")


class BadMessage(ValueError):
    """The bytes are no message of ours; the text says what is wrong with them."""


def _plain_times(schema: Any) -> Any:
    """The same schema without logical types, so that times arrive as whole microseconds and cost nothing to read."""
    if isinstance(schema, dict):
        return {k: _plain_times(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [_plain_times(s) for s in schema]
    return schema


class Codec:
    """Encodes with the newest version of each event, decodes every version in the registry as the newest."""

    def __init__(self, folder: Path = FOLDER) -> None:
        entries = json.loads((folder / "registry.json").read_text(encoding="utf-8"))["schemas"]
        self._writers: dict[int, tuple[str, Any]] = {}
        self._newest: dict[str, tuple[int, Any]] = {}
        for entry in sorted(entries, key=lambda e: e["version"]):
            path = folder / "events" / entry["folder"] / f"{entry['version']}.avsc"
            schema = parse_schema(_plain_times(json.loads(path.read_text(encoding="utf-8"))), {})
            self._writers[entry["id"]] = (entry["event"], schema)
            self._newest[entry["event"]] = (entry["id"], schema)

    def encode(self, event: str, value: Mapping[str, Any]) -> bytes:
        schema_id, schema = self._newest[event]
        out = BytesIO()
        out.write(_HEADER.pack(0, schema_id))
        schemaless_writer(out, schema, value)
        return out.getvalue()

    def decode(self, data: bytes | None) -> tuple[str, dict[str, Any]]:
        """The event's name and its fields, read as the newest version."""
        if data is None or len(data) < 5:
            raise BadMessage("too short: a message starts with a zero byte and a 4-byte schema id")
        if len(data) > MESSAGE_BYTES_MAX:
            raise BadMessage(f"{len(data)} bytes: a message has at most {MESSAGE_BYTES_MAX}")
        magic, schema_id = _HEADER.unpack_from(data)
        if magic != 0:
            raise BadMessage(f"starts with byte {data[0]:#04x}, not 0x00: not Confluent wire format")
        if schema_id not in self._writers:
            raise BadMessage(f"schema id {schema_id} is not in schemas/registry.json")
        event, writer = self._writers[schema_id]
        newest = self._newest[event][1]
        body = BytesIO(data)
        body.seek(5)
        try:
            value: Any = schemaless_reader(body, writer, None if writer is newest else newest)
        except Exception as error:  # fastavro has no error of its own for broken bytes
            raise BadMessage(f"the body is no {event}: {type(error).__name__} {error}".strip()) from None
        if body.tell() != len(data):
            raise BadMessage(f"{len(data) - body.tell()} bytes too many after the {event}")
        return event, value

    def body(self, data: bytes | None) -> tuple[str, bytes]:
        """The event's name and its Avro body as the newest version writes it, checked as by `decode`."""
        event, value = self.decode(data)
        if data is not None and _HEADER.unpack_from(data)[1] == self._newest[event][0]:
            return event, data[5:]
        return event, self.encode(event, value)[5:]

    def decode_as(self, event: str, data: bytes | None) -> Any:
        """The fields, which are the TypedDict of that name; BadMessage when another event came."""
        found, value = self.decode(data)
        if found != event:
            raise BadMessage(f"holds a {found} where a {event} belongs")
        return value


_codec = Codec()
encode = _codec.encode
decode = _codec.decode
body = _codec.body
decode_as = _codec.decode_as
