"""`headway logs`: what the processes of the line wrote, from their log files."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click

from gateway.cli.output import say
from gateway.errors import GatewayError
from gateway.nearest import did_you_mean
from infra import stack
from infra.settings import load_settings

POLL_S = 0.2


@click.command()
@click.argument("process", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on showing what is written, until Ctrl-C.")
@click.option("--lines", "-n", type=click.IntRange(min=0), default=20, show_default=True, help="Show the last ones.")
def logs(process: str | None, follow: bool, lines: int) -> None:
    """Show what a process of the line wrote; without PROCESS, what started, died and was started again.

    Example: headway logs dispatcher-0 --follow
    """
    folder = stack.logs(load_settings())
    file = folder / f"{process or 'stack'}.log"
    known = {path.stem for path in folder.glob("*.log")}
    if not file.is_file():
        named = process or "stack"
        listed = f"; there are {', '.join(sorted(known))}." if known else ": no line has run here yet."
        near = did_you_mean(named, known) if known else ""
        raise GatewayError(f"There is no log {file}{near if near.startswith(';') else listed}")
    tail = Tail(file, from_start=True)
    for line in deque(tail.new_lines(), lines):
        say(line)
    with suppress(KeyboardInterrupt):
        while follow:
            for line in tail.new_lines():
                say(line)
            time.sleep(POLL_S)


class Tail:
    """What is written to a file from now on, or from its start."""

    def __init__(self, file: Path, *, from_start: bool = False) -> None:
        self._file = file
        self._place = 0 if from_start else _size(file)

    def new_lines(self) -> Iterator[str]:
        """Whole lines only. A file that was begun anew is read from its start."""
        if _size(self._file) < self._place:
            self._place = 0
        with suppress(FileNotFoundError), self._file.open("rb") as opened:
            opened.seek(self._place)
            for line in opened:
                if not line.endswith(b"\n"):
                    break
                self._place += len(line)
                yield line.decode(errors="replace").rstrip("\n")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
