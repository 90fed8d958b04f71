"""A load to forecast: a table of times and values in CSV, or what the line completed. Bounded; errors name the line."""

import csv
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import NamedTuple, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from gateway.asking import Asker
from gateway.errors import BadInput, GatewayError
from gateway.units import duration
from infra.warehouse.questions import questions

BYTES_MAX = 200_000_000
ROWS_MAX = 2_000_000
STDIN = Path("-")
MISSING = {"", "na", "n/a", "nan", "null", "none", "#n/a"}
HISTORY_HOURS = 168
"""What is looked at of the line's own past: a week."""

_MS_FROM, _US_FROM = 1e11, 1e14
"""Numbers from here on are milliseconds or microseconds: as seconds they would be the year 5138 and later."""
_DATE = re.compile(r"(19|20)\d{6}")
"""20260504 is a day, and as seconds a morning of 1970."""
_EXAMPLE = "write it as 2026-05-04T09:00:00Z, or as seconds or milliseconds since 1970"


class Loads(NamedTuple):
    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    offsets_s: NDArray[np.int64]
    """Of each row's wall clock from UTC."""
    zoneless: bool
    """Whether times without a zone were read as UTC."""


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f'"{name}" is no time zone: name one as in --timezone Europe/Berlin.') from None


def read_loads(path: Path, *, time: str, value: str, zone: ZoneInfo | None) -> Loads:
    """The columns `time` and `value` of a CSV; times that name no zone are of `zone`, else of UTC. `-` is stdin."""
    moments: list[float] = []
    values: list[float] = []
    offsets: list[int] = []
    clock = _Clock(zone)
    for line, moment, number in _cells(path, time, value):
        at, ahead = clock.read(moment.strip(), line)
        moments.append(at)
        offsets.append(ahead)
        values.append(_number(number.strip(), value, line))
        if len(values) > ROWS_MAX:
            raise BadInput(
                f"{_named(path)} has more than {ROWS_MAX:,} rows: leave out older ones, or put them in wider steps."
            )
    if not values:
        raise BadInput(f"{_named(path)} has no rows below its head: it needs a time and a value in each.")
    return Loads(np.array(moments), np.array(values), np.array(offsets, dtype=np.int64), clock.zoneless)


def own_loads(asker: Asker, step_s: int) -> tuple[Loads, int]:
    """Tasks completed by the line in each step of the last week that is over, and when the last such step ended."""
    question = questions()["pace_over_time"]
    # Whole steps only: the window cuts the first, and the last still goes on.
    found = asker.rows_of(
        f"SELECT toUnixTimestamp(from_time) AS at, completed, toUnixTimestamp(now()) AS now FROM ({question.sql}) "
        "WHERE from_time >= now() - toIntervalHour({hours:UInt32}) "
        "AND from_time <= now() - toIntervalSecond({step_s:UInt32}) ORDER BY at",
        {"hours": HISTORY_HOURS, "step_s": step_s},
    ).rows
    if len(found) < 2:
        few = f"finished tasks in one step of {duration(step_s * 1_000_000)} alone" if found else "no finished task"
        raise GatewayError(
            f"The line has {few} of the last 7 days to forecast from. Let it work for some hours, or name a table: "
            "headway fleet forecast FILE.csv"
        )
    times = np.array([row[0] for row in found], dtype=np.float64)
    counts = np.array([row[1] for row in found], dtype=np.float64)
    now = int(found[0][2])
    return Loads(times, counts, np.zeros(len(found), dtype=np.int64), False), now - now % step_s


def _cells(path: Path, time: str, value: str) -> Iterator[tuple[int, str, str]]:
    """Line number, time and value of each row."""
    of = _named(path)
    try:
        with _opened(path) as file:
            head = file.readline()
            if not head.strip():
                raise BadInput(f"{of} is empty: it needs the head {time},{value} and a row for each time.")
            mark = max(",;\t", key=head.count)
            names = [name.strip() for name in next(csv.reader([head], delimiter=mark))]
            places = [_place(of, names, name, option) for name, option in ((time, "--time"), (value, "--value"))]
            rows = csv.reader(file, delimiter=mark)
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) <= max(places):
                    raise BadInput(
                        f"Line {rows.line_num + 1} of {of} has {len(row)} of {len(names)} columns: complete it."
                    )
                yield rows.line_num + 1, row[places[0]], row[places[1]]
    except OSError as error:
        raise BadInput(f"{of} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{of} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise BadInput(f"{of} is no CSV that can be read: {error}.") from error


def _opened(path: Path) -> TextIO:
    if path == STDIN:
        content = sys.stdin.buffer.read(BYTES_MAX + 1)
    else:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise BadInput(f"{_named(path)} is larger than {BYTES_MAX // 1_000_000} MB: leave out older rows.")
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")


def _named(path: Path) -> str:
    return "stdin" if path == STDIN else str(path)


def _place(of: str, names: list[str], name: str, option: str) -> int:
    if names.count(name) == 1:
        return names.index(name)
    if name in names:
        raise BadInput(f'{of} has several columns named "{name}": rename them.')
    raise BadInput(f'{of} has no column "{name}" ({option}). Its columns are: {", ".join(names)}.')


def _number(text: str, column: str, line: int) -> float:
    if text.lower() in MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        number = float("inf")
    if not isfinite(number):
        raise BadInput(f'Line {line}: "{text}" in column {column} is no number. Correct it, or leave it empty.')
    return number


class _Clock:
    """Reads times, each as seconds since 1970 with the offset of its zone."""

    def __init__(self, zone: ZoneInfo | None) -> None:
        self._zone = zone
        self._twice: set[datetime] = set()
        self._kind: str | None = None
        self.zoneless = False

    def read(self, text: str, line: int) -> tuple[float, int]:
        moment = self._epoch(text)
        if moment is not None:
            self._same(line, "numbers")
            return moment, 0
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise BadInput(f'Line {line}: "{text}" is no time: {_EXAMPLE}.') from None
        self._same(line, "times without a zone" if at.tzinfo is None else "times with a zone")
        if at.tzinfo is None:
            at = self._placed(at)
        try:
            ahead = at.utcoffset() or timedelta()
            return at.timestamp(), int(ahead.total_seconds())
        except (OverflowError, ValueError):
            raise BadInput(f'Line {line}: "{text}" is no time: {_EXAMPLE}.') from None

    def _epoch(self, text: str) -> float | None:
        try:
            number = float(text)
        except ValueError:
            return None
        if not abs(number) <= 1e17 or _DATE.fullmatch(text):
            return None
        return number / (1e6 if abs(number) >= _US_FROM else 1e3 if abs(number) >= _MS_FROM else 1)

    def _same(self, line: int, kind: str) -> None:
        if self._kind not in (None, kind):
            raise BadInput(f"Line {line}: {kind} stand among {self._kind}. Write all times in one way.")
        self._kind = kind

    def _placed(self, at: datetime) -> datetime:
        """In the zone given. The hour that a clock set back tells twice is the later one when it comes again."""
        if self._zone is None:
            self.zoneless = True
            return at.replace(tzinfo=UTC)
        placed = at.replace(tzinfo=self._zone)
        later = placed.replace(fold=1)
        if placed.utcoffset() <= later.utcoffset():  # type: ignore[operator]  # a ZoneInfo always has one
            return placed
        if at in self._twice:
            return later
        self._twice.add(at)
        return placed
