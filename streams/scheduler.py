"""The scheduler: hands in the tasks of schedules when they are due. Runs in a thread of the monitor.

Several may run at once. Each looks by itself whether something is due, which costs nothing; what it then does is
decided anew from the newest records, in a transaction that only one can end (infra/schedules.py), and that holds the
tasks and the record of their runs. So each due time becomes one task, whoever dies when, and a new start goes on from
the record.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra import kafka, metrics, schedules
from infra.registry import RUNS, SCHEDULES, Registry
from infra.schedules import Runs
from infra.settings import Settings
from processors.scheduling.machine import SESSION, look
from schemas.codec import BadMessage, decode_as
from schemas.events import Schedule, ScheduleRuns, TaskOutcome

OUTCOMES = "tasks.outcomes"
LOOK_S = 1.0
TROUBLE_S = 5.0
_READ_MANY = 500
_CLOCKS_US = 60_000_000
"""How far clocks may be apart: an outcome is looked for from so long before its run was handed in."""
_OUTCOMES_MAX = 10_000

log = structlog.get_logger()


class Scheduler:
    def __init__(self, settings: Settings, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._settings = settings
        self._now = now
        self._outcomes: dict[str, TaskOutcome] = {}
        """Of runs, without what they said."""
        self._behind: set[int] = set()
        """Partitions of the outcomes that are not read to their end yet: what looks open may have ended there."""
        self._told: set[tuple[str, int]] = set()
        """Schedules that make no sense, as they were published."""
        self.stopping = Event()

    def start(self) -> Thread:
        thread = Thread(target=self._run, name="scheduler", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.follow()
            except (
                Exception
            ) as error:  # whatever it is: alerts are watched in the same process, and the next try is new
                log.warning("schedules cannot be run now, and are run later", error=str(error))
                self.stopping.wait(TROUBLE_S)

    def follow(self) -> None:
        """Looks each second, until it is stopped. Raises when Kafka does not let it."""
        known = Registry(self._settings, (SCHEDULES, RUNS))
        consumer = kafka.consumer(self._settings, "headway-scheduler", enable_partition_eof=True)
        try:
            known.wait_ready()
            places = self._places(known.schedule_runs)
            self._behind = {place.partition for place in places}
            consumer.assign(places)
            due = 0.0
            while not self.stopping.is_set():
                self._read(consumer)
                if time.monotonic() >= due and not self._behind:
                    self.look(known)
                    due = time.monotonic() + LOOK_S
        finally:
            consumer.close()
            known.close()

    def look(self, known: Registry) -> Runs:
        """What was written."""
        if not self._make(known.schedules, known.schedule_runs).records and not _left(known):
            return Runs([], [])
        before = known.schedule_runs
        done = schedules.run(self._settings, self._make)
        passed = sum(one["passed_over"] - _passed_over(before.get(one["schedule"])) for one in done.records)
        metrics.SCHEDULE_RUNS.labels("passed_over").inc(max(0, passed))
        for task in done.tasks:
            metrics.SCHEDULE_RUNS.labels("handed_in").inc()
            log.info("run of a schedule handed in", task=task["task_id"], priority=task["priority"])
        return done

    def _make(self, defined: Mapping[str, Schedule], kept: Mapping[str, ScheduleRuns]) -> Runs:
        made = Runs([], [])
        for name, schedule in defined.items():
            try:
                looked = look(schedule, kept.get(name), self._outcomes, self._now())
            except Exception as error:  # BadTime, or what nobody thought of: the other schedules are run all the same
                self._tell(schedule, str(error))
                continue
            if looked.record is not None and looked.record != kept.get(name):
                made.records.append(looked.record)
                made.tasks.extend(looked.tasks)
        return made

    def _tell(self, schedule: Schedule, error: str) -> None:
        which = (schedule["schedule"], schedule["updated_at"])
        if which not in self._told:
            self._told.add(which)
            log.warning("schedule is not run: mend it and publish it anew", schedule=which[0], error=error)

    # --- how runs end

    def _places(self, kept: Mapping[str, ScheduleRuns]) -> list[TopicPartition]:
        """Where the outcomes of open runs may be."""
        open_since = (run["submitted_at"] for one in kept.values() for run in one["runs"] if run["status"] is None)
        since = min([*open_since, self._now()]) - _CLOCKS_US
        return [
            TopicPartition(OUTCOMES, partition, offset)
            for partition, offset in kafka.offsets_at(self._settings, OUTCOMES, since).items()
        ]

    def _read(self, consumer: Consumer) -> None:
        for message in consumer.consume(_READ_MANY, LOOK_S):
            error = message.error()
            if error is None:
                self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard(message.partition())
            elif error.fatal() or error.code() in kafka.HOPELESS:
                raise KafkaException(error)

    def _take(self, message: Message) -> None:
        # Those of all tasks come by here: the key tells which are worth reading.
        if not (message.key() or b"").startswith(SESSION.encode()) or message.value() is None:
            return
        try:
            outcome = cast(TaskOutcome, decode_as("TaskOutcome", message.value()))
        except BadMessage:
            metrics.BAD_MESSAGES.labels(OUTCOMES).inc()
            return
        self._outcomes[outcome["task_id"]] = {**outcome, "output": "", "items": []}
        while len(self._outcomes) > _OUTCOMES_MAX:
            del self._outcomes[next(iter(self._outcomes))]


def _left(known: Registry) -> bool:
    """Whether a schedule was taken out, and its record does not say so yet."""
    return any(one["counting"] for name, one in known.schedule_runs.items() if name not in known.schedules)


def _passed_over(kept: ScheduleRuns | None) -> int:
    return kept["passed_over"] if kept else 0
