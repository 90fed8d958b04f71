"""One event as it lies on its topic."""

from typing import Any, NamedTuple


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    name: str
    """Name of the event, e.g. `TaskOutcome`."""
    event: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"
