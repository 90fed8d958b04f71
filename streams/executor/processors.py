"""How much of the machine's processors is in use, by this host and whatever else runs there."""

import psutil

_LEAST_S = 1.0
"""Between two looks: a shorter time says little."""


class Processors:
    def __init__(self, now_s: float) -> None:
        self.used: float | None = None
        """Share between the last two looks; null until there were two."""
        psutil.cpu_percent(None)
        self._looked_s = now_s

    def look(self, now_s: float) -> None:
        """To be called often; one too soon after another changes nothing."""
        if now_s - self._looked_s >= _LEAST_S:
            self._looked_s, self.used = now_s, psutil.cpu_percent(None) / 100
