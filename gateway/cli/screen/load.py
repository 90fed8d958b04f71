"""The agents by load, as text of any size. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.text import Text

from gateway.cli.screen.grid import Cell, Column, Size, bar, framed, grid, sides
from gateway.cli.screen.link import Link, Now
from gateway.cli.screen.words import clock, percent
from gateway.units import duration, money

BAR = 10
COST_S = 3_600
"""Cost is that of the tasks handed in within this time."""


class By(NamedTuple):
    """Something to sort by."""

    value: Callable[["Load"], Any]
    falls: bool = True
    """Whether the greatest is first by default."""


class Load(NamedTuple):
    agent_id: str
    instances_live: int
    instances: int
    waiting: int
    running: int
    slots: int
    load_score: float
    mean_response_ms: float
    error_rate: float
    completed: int
    failed: int
    cost_usd_micros: int
    cost_is_whole: bool
    """False: more tasks were handed in within the time than were looked at, so it costs at least this."""


_NONE = "No agent has told of itself yet."
_TOLD = Load._fields[:-2]
"""What the gateway says of an agent by these names."""

SORTS = {
    "load": By(lambda row: (row.load_score, row.running, row.waiting)),
    "agent": By(lambda row: row.agent_id, falls=False),
    "instances": By(lambda row: row.instances_live),
    "waiting": By(lambda row: (row.waiting, row.load_score)),
    "running": By(lambda row: (row.running, row.load_score)),
    "mean": By(lambda row: row.mean_response_ms),
    "errors": By(lambda row: row.error_rate),
    "done": By(lambda row: row.completed),
    "cost": By(lambda row: row.cost_usd_micros),
}

_COLUMNS = (
    Column("agent", 18),
    Column("inst.", 7, right=True),
    Column("waiting", 7, right=True),
    Column("running", 7, right=True),
    Column("", BAR, from_width=92),
    Column("load", 4, right=True),
    Column("mean run", 8, right=True),
    Column("errors", 6, right=True),
    Column("done", 9, right=True, from_width=103),
    Column("failed", 7, right=True, from_width=112),
    Column("cost 1 h", 9, right=True),
)


@dataclass(slots=True)
class Fleet:
    """The agents as they were told last."""

    rows: list[Load] = field(default_factory=list)


@dataclass(slots=True)
class Look:
    sort: str = "load"
    backwards: bool = False
    first: int = 0
    """Rows that were scrolled past."""


def loads(agents: Iterable[Mapping[str, Any]], tasks: Iterable[Mapping[str, Any]], *, all_tasks: bool) -> list[Load]:
    """Agents as the gateway lists them, with what their newest tasks have cost."""
    costs: dict[str, int] = {}
    for task in tasks:
        if task["agent_id"]:
            costs[task["agent_id"]] = costs.get(task["agent_id"], 0) + task["cost_usd_micros"]
    return [
        Load(
            **{name: row[name] for name in _TOLD},
            cost_usd_micros=costs.get(row["agent_id"], 0),
            cost_is_whole=all_tasks,
        )
        for row in agents
    ]


def ordered(rows: Sequence[Load], sort: str, backwards: bool = False) -> list[Load]:
    by = SORTS[sort]
    return sorted(sorted(rows, key=lambda row: row.agent_id), key=by.value, reverse=by.falls != backwards)


def draw(fleet: Fleet, link: Link, look: Look, size: Size, now: Now) -> list[Text]:
    """A screen of exactly this size."""
    where = Text(f"{link.who}  {link.where.removeprefix('http://')}  {clock(now.us)}", "dim")
    rows = ordered(fleet.rows, look.sort, look.backwards)
    room = max(0, size.height - 5)
    first = max(0, min(look.first, len(rows) - room))
    shown = rows[first : first + room]
    body = grid(_COLUMNS, [cells(row) for row in shown], size.width) if rows else [Text(_NONE, "dim")]
    falls = SORTS[look.sort].falls != look.backwards
    keys = f"q quit   ←→ sort: {look.sort}, {'greatest' if falls else 'least'} first   r reverse   ↑↓ scroll"
    more = f"{first + 1} to {first + len(shown)} of {len(rows)}" if len(rows) > room else ""
    foot = sides(Text(keys, "dim"), Text(more, "dim"), size.width)
    return framed([sides(link.lamp(now), where, size.width), totals(fleet.rows), Text(), *body], foot, size)


def totals(rows: Sequence[Load]) -> Text:
    live, target = sum(row.instances_live for row in rows), sum(row.instances for row in rows)
    told = f"{len(rows)} agents   instances {live}/{target}   waiting {sum(r.waiting for r in rows):,}"
    told += f"   running {sum(r.running for r in rows):,}/{sum(r.slots for r in rows):,}"
    cost = cost_said(sum(r.cost_usd_micros for r in rows), is_whole=all(r.cost_is_whole for r in rows))
    return Text(f"{told}   {cost} in 1 h")


def cells(row: Load) -> list[Cell]:
    lacks = row.instances_live < row.instances
    return [
        row.agent_id,
        Text(f"{row.instances_live}/{row.instances}", "red" if lacks else ""),
        Text(f"{row.waiting:,}", "yellow" if row.waiting > row.slots else ""),
        f"{row.running}/{row.slots}",
        bar(row.running / row.slots if row.slots else 0.0, BAR, warns=True),
        Text(f"{row.load_score:.0f}", "red" if row.load_score >= 90 else "yellow" if row.load_score >= 70 else ""),
        duration(1000 * row.mean_response_ms) if row.completed or row.failed else "-",
        Text(percent(row.error_rate), "red" if row.error_rate >= 0.2 else ""),
        f"{row.completed:,}",
        f"{row.failed:,}",
        cost_said(row.cost_usd_micros, is_whole=row.cost_is_whole),
    ]


def cost_said(usd_micros: int, *, is_whole: bool) -> str:
    """At least so much, where not all tasks were looked at; that it was at least nothing says nothing."""
    if is_whole:
        return money(usd_micros)
    return f"≥{money(usd_micros)}" if usd_micros else "-"
