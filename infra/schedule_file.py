"""Schedules as Markdown files: front matter says when and how work is handed in again and again, the text below it is
the task."""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, cast, get_args

from infra.front_matter import BadFile, Field, Form, is_text, is_whole
from schemas.cron import BadTime, cron, every_s, zone
from schemas.events import MissedRuns, OverlappingRuns, Schedule

SHIPPED = Path(__file__).parent / "schedules"
"""None of them is enabled: nobody's line works, and pays, for what they did not ask for."""

MISSED = tuple(word for word in get_args(MissedRuns) if word != "unknown")
OVERLAP = tuple(word for word in get_args(OverlappingRuns) if word != "unknown")
SECONDS_MAX = 7 * 86_400
FAILURES_MAX = 10
_ESCALATE = ("after_failures", "priority", "agent")
_TIMES: Mapping[str, Callable[[str], object]] = {"timezone": zone, "cron": cron, "every": every_s}
_priority = is_whole(1, 10)


def _one_of(names: tuple[str, ...], default: str) -> Field:
    return Field(default, lambda value: value in names, f"one of {', '.join(names)}")


def _or_nothing(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _are_seconds(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and 0 < value <= SECONDS_MAX


def _escalates(value: Any) -> bool:
    """With what is done, and nothing that is not known."""
    if not isinstance(value, dict) or not set(value) <= set(_ESCALATE):
        return False
    priority, agent = value.get("priority"), value.get("agent")
    return (
        is_whole(1, FAILURES_MAX)(value.get("after_failures"))
        and (priority is not None or agent is not None)
        and (priority is None or _priority(priority))
        and (agent is None or is_text(agent))
    )


def _make(schedule: str, values: dict[str, Any], body: str) -> Schedule:
    if values["description"] is None:
        raise BadFile("`description` is missing: one sentence on what it is for", 1)
    if (values["cron"] is None) == (values["every"] is None):
        raise BadFile('give either `cron`, as "0 6 * * mon-fri", or `every`, as 15m', 1)
    if not body.strip():
        raise BadFile("there is no task: write what is to be done below the front matter", 1)
    for name, read in _TIMES.items():
        try:
            if values[name] is not None:
                read(values[name])
        except BadTime as error:
            raise BadFile(str(error), of=name) from None
    seconds = {name: None if values[name] is None else float(values[name]) for name in ("timeout_s", "deadline_s")}
    escalate = values["escalate"] and {name: values["escalate"].get(name) for name in _ESCALATE}
    made = {"schedule": schedule, **values, **seconds, "escalate": escalate, "text": body}
    return cast(Schedule, made | {"removed": False, "updated_at": 0})


FORM = Form(
    what="schedule",
    id=re.compile(r"[a-z0-9][a-z0-9_-]{0,62}"),
    id_accepted="1–63 of a–z, 0–9, _ and -",
    fields={
        "description": Field(None, is_text, "a sentence on what it is for"),
        "cron": Field(None, _or_nothing(is_text), 'five fields in quotes, as "0 6 * * mon-fri", or "@daily"'),
        "every": Field(None, _or_nothing(is_text), "a time from 10s to 1d, as 15m"),
        "timezone": Field("UTC", is_text, "UTC, or a name such as Europe/Berlin"),
        "missed": _one_of(MISSED, "last"),
        "overlap": _one_of(OVERLAP, "allow"),
        "enabled": Field(True, lambda value: isinstance(value, bool), "true or false"),
        "tenant": Field("default", is_text, "the tenant of its tasks"),
        "priority": Field(5, _priority, "1 (first) to 10 (last)"),
        "agent": Field(None, _or_nothing(is_text), "an agent's id; left out: the router chooses"),
        "skill": Field(None, _or_nothing(is_text), "a kind of work; left out: the router finds out"),
        "model": Field(None, _or_nothing(is_text), "a model; left out: the agent's"),
        "timeout_s": Field(None, _or_nothing(_are_seconds), f"seconds up to {SECONDS_MAX} that one attempt may run"),
        "deadline_s": Field(None, _or_nothing(_are_seconds), f"seconds up to {SECONDS_MAX} until it has to start"),
        "escalate": Field(
            None,
            _or_nothing(_escalates),
            f"{{after_failures: 1 to {FAILURES_MAX}}} with `priority` (1 to 10), `agent` or both",
        ),
    },
    make=_make,
    body="text",
)
