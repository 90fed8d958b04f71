"""Records made of the schemas' own examples."""

import re
from itertools import count
from typing import Any

from gateway.record import Record
from schemas.examples import FOLDER, examples

_offsets = count()


def example(name: str, index: int = 0, **over: Any) -> dict[str, Any]:
    return newest_examples(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())[index] | over


def newest_examples(folder: str) -> list[dict[str, Any]]:
    """Of the newest version of an event."""
    return examples(folder, max(int(path.stem) for path in (FOLDER / "events" / folder).glob("*.avsc")))


def record(name: str, index: int = 0, **over: Any) -> Record:
    return Record("a.topic", 0, next(_offsets), name, example(name, index, **over))
