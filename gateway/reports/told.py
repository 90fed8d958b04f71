"""What the report of an experiment tells: its plan, what was found, and what happened to it. `as_json` is all of it."""

import json
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from processors.experiments.story import Story
from processors.experiments.verdict import LEAST, units_min


@dataclass(frozen=True)
class Told:
    name: str
    question: str
    parameter: str
    """Setting of the line that differs between the arms."""
    arms: dict[str, str]
    """Value of the parameter by arm."""
    split: dict[str, float]
    """Planned share by arm."""
    unit: str
    layer: str
    status: str
    started_at: int | None
    ended_at: int | None
    range_from: int
    range_to: int
    """The data that the verdict rests on [µs, UTC]"""
    data_hash: str
    """SHA-256 of those data."""
    story: Story | None
    """None: nothing can be said yet, and `why_none` tells why."""
    why_none: str | None
    funnel: dict[str, list[tuple[str, int]]]
    """By arm: stages with counts, from exposed to accepted at the first attempt."""
    history: list[tuple[int, str, str, str]]
    """When [µs, UTC], what changed, by whom, why."""
    next_step: str
    """One sentence with the command to type next."""


def data_of(told: Told) -> dict[str, Any]:
    """Everything, made of what JSON knows."""
    story = told.story
    fields = {name: value for name, value in vars(told).items() if name not in ("story", "funnel", "history")}
    return fields | {
        "verdict": story.report.verdict if story else None,
        "winner": story.report.winner if story else None,
        "report": _plain(asdict(story.report)) if story else None,
        "metrics": {name: asdict(metric) for name, metric in story.metrics.items()} if story else {},
        "units_min": _units_min(story) if story else {},
        "looks": [_plain(asdict(look)) for look in story.looks] if story else [],
        "distributions": {name: _plain(asdict(found)) for name, found in story.distributions.items()} if story else {},
        "funnel": {
            arm: [{"stage": stage, "count": count} for stage, count in found] for arm, found in told.funnel.items()
        },
        "history": [
            {"at": at, "change": change, "by": by, "reason": reason} for at, change, by, reason in told.history
        ],
    }


def _units_min(story: Story) -> dict[str, int]:
    """By metric: the units with a value that an interval takes in each arm to be worth reading."""
    least = LEAST[story.report.mode]
    return {name: units_min(metric, least) for name, metric in story.metrics.items()}


def as_json(told: Told) -> str:
    return json.dumps(data_of(told), ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Without what is no number to JSON: null stands for a bound that is not there."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
