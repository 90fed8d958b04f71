"""A report for a terminal. What a page draws is drawn here with letters."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text as Styled

from gateway.reports.document import (
    Band,
    Bars,
    Block,
    Chart,
    Course,
    Document,
    Facts,
    Intervals,
    Points,
    Table,
    Tone,
)
from gateway.reports.document import Text as Said
from gateway.reports.plain import plain

STYLES = {"good": "green", "bad": "red", "unsure": "yellow", "plain": ""}
BAR = 28
"""Letters of a drawn interval."""
LOOKS_MAX = 6
"""Lines of a drawn course of looks: some of them, the last among them."""
SHORT = 24
"""A column whose texts are no longer is not broken."""
GAP = 2
Line = tuple[Tone, str]
BLOCKS = " ▁▂▃▄▅▆▇█"


def text(document: Document, *, width: int = 100, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    )
    console.print(Styled(plain(document.title), "bold"))
    console.print(Styled(plain(" · ".join(document.about)), "dim"))
    console.print()
    console.print(Styled(plain(document.conclusion.text), f"bold {STYLES[document.conclusion.tone]}"))
    if document.to_do:
        console.print(Styled(plain(document.to_do)))
    for section in document.sections:
        console.print()
        console.print(Styled(plain(section.title), "bold"))
        for block in section.blocks:
            _show(block, console)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _show(block: Block, console: Console) -> None:
    if isinstance(block, Said):
        console.print(Styled(plain(block.text), STYLES[block.tone]))
    elif isinstance(block, Points):
        for item in block.items:
            _pair(console, "-", item)
    elif isinstance(block, Facts):
        _grid(console, Table(["", ""], block.pairs), heads=False)
    elif isinstance(block, Table):
        _grid(console, block)
    else:
        _chart(block, console)


def _pair(console: Console, head: str, what: str) -> None:
    grid = Grid.grid(padding=(0, 1))
    grid.add_row(head, Styled(plain(what)))
    console.print(grid)


def _grid(console: Console, table: Table, *, heads: bool = True) -> None:
    """No number and no short text is cut or broken: where there is no room, lines are longer than the terminal."""
    grid = Grid(box=None, pad_edge=False, header_style="bold", show_header=heads, padding=(0, GAP, 0, 0))
    needed = GAP
    for i, column in enumerate(table.columns):
        longest = max(cell_len(plain(text or "–")) for text in (column, *(row[i] for row in table.rows)))
        right = column in table.right
        short = right or longest <= SHORT
        grid.add_column(Styled(plain(column)), justify="right" if right else "left", no_wrap=short, overflow="fold")
        needed += GAP + (longest if short else SHORT)
    tones = table.tones or ["plain"] * len(table.rows)
    for row, tone in zip(table.rows, tones, strict=True):
        grid.add_row(*(Styled("–" if value is None else plain(value)) for value in row), style=STYLES[tone])
    room, console.width = console.width, max(console.width, needed)
    console.print(grid)
    console.width = room


def _chart(chart: Chart, console: Console) -> None:
    console.print(Styled.assemble((plain(chart.title), "italic"), (f": {plain(chart.about)}", "dim")))
    drawn = chart.drawn
    if isinstance(drawn, Intervals):
        lines = _intervals(drawn)
    elif isinstance(drawn, Band):
        lines = _band(drawn)
    elif isinstance(drawn, Course):
        lines = _course(drawn)
    elif isinstance(drawn, Bars):
        lines = _bars(drawn)
    else:
        lines = []
        _grid(console, chart.table or Table([], []))
    for tone, line in lines:
        console.print(Styled(line, STYLES[tone]))


def interval(low: float, value: float, high: float, extent: tuple[float, float], width: int = BAR) -> str:
    """`├──●───┤` on a scale with zero as `│`."""

    def place(x: float) -> int:
        share = (x - extent[0]) / ((extent[1] - extent[0]) or 1)
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    letters = [" "] * width
    letters[place(low) : place(high) + 1] = "─" * (place(high) - place(low) + 1)
    if extent[0] <= 0 <= extent[1]:
        letters[place(0)] = "┼" if low <= 0 <= high else "│"
    for at, letter in ((place(low), "├"), (place(high), "┤"), (place(value), "●")):
        letters[at] = letter
    return "".join(letters)


def _intervals(drawn: Intervals) -> list[Line]:
    bounds = [0.0, *(bound for line in drawn.lines for bound in line.span)]
    extent, room = (min(bounds), max(bounds)), max(len(plain(line.name)) for line in drawn.lines)
    found: list[Line] = []
    for line in drawn.lines:
        bar = interval(line.span[0], line.value, line.span[1], extent)
        found.append((line.tone, f"{plain(line.name):<{room}}  {bar}  {plain(line.written)}"))
    return found


def _band(drawn: Band) -> list[Line]:
    step = max(1, -(-len(drawn.times) // LOOKS_MAX))
    chosen = list(range(len(drawn.times) - 1, -1, -step))[::-1]
    written = [drawn.write(value) for value in drawn.values]
    room = max(len(written[i]) for i in chosen)
    found: list[Line] = []
    for i in chosen:
        bar = interval(drawn.spans[i][0], drawn.values[i], drawn.spans[i][1], drawn.extent)
        at = datetime.fromtimestamp(drawn.times[i] / 1e6, UTC)
        found.append(("plain", f"{at:%m-%d %H:%M}  {bar}  {written[i]:>{room}}"))
    return found


def _course(drawn: Course) -> list[Line]:
    room = max(len(plain(name)) for name in drawn.series)
    ends = f"{plain(drawn.labels[0])} to {plain(drawn.labels[-1])}"
    found: list[Line] = []
    for name, amounts in drawn.series.items():
        most = drawn.write(max(amount or 0 for amount in amounts))
        found.append(("plain", f"{plain(name):<{room}}  {sparkline(amounts)}  {ends}, most {most}"))
    return found


def _bars(drawn: Bars) -> list[Line]:
    """A line a bar, under its group; where there is one series, beside it."""
    several = len(drawn.series) > 1
    most = max(amount or 0 for amounts in drawn.series.values() for amount in amounts) or 1
    room = max(len(plain(name)) for name in (drawn.series if several else drawn.groups))
    found: list[Line] = []
    for g, group in enumerate(drawn.groups):
        if several:
            found.append(("plain", plain(group)))
        for name, amounts in drawn.series.items():
            amount = amounts[g]
            written = drawn.notes[name][g] if name in drawn.notes else "–" if amount is None else drawn.write(amount)
            bar = "█" * round((amount or 0) / most * BAR)
            head = f"  {plain(name):<{room}}" if several else f"{plain(group):<{room}}"
            found.append(("plain", f"{head}  {bar:<{BAR}}  {plain(written)}"))
    return found


def sparkline(amounts: Sequence[float | None]) -> str:
    """A letter an amount, as high as it is beside the highest; none for what is not there."""
    most = max((amount or 0 for amount in amounts), default=0) or 1
    return "".join(
        " " if amount is None else BLOCKS[max(1, round(amount / most * 8))] if amount else BLOCKS[1]
        for amount in amounts
    )
