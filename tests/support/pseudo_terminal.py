"""A program on a terminal of its own: what it shows on it, and keys pressed on it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_HOME = b"\x1b[H"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class PseudoTerminal:
    def __init__(self, process: "subprocess.Popen[bytes]", master: int) -> None:
        self.process = process
        self._master = master
        self.written = b""
        """All that the program wrote."""

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        _set_size(self._master, width, height)
        self.process.send_signal(signal.SIGWINCH)

    def screen(self) -> list[str]:
        """The lines as they were drawn last."""
        drawn = self.written.split(_HOME)
        whole = drawn[-2] if len(drawn) > 2 else drawn[-1]  # the last may still be on its way
        return _CODES.sub("", whole.decode(errors="replace")).replace("\r", "").split("\n")

    def wait_for(self, text: str, timeout_s: float = 20.0) -> list[str]:
        """The screen once it has this text."""
        until = time.monotonic() + timeout_s
        while text not in "\n".join(self.screen()):
            assert time.monotonic() < until, f"{text!r} is not there:\n" + "\n".join(self.screen())
            assert self.read(), "it has ended:\n" + self.written.decode(errors="replace")
        return self.screen()

    def read(self) -> bool:
        """What there is to read within a moment; false once the program is gone."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return self.process.poll() is None
        try:
            found = os.read(self._master, 65_536)
        except OSError:
            return False
        self.written += found
        return bool(found)

    def wait_end(self, timeout_s: float = 10.0) -> int:
        until = time.monotonic() + timeout_s
        while self.read():
            assert time.monotonic() < until, "it has not ended"
        return self.process.wait(timeout_s)

    def echoes(self) -> bool:
        """Whether the terminal writes what is typed, as a shell wants it."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)


@contextmanager
def on_terminal(
    command: Sequence[str], env: Mapping[str, str], width: int = 80, height: int = 24
) -> Iterator[PseudoTerminal]:
    master, slave = pty.openpty()
    _set_size(slave, width, height)
    process = subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    try:
        yield PseudoTerminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def _set_size(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
