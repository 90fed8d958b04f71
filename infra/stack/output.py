"""Lines of all processes: to a bounded log file each, and to the terminal with the process's name before them."""

import logging
import re
import threading
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

FILE_BYTES_MAX = 5 * 1024 * 1024  # of one log file; two older ones are kept
FILES_KEPT = 2
TAIL_LINES = 15
# Codes that only a terminal understands; some libraries write them without one.
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURS = (36, 33, 32, 35, 34, 31)


class Output:
    """Where one process's lines go. `console` is shared by all, its lines never mix."""

    _lock = threading.Lock()

    def __init__(self, name: str, place: int, width: int, folder: Path, console: TextIO | None) -> None:
        """`place` chooses the colour; `width` is the longest name, to align the lines."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(
            folder / f"{name}.log", maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8"
        )
        self._console = console
        self._prefix = f"{name:<{width}} | "
        if console is not None and console.isatty():
            self._prefix = f"\x1b[{COLOURS[place % len(COLOURS)]}m{self._prefix}\x1b[0m"
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def line(self, text: str) -> None:
        text = TERMINAL_CODES.sub("", text)
        self.tail.append(text)
        self._file.handle(logging.makeLogRecord({"msg": text}))
        if self._console is None:
            return
        with self._lock:
            try:
                self._console.write(f"{self._prefix}{text}\n")
                self._console.flush()
            except (OSError, ValueError):  # the terminal is gone; the file has it all
                self._console = None

    def close(self) -> None:
        self._file.close()
