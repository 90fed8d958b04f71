"""The whole terminal as a screen that is drawn anew in place, and the keys that are pressed on it."""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

REFRESH_S = 0.25
LEAVE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SEQUENCES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[Z": "back tab",
    "\x1b": "esc",
    "\t": "tab",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "esc",
}
_LONGEST = max(map(len, _SEQUENCES))


class Screen(Protocol):
    def lines(self, width: int, height: int) -> Sequence[Text]:
        """What is to be seen now: `height` lines of `width`."""

    def press(self, key: str) -> bool:
        """Does what a key asks for; true when the person leaves."""


async def show(screen: Screen, work: Coroutine[Any, Any, None]) -> None:
    """Shows the screen until somebody leaves it or a signal comes; what goes wrong in `work` is raised."""
    loop, wake, left = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def leave() -> None:
        left.set()
        wake.set()

    def typed() -> None:
        for key in keys_of(os.read(sys.stdin.fileno(), 1024).decode(errors="ignore")):
            if screen.press(key):
                left.set()
        wake.set()

    working = asyncio.ensure_future(work)
    working.add_done_callback(lambda _: wake.set())
    with ExitStack() as stack:
        shown = stack.enter_context(_Shown())
        for number in LEAVE:
            loop.add_signal_handler(number, leave)
        loop.add_signal_handler(signal.SIGWINCH, wake.set)
        loop.add_signal_handler(signal.SIGTSTP, shown.suspend)
        if sys.stdin.isatty():
            loop.add_reader(sys.stdin.fileno(), typed)
            stack.callback(loop.remove_reader, sys.stdin.fileno())
        while not left.is_set() and not working.done():
            shown.draw(screen)
            wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), REFRESH_S)
    await _ended(working)


async def _ended(working: asyncio.Future[None]) -> None:
    if not working.done():
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


class _Shown:
    """The terminal's other screen, as long as it is shown: what was there before comes back."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._last: tuple[int, int, list[Text]] | None = None

    def __enter__(self) -> "_Shown":
        self._stack = ExitStack()
        self._stack.enter_context(_silent_keys())
        self._live = self._stack.enter_context(
            Live(console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        )
        self._last = None
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def draw(self, screen: Screen) -> None:
        """Writes nothing when nothing has changed."""
        width, height = self._console.size
        now = (width, height, list(screen.lines(width, height)))
        if now != self._last:
            self._last = now
            self._live.update(Group(*now[2]), refresh=True)

    def suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal as it was, and `fg` brings the screen back."""
        self.__exit__()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.__enter__()


@contextmanager
def _silent_keys() -> Iterator[None]:
    """Keys come at once, and are not written where they are pressed. Ctrl-C stays Ctrl-C."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def keys_of(typed: str) -> Iterator[str]:
    """The keys by name; letters are their own. A sequence that we do not know is passed over."""
    while typed:
        for length in range(min(_LONGEST, len(typed)), 0, -1):
            if typed[:length] in _SEQUENCES and (length > 1 or typed[0] != "\x1b" or len(typed) == 1):
                yield _SEQUENCES[typed[:length]]
                break
        else:
            length = 1
            if typed[0] == "\x1b":
                length = _unknown(typed)
            elif typed[0].isprintable():
                yield typed[0]
        typed = typed[length:]


def _unknown(typed: str) -> int:
    """Where a sequence ends that is none of ours: at its first letter or ~ after the bracket."""
    for place, letter in enumerate(typed[2:], 2):
        if letter.isalpha() or letter == "~":
            return place + 1
    return len(typed)
