"""Free ports in a row for a line of our own, so that a line that runs here already is not touched."""

import random
import socket

LOW, HIGH = 24_000, 26_000
"""Below the range from which the kernel takes ports for outgoing connections."""


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row."""
    chooser = random.Random()
    while True:
        first = chooser.randrange(LOW, HIGH - count)
        if all(_free(port) for port in range(first, first + count)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
