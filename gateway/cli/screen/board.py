"""The board of the whole line as text of any size: its health, tasks, sessions, agents; or one of them alone. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rich.text import Text

from gateway.cli.output import STATUS_STYLES, in_line
from gateway.cli.screen.grid import Cell, Column, Size, bar, framed, grid, sides
from gateway.cli.screen.link import Link, Now
from gateway.cli.screen.seen import Seen, Session, Task
from gateway.cli.screen.words import ID_CHARS, clock, line_of, percent
from gateway.client import Message
from gateway.units import duration, money

LISTS = ("tasks", "sessions", "agents")
BAR = 10
LEAST = 3
"""Rows that sessions and agents get when they have as many."""

_TASKS = (
    Column("task", ID_CHARS),
    Column("instance", 18),
    Column("doing", 16),
    Column("for", 9, right=True),
    Column("tenant", 10, from_width=120),
    Column("session", 18, from_width=100),
    Column("text", 0),
)
_SESSIONS = (
    Column("session", ID_CHARS + 20),
    Column("open", 6, right=True),
    Column("running", 7, right=True),
    Column("for", 9, right=True),
    Column("tenant", 10, from_width=100),
    Column("newest task", 0),
)
_AGENTS = (
    Column("agent", 18),
    Column("instances", 9, right=True),
    Column("running", 9, right=True),
    Column("", BAR, from_width=100),
    Column("waiting", 11, right=True),
    Column("oldest", 8, right=True, from_width=90),
    Column("mean run", 8, right=True),
    Column("errors", 6, right=True),
    Column("done", 9, right=True, from_width=108),
    Column("failed", 8, right=True, from_width=120),
)

_COLUMNS = {"tasks": _TASKS, "sessions": _SESSIONS, "agents": _AGENTS}
_NONE = {
    "tasks": 'No task is open: `headway submit "…"` hands one in.',
    "sessions": "None.",
    "agents": "No agent has told of itself yet.",
}

T = TypeVar("T")
Key = tuple[str, str | None, str]
"""What somebody looks at alone: its kind (one of LISTS), its tenant, its id."""


@dataclass(slots=True)
class Look:
    """What the person has chosen to see."""

    at: int = 0
    """The list that the keys move in, by its place in LISTS."""
    rows: dict[str, int] = field(default_factory=dict)
    alone: Key | None = None
    """What is looked at alone, event by event."""
    paused: bool = False


@dataclass(slots=True)
class Picture:
    lines: list[Text]
    keys: dict[str, list[Key]]
    """What each row of each list stands for."""


def draw(seen: Seen, link: Link, look: Look, size: Size, now: Now) -> Picture:
    """A screen of exactly this size."""
    width, height = size
    head = header(seen, link, width, now)
    room = max(0, height - len(head) - 2)
    keys: dict[str, list[Key]] = {}
    if look.alone is not None:
        body, told = _alone(seen, look.alone, room), "esc back   q quit"
    else:
        body, keys = _lists(seen, look, width, room, now.us + seen.skew_us)
        told = "q quit   tab next list   ↑↓ choose   enter look at it   space pause"
    foot = sides(Text(told, "dim"), Text("paused" if look.paused else "", "yellow"), width)
    return Picture(framed([*head, Text(), *body[:room]], foot, size), keys)


def header(seen: Seen, link: Link, width: int, now: Now) -> list[Text]:
    where = Text(f"{link.who}  {link.where.removeprefix('http://')}  {clock(now.us)}", "dim")
    first = sides(link.lamp(now, seen.skew_us), where, width)
    return [first] if seen.board is None else [first, *_figures(seen.board, seen, width)]


def _figures(board: Mapping[str, Any], seen: Seen, width: int) -> list[Text]:
    target = sum(seen.targets.values())
    instances = f"{board['instances']}/{target}" if target else str(board["instances"])
    queue = f"{board['waiting']:,}/{board['waiting_max']:,}"
    first = [
        ("instances ", instances, "red" if board["instances"] < target else ""),
        ("queue ", queue, _share_style(board["waiting"], board["waiting_max"])),
        ("running ", f"{board['running']}/{board['slots']}", ""),
        ("in ", f"{board['submitted_per_s']:.1f}/s", ""),
        ("out ", f"{board['ended_per_s']:.1f} tasks/s", "bold"),
        *_aim(board),
        ("mean of ", f"{board['window_s']} s", "dim"),
    ]
    waits = ", ".join(f"{name} {duration(1000 * ms)}" for name, ms in (board["wait_ms"] or {}).items())
    errors, machine = board["error_rate"], board["machine"]
    network = f"{machine['network_in_kb_per_s']:,.0f}/{machine['network_out_kb_per_s']:,.0f} KB/s"
    second = [
        ("wait ", waits or "-", ""),
        ("errors ", "-" if errors is None else f"{errors:.1%}".replace("%", " %"), "red" if errors else ""),
        ("today ", money(board["cost_usd_micros_today"]), ""),
        ("cpu ", f"{machine['cpu_percent']:.0f} %", _share_style(machine["cpu_percent"], 100)),
        ("mem ", f"{machine['memory_percent']:.0f} %", _share_style(machine["memory_percent"], 100)),
        ("net ", network, ""),
    ]
    return [_told(figures, width) for figures in (first, second, _zones(board, seen)) if figures]


def _aim(board: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What ends in a minute, of what is to end, where that is set."""
    aim = board.get("throughput_target_per_min")
    if aim is None:
        return []
    ended = round(60 * board["ended_per_s"])
    return [("target ", f"{ended:,} of {aim:,.10g}/min{' ✓' if ended >= aim else ''}", "green" if ended >= aim else "")]


def _zones(board: Mapping[str, Any], seen: Seen) -> list[tuple[str, str, str]]:
    live: Counter[str] = Counter()
    for host in board.get("workers", ()):
        live[host["zone"]] += host["instances"]
    return [
        (f"zone {zone} ", f"{live[zone]}/{wanted}", "red" if live[zone] < wanted else "")
        for zone, wanted in seen.zones.items()
    ]


def _told(figures: Sequence[tuple[str, str, str]], width: int) -> Text:
    """As many as have room, whole."""
    line = Text()
    for name, value, style in figures:
        more = Text.assemble("   " if line else "", (name, "dim"), (value, style))
        if line.cell_len + more.cell_len <= width:
            line.append(more)
    return line


def _share_style(part: float, whole: float) -> str:
    return "red" if whole and part >= 0.9 * whole else "yellow" if whole and part >= 0.7 * whole else ""


# --- the three lists


def _lists(seen: Seen, look: Look, width: int, room: int, now_us: int) -> tuple[list[Text], dict[str, list[Key]]]:
    tasks, sessions, pools = seen.tasks(), seen.sessions(), _busiest(seen)
    rows = max(0, room - 5)  # three heads, two blank lines between
    for_agents = min(max(1, len(pools)), max(LEAST, rows // 3))
    for_sessions = min(max(1, len(sessions)), max(LEAST, rows // 4))
    running = sum(task.runs for task in seen.open.values())
    told = {
        "tasks": f"{len(seen.open):,} open, {running:,} running",
        "sessions": f"{len(sessions):,} with open tasks",
        "agents": "",
    }
    body = [
        *_list(look, "tasks", tasks, max(0, rows - for_agents - for_sessions), width, told, lambda t: _task(t, now_us)),
        Text(),
        *_list(look, "sessions", sessions, for_sessions, width, told, lambda s: _session(s, now_us)),
        Text(),
        *_list(look, "agents", pools, for_agents, width, told, lambda p: _agent(p, seen)),
    ]
    keys: dict[str, list[Key]] = {
        "tasks": [("tasks", task.tenant_id, task.task_id) for task in tasks],
        "sessions": [("sessions", session.tenant_id, session.session_id) for session in sessions],
        "agents": [("agents", None, pool["agent_id"]) for pool in pools],
    }
    return body, keys


def _list(
    look: Look,
    name: str,
    items: Sequence[T],
    count: int,
    width: int,
    told: Mapping[str, str],
    cells_of: Callable[[T], list[Cell]],
) -> list[Text]:
    """The head and `count` rows, that on which the person is among them."""
    is_at = LISTS[look.at] == name
    chosen = min(look.rows.get(name, 0), len(items) - 1) if is_at else -1
    first = max(0, min(chosen - count + 1, len(items) - count))
    shown = [cells_of(item) for item in items[first : first + count]]
    head, *lines = grid(_COLUMNS[name], shown, width, chosen=chosen - first)
    lines = lines or [Text(_NONE[name], "dim")]
    return [_head(head, told[name], width, is_at=is_at), *lines, *[Text()] * (count - len(lines))]


def _head(line: Text, told: str, width: int, *, is_at: bool) -> Text:
    """The names of the columns, and at the right how many there are in all."""
    shown = Text(told, "dim")
    line = line.copy()
    line.truncate(max(0, width - shown.cell_len - 2))
    name = line.plain.split(" ")[0]
    line.stylize("bold cyan not dim" if is_at else "bold not dim", 0, len(name))
    return sides(line, shown, width)


def _task(task: Task, now_us: int) -> list[Cell]:
    cells: list[Cell] = [
        task.task_id[-ID_CHARS:],
        task.instance_id or task.agent_id,
        _doing(task),
        _lasts(task, now_us),
        task.tenant_id,
        task.session_id,
        _said(task),
    ]
    return cells if task.finished_at is None else [_dimmed(cell) for cell in cells]


def _doing(task: Task) -> Text:
    if task.finished_at is not None:
        return Text(task.state.replace("_", " "), STATUS_STYLES.get(task.state, ""))
    if task.runs and task.progress is not None:
        return bar(task.progress, BAR).append(f" {percent(task.progress):>5}")
    return Text(task.state, "yellow" if task.state == "waiting to retry" else "")


def _lasts(task: Task, now_us: int) -> str | None:
    """How long it runs; how long it waits; of one that has ended, how long it took in all."""
    since = task.started_at if task.runs and task.started_at else task.submitted_at
    return None if since is None else duration(max(0, (task.finished_at or now_us) - since))


def _said(task: Task) -> str:
    if task.finished_at is not None:
        return task.error or task.text
    return f"{task.text} · {task.message}" if task.message else task.text


def _dimmed(cell: Cell) -> Cell:
    return cell if isinstance(cell, Text) else Text("-" if cell is None else in_line(cell), "dim")


def _session(session: Session, now_us: int) -> list[Cell]:
    newest = session.newest
    return [
        session.session_id,
        f"{len(session.tasks):,}",
        f"{sum(task.runs for task in session.tasks):,}",
        duration(max(0, now_us - session.since)),
        session.tenant_id,
        newest.text,
    ]


def _busiest(seen: Seen) -> list[dict[str, Any]]:
    return sorted(seen.pools.values(), key=lambda pool: (-pool["waiting"], -pool["running"], pool["agent_id"]))


def _agent(pool: Mapping[str, Any], seen: Seen) -> list[Cell]:
    target = seen.targets.get(pool["agent_id"])
    instances = f"{pool['instances']}/{target}" if target else str(pool["instances"])
    lacks = "red" if target and pool["instances"] < target else ""
    return [
        pool["pool"],
        Text(instances, lacks),
        f"{pool['running']}/{pool['slots']}",
        bar(pool["running"] / pool["slots"] if pool["slots"] else 0.0, BAR, warns=True),
        Text(f"{pool['waiting']:,}/{pool['waiting_max']:,}", _share_style(pool["waiting"], pool["waiting_max"])),
        duration(1000 * pool["oldest_wait_ms"]) if pool["waiting"] else "",
        duration(1000 * pool["mean_response_ms"]) if pool["completed"] else "",
        Text(percent(pool["error_rate"]), "red" if pool["error_rate"] >= 0.2 else ""),
        f"{pool['completed']:,}",
        f"{pool['failed']:,}",
    ]


# --- one alone


def _alone(seen: Seen, key: Key, room: int) -> list[Text]:
    """What happened to it as far as this screen has seen it; the newest last."""
    kind, tenant, name = key
    title = Text.assemble((f"{kind.removesuffix('s')} ", "dim"), (in_line(name), "bold"))
    events = [line_of(m, with_task=kind != "tasks") for m in seen.events if _is_of(m, kind, tenant, name)]
    if not events:
        events = [Text("Nothing has happened to it since this screen was opened.", "dim")]
    return [title, *events[-max(0, room - 1) :]]


def _is_of(message: Message, kind: str, tenant: str | None, name: str) -> bool:
    if tenant not in (None, message.data["tenant_id"]):
        return False
    if kind == "agents":
        return message.data.get("agent_id") == name
    return name == (message.data["task_id"] if kind == "tasks" else message.session_id)
