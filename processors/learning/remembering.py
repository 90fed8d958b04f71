"""What was worked out of options is kept for the next task: a registry changes far less often than tasks come, and
those of a kind come with the same options."""

from collections.abc import Callable

from processors.learning.model import Options
from processors.learning.stored import Floats

KEPT = 64
"""Sets of options: the agents of a kind of work are one each."""


class OfOptions:
    """By the very objects: who asks with other vectors of the same agents gets theirs."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Options, Floats]] = {}

    def of(self, options: Options, make: Callable[[Options], Floats]) -> Floats:
        """What `make` makes of their ids and vectors; of their features it must not depend."""
        key = (id(options.ids), id(options.vectors))
        found = self._known.get(key)
        if found is not None:
            return found[1]
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[key] = options, make(options)  # with the options themselves, so that no others get their ids
        return self._known[key][1]
