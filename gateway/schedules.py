"""Schedules as people want to see and lead them: when the next run is, how the last ended, pausing, running one now."""

import re
from collections.abc import Mapping
from typing import Any

from gateway import defining
from gateway.errors import GatewayError
from gateway.sending import now_us
from infra import schedules
from infra.definitions import SCHEDULE
from infra.front_matter import BadFile
from infra.schedules import Runs
from infra.settings import Settings
from processors.scheduling.due import after, in_words, when
from processors.scheduling.machine import look
from schemas.cron import BadTime
from schemas.events import Schedule, ScheduleRuns

_ENABLED = re.compile(r"^enabled[ \t]*:.*$", re.MULTILINE)


def next_due(schedule: Schedule, now: int) -> int | None:
    """Null: it is paused, or there is none."""
    try:
        return after(when(schedule), now) if schedule["enabled"] else None
    except BadTime:
        return None


def shown(schedule: Schedule, kept: ScheduleRuns | None, now: int) -> dict[str, Any]:
    """A schedule with what became of it, newest run first."""
    return {
        "definition": schedule,
        "when": in_words(schedule),
        "next_due_at": next_due(schedule, now),
        "passed_over": kept["passed_over"] if kept else 0,
        "runs": kept["runs"][::-1] if kept else [],
    }


def switched(markdown: str, enabled: bool) -> str:
    """The text of its file, with that it runs or not."""
    front, end, body = markdown.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n---")
    said = f"enabled: {str(enabled).lower()}"
    return (_ENABLED.sub(said, front, count=1) if _ENABLED.search(front) else f"{front}\n{said}") + end + body


def switch(settings: Settings, published: Schedule, enabled: bool) -> None:
    """Pauses or resumes one. Of one that is shipped a copy of one's own is made."""
    text = switched(defining.file_text(SCHEDULE, settings, published), enabled)
    try:
        defining.checked(SCHEDULE, published["schedule"], text)
    except BadFile:  # its front matter is in braces, as is made of fields that are all plain: it is written anew
        text = defining.markdown_of(SCHEDULE, {**published, "enabled": enabled})
    defining.define(SCHEDULE, settings, published, published["schedule"], text)


def run_now(settings: Settings, name: str, by: str) -> str:
    """Hands in a run besides those that are due; the id of its task."""

    def make(defined: Mapping[str, Schedule], kept: Mapping[str, ScheduleRuns]) -> Runs:
        schedule = defined.get(name)
        if schedule is None or schedule["removed"]:
            raise GatewayError(f"There is no schedule {name}; `headway schedules` lists them.")
        try:
            record, tasks = look(schedule, kept.get(name), {}, now_us(), by)
        except BadTime as error:
            raise GatewayError(f"{name} cannot be run: {error}; `headway schedules edit {name}` mends it.") from error
        return Runs([record] if record else [], tasks)

    return schedules.run(settings, make).tasks[-1]["task_id"]
