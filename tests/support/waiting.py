"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout_s: float = 10.0, what: str | Callable[[], str] = "condition") -> T:
    """The first true value of `condition`. `what` was waited for is said where it did not come."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"{said} not met within {timeout_s} s; last value: {value!r}")
        time.sleep(0.02)
