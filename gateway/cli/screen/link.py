"""How things stand between us and the gateway, and between the gateway and Kafka: the lamp. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from rich.text import Text

from gateway.cli.screen.words import clock

SILENT_S = 3.0
"""The board comes each second: after so long without one the connection is taken for lost."""

STALE_US = 5_000_000


class Now(NamedTuple):
    s: float
    """Of the monotonic clock, for what lasts."""
    us: int
    """UTC by this machine, for what is told."""


@dataclass(slots=True)
class Link:
    where: str
    who: str
    heard_at: float | None = None
    """When something came last [s, monotonic]; null: nothing has come yet."""
    answers: bool = False
    """Whether the gateway answered when it was asked last, apart from live progress."""
    caught_up: bool = True
    as_of: int = 0
    """Up to when the gateway knows everything [µs, its clock]."""
    stale_since: int | None = None
    """Since when the gateway says that it has lost Kafka [µs, its clock]; null: it has not."""

    def lamp(self, now: Now, skew_us: int = 0) -> Text:
        """In a few words, whether what is shown is so now. `skew_us`: how much the gateway's clock is ahead."""
        if self.heard_at is None:
            more = ": the gateway answers, live progress is still to come" if self.answers else ""
            return Text(f"◌ connecting{more}", "yellow")
        silent_s = now.s - self.heard_at
        if silent_s > SILENT_S:
            return Text(f"◌ reconnecting, as of {clock(now.us - round(1_000_000 * silent_s))}", "yellow")
        if not self.caught_up:
            return Text("◐ catching up", "yellow")
        stale_since = self.stale_since
        if stale_since is None and self.as_of and now.us + skew_us - self.as_of > STALE_US:
            stale_since = self.as_of
        if stale_since is not None:
            return Text(f"▲ stale since {clock(stale_since)}: the gateway hears nothing of Kafka", "red")
        return Text("● live", "green")
