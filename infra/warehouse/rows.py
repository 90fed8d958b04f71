"""Records as ClickHouse reads them: an Avro file whose rows are the record's place and the event's body as it came.

Avro writes a record as its fields one after another, so a row is put together from bytes and nothing is encoded anew.
"""

import os
from collections.abc import Sequence

from confluent_kafka import Message

from infra.warehouse.tables import OTHER, by_event
from schemas.codec import BadMessage, body

_SYNC = os.urandom(16)


def row_of(message: Message) -> tuple[str, bytes]:
    """The table of a record and its row."""
    value = message.value()
    if value is None:
        return OTHER, set_aside(message, "deleted", "")
    try:
        event, fields = body(value)
    except BadMessage as error:
        return OTHER, set_aside(message, "unreadable", str(error))
    return by_event()[event], _place(message) + fields


def set_aside(message: Message, kind: str, reason: str) -> bytes:
    """A row of `other_record`."""
    fields = (kind.encode(), reason.encode(), message.value() or b"")
    return _place(message) + b"".join(map(_bytes, fields))


def file(schema: str, rows: Sequence[bytes]) -> bytes:
    """An Avro object container with one block."""
    about = {b"avro.schema": schema.encode(), b"avro.codec": b"null"}
    meta = b"".join(_bytes(text) for pair in about.items() for text in pair)
    block = b"".join(rows)
    head = b"".join((b"Obj\x01", _long(len(about)), meta, _long(0), _SYNC))
    return b"".join((head, _long(len(rows)), _long(len(block)), block, _SYNC))


def _place(message: Message) -> bytes:
    """The first fields of every row."""
    numbers = (message.partition(), message.offset(), message.timestamp()[1])
    return b"".join((_bytes(message.topic().encode()), *map(_long, numbers), _bytes(_utf8(message.key() or b""))))


def _utf8(key: bytes) -> bytes:
    """A key is text; what is not stays recognisable."""
    try:
        key.decode()
    except UnicodeDecodeError:
        return key.decode(errors="backslashreplace").encode()
    return key


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(value: int) -> bytes:
    """Zigzag, seven bits a byte."""
    rest = (value << 1) ^ (value >> 63)
    if rest < 0x80:
        return bytes((rest,))
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
