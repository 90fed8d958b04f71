"""Records made of the schemas' own examples."""

import re
from itertools import count
from typing import Any

from gateway.record import Record
from schemas.examples import examples

_offsets = count()


def example(name: str, index: int = 0, **over: Any) -> dict[str, Any]:
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return examples(folder, 1)[index] | over


def record(name: str, index: int = 0, **over: Any) -> Record:
    return Record("a.topic", 0, next(_offsets), name, example(name, index, **over))
