"""The table of topics, read from topics.yaml. Whoever creates, documents or tests topics reads it here."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Topic:
    name: str
    description: str
    events: tuple[str, ...]
    key: str
    partitions: int | None
    """None: as many as the setting `partitions` says."""
    retention_ms: int | None
    """None: kept for ever (compacted)."""
    compacted: bool
    producers: tuple[str, ...]
    consumers: tuple[str, ...]


def _load() -> dict[str, Topic]:
    rows = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
    return {
        name: Topic(
            name=name,
            description=row["description"],
            events=tuple(row["events"]),
            key=row["key"],
            partitions=None if row["partitions"] == "line" else int(row["partitions"]),
            retention_ms=None if row["retention_days"] is None else row["retention_days"] * 86_400_000,
            compacted=row["compacted"],
            producers=tuple(row["producers"]),
            consumers=tuple(row["consumers"]),
        )
        for name, row in rows.items()
    }


TOPICS: dict[str, Topic] = _load()
