"""Which runs of a schedule are due, and the tasks they make, from what it has run and how that ended.

A due time becomes a task at most once: `through_at` of the record says up to where due times are done with, and whoever
looks writes it together with the tasks. The task's id follows from schedule and due time, so that even a task that were
handed in twice would be one.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from processors.scheduling.due import in_words, newest, when
from schemas.cron import zone
from schemas.events import Schedule, ScheduledRun, ScheduleRuns, TaskOutcome, TaskSubmitted

RUNS_KEPT = 20
ALL_MAX = 100
"""Missed runs that `all` makes up for at once: more would be a flood that nobody reads."""
PENDING_MAX = 10_000
"""Due times that are counted as passed over, at one look."""
LATE_US = 60_000_000
"""A due time that is looked at within this is on time, and not missed: a start of the scheduler takes seconds."""
OPEN_US_MAX = 7 * 86_400_000_000
"""So long outcomes are kept; a run without one is open no more, for none will come."""
ERROR_CHARS_MAX = 300
SESSION = "schedule-"
_PLACEHOLDERS = re.compile(r"\{(due|date|schedule)\}")


class Looked(NamedTuple):
    """What comes of a look. The record and the tasks are written in one transaction, or neither."""

    record: ScheduleRuns | None
    """Null: nothing is to be remembered."""
    tasks: list[TaskSubmitted]


def session_of(schedule: str) -> str:
    """All runs of a schedule are one session: their events stay in order."""
    return f"{SESSION}{schedule}"


def look(
    schedule: Schedule, kept: ScheduleRuns | None, outcomes: Mapping[str, TaskOutcome], now: int, by: str | None = None
) -> Looked:
    """`kept`: the newest record; `outcomes`: of tasks that ended, by id. `by`: who asks for a run besides those that
    are due; what is due is then left to the scheduler, who knows how runs ended. Raises BadTime where the schedule
    says no times."""
    counting = in_words(schedule) if schedule["enabled"] and not schedule["removed"] else ""
    if kept is None and not counting and by is None:
        return Looked(None, [])
    record = _followed(kept or _nothing(schedule), outcomes)
    if record["counting"] != counting:  # new, changed, paused or resumed: it counts from then on
        record["counting"] = counting
        record["through_at"] = max(record["through_at"], schedule["updated_at"])
    chosen = _choose(schedule, record, now) if counting and by is None else []
    runs = [_run(schedule, record, due, now, None) for due in chosen]
    if by is not None:
        runs.append(_run(schedule, record, now, now, by))
    tasks = [_task(schedule, record, run) for run in runs]
    record["runs"] = [*record["runs"], *runs][-RUNS_KEPT:]
    return Looked(record, tasks)


def _nothing(schedule: Schedule) -> ScheduleRuns:
    return {"schedule": schedule["schedule"], "counting": "", "through_at": 0, "passed_over": 0, "runs": []}


def _followed(kept: ScheduleRuns, outcomes: Mapping[str, TaskOutcome]) -> ScheduleRuns:
    """A copy, in which runs that have ended say how."""
    runs = [
        _ended(run, outcomes[run["task_id"]]) if run["status"] is None and run["task_id"] in outcomes else run
        for run in kept["runs"]
    ]
    return {**kept, "runs": runs}


def _ended(run: ScheduledRun, outcome: TaskOutcome) -> ScheduledRun:
    error = " ".join(outcome["error"].split())[:ERROR_CHARS_MAX] if outcome["error"] else None
    return {**run, "status": outcome["status"], "finished_at": outcome["finished_at"], "error": error}


def _choose(schedule: Schedule, record: ScheduleRuns, now: int) -> list[int]:
    """The due times that are run now. All that came up to now are done with."""
    pending = newest(when(schedule), record["through_at"], now, PENDING_MAX)
    if not pending:
        return []
    record["through_at"] = pending[-1]
    match schedule["missed"]:
        case "all":
            chosen = pending[-ALL_MAX:]
        case "skip":
            chosen = [due for due in pending[-1:] if now - due <= LATE_US]
        case _:
            chosen = pending[-1:]
    if schedule["overlap"] == "skip":
        chosen = [] if any(is_open(run, now) for run in record["runs"]) else chosen[-1:]
    record["passed_over"] += len(pending) - len(chosen)
    return chosen


def is_open(run: ScheduledRun, now: int) -> bool:
    return run["status"] is None and now - run["submitted_at"] < OPEN_US_MAX


def failures(schedule: Schedule, runs: Sequence[ScheduledRun]) -> list[ScheduledRun]:
    """The last runs that ended, when so many of them did not complete that the next is escalated; else none."""
    escalate = schedule["escalate"]
    if escalate is None:
        return []
    last = [run for run in runs if run["status"] is not None][-escalate["after_failures"] :]
    failed = len(last) == escalate["after_failures"] and all(run["status"] != "completed" for run in last)
    return last if failed else []


def _run(schedule: Schedule, record: ScheduleRuns, due: int, now: int, by: str | None) -> ScheduledRun:
    by_hand = "" if by is None else "-by-hand"
    return {
        "task_id": f"{schedule['schedule']}@{_moment(due)}{by_hand}",
        "due_at": due,
        "submitted_at": now,
        "by": by,
        "escalated": bool(failures(schedule, record["runs"])),
        "status": None,
        "finished_at": None,
        "error": None,
    }


def _task(schedule: Schedule, record: ScheduleRuns, run: ScheduledRun) -> TaskSubmitted:
    name, now = schedule["schedule"], run["submitted_at"]
    escalate = schedule["escalate"] if run["escalated"] else None
    deadline_s, timeout_s = schedule["deadline_s"], schedule["timeout_s"]
    return {
        "task_id": run["task_id"],
        "session_id": session_of(name),
        "tenant_id": schedule["tenant"],
        "text": _text(schedule, run["due_at"]) + _note(failures(schedule, record["runs"])),
        "submitted_at": now,
        "priority": (escalate and escalate["priority"]) or schedule["priority"],
        "agent_id": (escalate and escalate["agent"]) or schedule["agent"],
        "skill": schedule["skill"],
        "model": schedule["model"],
        "deadline_at": None if deadline_s is None else now + int(deadline_s * 1_000_000),
        "timeout_ms": None if timeout_s is None else int(timeout_s * 1000),
        "retries_max": None,
        "redos_max": None,
        "items": [],
        "parent_id": None,
        "item_index": None,
        "redrive_of": None,
        "conversation": [],
        "by": run["by"] or f"schedule {name}",
    }


def _text(schedule: Schedule, due: int) -> str:
    shown = _datetime(due).astimezone(zone(schedule["timezone"]))
    said = {
        "due": shown.isoformat(timespec="seconds"),
        "date": shown.date().isoformat(),
        "schedule": schedule["schedule"],
    }
    return _PLACEHOLDERS.sub(lambda found: said[found[1]], schedule["text"])


def _note(failed: Sequence[ScheduledRun]) -> str:
    if not failed:
        return ""
    lines = [
        f"- {_moment(run['due_at'])}: {run['status']}{': ' + run['error'] if run['error'] else ''}" for run in failed
    ]
    return "\n\nThe runs of this before did not succeed:\n" + "\n".join(lines)


def _moment(us: int) -> str:
    return _datetime(us).isoformat().replace("+00:00", "Z")


def _datetime(us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
