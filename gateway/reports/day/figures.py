"""The figures of a day, as the warehouse has them. SQL is in `sql/`, a file a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from gateway.asking import Asker
from processors.predicting.judging import ALARM, OVER

DAY_MS = 86_400_000
ROWS = 20
"""Agents, models, tenants and reasons of a report; the rest are few tasks."""
SLOWEST = 10


@dataclass(frozen=True)
class Totals:
    """What some time came to. Of times in milliseconds: median, 95 % and 99 %; None where there are none."""

    tasks: int
    """Tasks that ended, in whatever way; items are tasks too."""
    completed: int
    failed: int
    """Dead-lettered ones, too."""
    expired: int
    refused: int
    cancelled: int
    redone: int
    retried: int
    response_ms_mean: float | None
    """Of completed tasks, from handed in to ended."""
    response_ms: list[float] | None
    wait_ms_mean: float | None
    """From handed in to started."""
    wait_ms: list[float] | None
    cost_usd_micros: int
    tokens: int

    @property
    def accepted(self) -> int:
        """Without those that were refused or cancelled: what targets are held against."""
        return self.tasks - self.refused - self.cancelled

    @property
    def completion(self) -> float | None:
        return self.completed / self.accepted if self.accepted else None

    @property
    def errors(self) -> float | None:
        return self.failed / self.accepted if self.accepted else None


@dataclass(frozen=True)
class Group:
    """An agent, a model or a tenant. The name is empty where tasks had none: no agent got them, no model was used."""

    name: str
    tasks: int
    completed: int
    failed: int
    redone: int
    response_ms: list[float] | None
    """Median and 95 %."""
    wait_ms: list[float] | None
    cost_usd_micros: int
    tokens: int


@dataclass(frozen=True)
class Busy:
    """What one instance did on one host."""

    agent: str
    instance: str
    host: str
    attempts: int
    busy_ms: int


@dataclass(frozen=True)
class Slow:
    task_id: str
    status: str
    agent: str
    attempts: int
    redos: int
    response_us: int
    wait_us: int | None


@dataclass(frozen=True)
class Reason:
    who: str
    reason: str
    times: int


@dataclass(frozen=True)
class Weighed:
    """How much an agent is preferred, before the day and by what the day showed."""

    agent: str
    before: float
    weight: float
    applied: bool
    """False in a dry run."""
    reason: str


@dataclass(frozen=True)
class Preventive:
    """Predictions of a load whose hour is over; those made when it was there already are none."""

    alarms: int
    overloads: int
    """Predictions made before there was too much load, alarm or not."""
    foreseen: int
    """With both."""

    @property
    def came_true(self) -> float | None:
        return self.foreseen / self.alarms if self.alarms else None

    @property
    def seen_before(self) -> float | None:
        return self.foreseen / self.overloads if self.overloads else None


@dataclass(frozen=True)
class Day:
    day: date
    so_far: bool
    """Whether it is not over; then the days before are taken up to the same time."""
    until: int
    """[µs, UTC]"""
    totals: dict[date, Totals]
    """Of the day and of those of the seven before it that have tasks."""
    hours: dict[int, Totals]
    groups: dict[str, list[Group]] = field(default_factory=dict)
    """Under `agent`, `model` and `tenant`, those with the most tasks first."""
    busy: dict[date, list[Busy]] = field(default_factory=dict)
    slowest: list[Slow] = field(default_factory=list)
    reasons: dict[str, list[Reason]] = field(default_factory=dict)
    """Under `redo`, `failure` and `letter`, the most frequent first."""
    recovery_h: dict[date, float] = field(default_factory=dict)
    preventive: dict[date, Preventive] = field(default_factory=dict)
    weights: list[Weighed] = field(default_factory=list)
    """Of those whose weight is or was not 1; what moved most first. Reckoned when the day is over."""
    newest: date | None = None
    """Where the day has no tasks: the newest one before it that has."""

    @property
    def total(self) -> Totals | None:
        return self.totals.get(self.day)

    @property
    def before(self) -> date:
        return self.day - timedelta(days=1)

    def week(self, figures: Mapping[date, float | None]) -> float | None:
        """The mean of the seven days before, of those that have the figure."""
        days = (figures.get(self.day - timedelta(days=back)) for back in range(1, 8))
        found = [figure for figure in days if figure is not None]
        return fmean(found) if found else None


def read(asker: Asker, day: date, now: datetime) -> Day:
    """The day in UTC; today up to now."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = min(start + timedelta(days=1), now)
    span = {"start_ms": _ms(start), "end_ms": _ms(end)}
    so_far, until = end < start + timedelta(days=1), _ms(end) * 1000
    by_day = _by(_ask(asker, "totals", span), "day")
    totals, hours = {}, {}
    for on, rows in by_day.items():
        by_hour = {row.pop("hour"): Totals(**_spans(row)) for row in rows}
        totals[date.fromisoformat(on)] = by_hour.pop(-1)
        if on == day.isoformat():
            hours = by_hour
    if day not in totals:
        newest = _ask(asker, "newest", span)[0]
        known = date.fromisoformat(newest["day"]) if newest["any"] else None
        return Day(day, so_far, until, totals, {}, newest=known)
    groups, busy, reasons = _ask(asker, "groups", span), _ask(asker, "busy", span), _ask(asker, "reasons", span)
    return Day(
        day,
        so_far,
        until,
        totals,
        hours,
        {kind: [Group(**_spans(row)) for row in found] for kind, found in _by(groups, "kind").items()},
        {date.fromisoformat(on): [Busy(**row) for row in found] for on, found in _by(busy, "day").items()},
        [Slow(**row) for row in _ask(asker, "slowest", span, rows=SLOWEST)],
        {kind: [Reason(**row) for row in found] for kind, found in _by(reasons, "kind").items()},
        {date.fromisoformat(row["day"]): row["hours"] for row in _ask(asker, "recovery", span)},
        {
            date.fromisoformat(row.pop("day")): Preventive(**row)
            for row in _ask(asker, "preventive", {**span, "alarm": ALARM, "over": OVER})
        },
        [Weighed(**row) for row in _ask(asker, "weights", span)],
    )


def _ask(asker: Asker, name: str, span: Mapping[str, float], rows: int = ROWS) -> list[dict[str, Any]]:
    sql = (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    answer = asker.rows_of(sql, {**span, "rows": rows} if "{rows:" in sql else span)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _by(rows: Sequence[dict[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.pop(name), []).append(row)
    return found


def _spans(row: dict[str, Any]) -> dict[str, Any]:
    """Quantiles of nothing are None."""
    for name in ("response_ms", "wait_ms"):
        values = row[name]
        row[name] = None if None in values or any(value != value for value in values) else values
    return row


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
