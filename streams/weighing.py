"""The daily tuning of weights: once a day, shortly after midnight UTC, by the samples of the day that ended.

Runs in a thread of the monitor, and several may run at once: the records say of which day they are, and only one writer
can end one at a time (infra/weights.py), so a day moves the weights once, whoever restarts or dies when. A monitor that
was away makes up for the last day alone: each day that was missed would be a step, and all of them at once a leap.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from threading import Event, Thread
from typing import cast

import structlog

from infra import kafka, metrics, registry, weights
from infra.settings import Settings
from processors.weighing.day import Day, Shows, over
from processors.weighing.weights import ON, is_reckoned, weigh
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentWeight, TrainingSample

SAMPLES = "training.samples"
SETTLE_US = 300_000_000
"""After midnight, for the samples of the day to be written."""
LOOK_S = 30.0
_BREATH = 200
"""Samples that are read before others of the process get their turn."""
_BREATH_S = 0.005

log = structlog.get_logger()


class Weighing:
    def __init__(self, settings: Settings, now: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._settings = settings
        self._now = now
        self._done: date | None = None
        """The newest day that is known to be reckoned."""
        self.stopping = Event()

    def start(self) -> None:
        if self._settings.weights != "off":
            Thread(target=self._run, name="weights", daemon=True).start()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.look()
            except (
                Exception
            ) as error:  # whatever it is: alerts are watched in the same process, and the next try is new
                log.warning("weights cannot be reckoned now, and are later", error=str(error))
            self.stopping.wait(LOOK_S)

    def look(self) -> Sequence[AgentWeight]:
        """What was written. Raises KafkaTrouble."""
        day = over(self._now() - SETTLE_US)
        if day == self._done:
            return []
        made: Sequence[AgentWeight] = []
        if not is_reckoned(registry.newest(self._settings, weights.TOPIC), day):
            made = weights.change(self._settings, partial(self._weigh, day, self._shown(day)))
        self._done = day
        for one in made:
            log.info("weight", agent=one["agent_id"], day=one["day"], applied=one["applied"], reason=one["reason"])
        return made

    def _weigh(self, day: date, shows: Shows, known: Mapping[str, AgentWeight]) -> Sequence[AgentWeight]:
        if is_reckoned(known, day):
            return []
        applied, step = self._settings.weights == ON, self._settings.weight_step
        return weigh(day, known, shows, step=step, applied=applied, now=self._now())

    def _shown(self, date: date) -> Shows:
        day = Day(date)
        for number, message in enumerate(kafka.read_all(self._settings, SAMPLES, since_us=day.span[0])):
            if number % _BREATH == 0:
                time.sleep(_BREATH_S)
            if (value := message.value()) is not None:
                try:
                    day.sample(cast(TrainingSample, decode_as("TrainingSample", value)))
                except BadMessage:
                    metrics.BAD_MESSAGES.labels(SAMPLES).inc()
        return day.shows()
