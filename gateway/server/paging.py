"""Pages of a list that is in memory whole: the same two parameters and the same `next` wherever a list may grow."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, TypeVar

from gateway.server.declare import Call, Parameter
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, or_null, text, whole

LIMIT_MAX = 10_000
"""Of a page, and of one that nobody limits: whoever has fewer gets all at once."""

R = TypeVar("R")

NEXT: Schema = or_null(text("The cursor of the next page; null at the end."))
CURSOR = Parameter("cursor", "query", text("The `next` of the page before.", maxLength=1000))


def paged(default: int = LIMIT_MAX, maximum: int = LIMIT_MAX) -> list[Parameter]:
    """The parameters of a list."""
    return [CURSOR, Parameter("limit", "query", whole("At most so many.", minimum=1, maximum=maximum, default=default))]


def page(call: Call, rows: Sequence[R], key: str) -> tuple[list[R], str | None]:
    """The rows that are asked for, and the cursor of the next ones. `key`: the field that names a row."""
    return page_of(rows, key, call.given["cursor"], call.given["limit"])


def page_of(rows: Sequence[R], key: str, cursor: str | None, limit: int) -> tuple[list[R], str | None]:
    """The cursor names the last row that was told, so that what comes and goes before it moves nothing; where that row
    is gone itself, its place counts.
    """
    start = 0
    if cursor is not None:
        place, name = _place_of(cursor)
        start = next((at + 1 for at, row in enumerate(rows) if _named(row, key) == name), place)
    shown = list(rows[start : start + limit])
    end = start + len(shown)
    return shown, _cursor_of(end - 1, _named(shown[-1], key)) if shown and end < len(rows) else None


def _named(row: Any, key: str) -> str:
    return str(row[key])


def _cursor_of(place: int, name: str) -> str:
    return urlsafe_b64encode(f"{place}.{name}".encode()).decode().rstrip("=")


def _place_of(cursor: str) -> tuple[int, str]:
    try:
        place, dot, name = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(".")
        if not dot or not place.isdecimal() or len(place) > 9:
            raise ValueError(cursor)
        return int(place), name
    except ValueError:
        raise Problem(400, "This cursor is none of ours; start without one.") from None
