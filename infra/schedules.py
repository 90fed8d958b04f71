"""The runs of schedules on Kafka: a run and the task it makes are written together, by one writer at a time."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from infra import changing, registry
from infra.changing import Record
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import Schedule, ScheduleRuns, TaskSubmitted
from schemas.trace import headers

TASKS = "tasks.submitted"
_WRITER = "headway-schedules"


class Runs(NamedTuple):
    """What is to be written: what is remembered of schedules, and the tasks that are handed in."""

    records: list[ScheduleRuns]
    tasks: list[TaskSubmitted]


def run(settings: Settings, make: Callable[[Mapping[str, Schedule], Mapping[str, ScheduleRuns]], Runs]) -> Runs:
    """Writes what `make` makes of all schedules, those taken out as well, and of their newest records: all of it or
    nothing, and nothing when somebody else wrote meanwhile; then it is asked again. Raises KafkaTrouble."""

    def records() -> tuple[Runs, list[Record]]:
        made = make(registry.newest(settings, registry.SCHEDULES), registry.newest(settings, registry.RUNS))
        kept = [Record(registry.RUNS, one["schedule"], encode("ScheduleRuns", one)) for one in made.records]
        return made, kept + [_handed_in(task) for task in made.tasks]

    return changing.change(settings, _WRITER, "the runs of schedules", records)


def _handed_in(task: TaskSubmitted) -> Record:
    return Record(TASKS, task["session_id"], encode("TaskSubmitted", task), headers(task["task_id"]))
