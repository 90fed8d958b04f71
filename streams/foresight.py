"""What the past lets expect of each agent's load: one memory of what ended, one thread that forecasts from it.

The autoscaler takes sizes from it, predictions take the busiest minute of the next hour. The past is read anew at each
start, a week of it from the topic of outcomes and weeks from the days that were told, and forecasts are made when a
step of it is over.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar, cast

import structlog

from infra import kafka
from infra.settings import Settings
from processors.predicting.outlook import Outlook, outlook
from processors.scaling.history import BACK_S, DAY_S, SETTLED_S, STEP_S, WEEKS_S, History, expected
from processors.scaling.sizing import TARGET, Expected
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition, LoadDay, TaskOutcome
from streams.beside import Beside

OUTCOMES = "tasks.outcomes"
DAYS = "load.days"
AGENTS_MAX = 100
"""Of whom the next hour is predicted, those that were busiest: a third of a second each, every ten minutes."""
DAYS_MAX = 500
"""Of whom a day is told, of each day the busiest: who is among those that are predicted has no day missing."""
_SETTLE_S = 30
"""After a step is over, for what ended in it to be heard of."""
_AGAIN_S = 30
_BREATH = 200
"""Outcomes of the past that are read before others get their turn."""
_BREATH_S = 0.005

log = structlog.get_logger()
T = TypeVar("T")
ByStep = Mapping[str, Mapping[int, float]]


class Ahead(NamedTuple):
    """By agent; those of whom too little is known are left out."""

    slots: dict[str, Expected]
    outlooks: dict[str, Outlook]


class Foresight:
    def __init__(self, settings: Settings, now: int) -> None:
        """Takes what ends from `now` on (µs), and reads what ended before."""
        self._settings = settings
        self._least = settings.instances_min * settings.slots_per_instance * TARGET
        """Slots at work that the smallest size carries."""
        self._started_s = now // 1_000_000 - now // 1_000_000 % STEP_S
        self._history = History(since_s=self._started_s)
        self._thoughts: Beside[History | Ahead] = Beside("forecasts")
        self._agents: set[str] = set()
        self._due: int | None = None
        self._days_due: int | None = None
        """When a day is over; null until the past is known."""

    def agent(self, event: AgentDefinition) -> None:
        self._agents.add(event["agent_id"])

    def outcome(self, event: TaskOutcome) -> None:
        self._history.outcome(event)

    def look(self, now: int) -> Ahead | None:
        """What was thought of since the call before."""
        found = None
        if self._due is None:
            self._thoughts.put(self._past)
            self._due = _after_step(now)
        for thought in self._thoughts.taken():
            if isinstance(thought, History):
                self._history.add(thought)
                self._due = self._days_due = now
            else:
                found = thought
        if now >= self._due:
            self._due = _after_step(now)
            self._history.forget(now // 1_000_000)
            first = self._history.busiest(self._agents, AGENTS_MAX)
            loads, peaks = self._history.loads(self._agents), self._history.peaks(first)
            self._thoughts.put(partial(_ahead, loads, peaks, now // 1_000_000, self._least))
        return found

    def days_over(self, now: int) -> list[LoadDay]:
        """Days that are to be told, for they will be known longer than what ended in them."""
        if self._days_due is None or now < self._days_due:
            return []
        day_us, settled_us = DAY_S * 1_000_000, SETTLED_S * 1_000_000
        self._days_due = now + day_us - (now - settled_us) % day_us
        found = self._history.days_over(now // 1_000_000, DAYS_MAX)
        for day in found:
            self._history.day(day)
        return found

    def _past(self) -> History:
        """What ended before this process was started, as far back as a forecast looks and the topic reaches."""
        while True:
            try:
                return self._read_past()
            except kafka.KafkaTrouble as error:
                log.warning("the past cannot be read now, forecasts wait for it", error=str(error))
                time.sleep(_AGAIN_S)

    def _read_past(self) -> History:
        past = History(until_s=self._started_s)
        since_us = (self._started_s - BACK_S) * 1_000_000
        for number, message in enumerate(kafka.read_all(self._settings, OUTCOMES, since_us=since_us)):
            if number % _BREATH == 0:
                time.sleep(_BREATH_S)
            if (value := message.value()) is not None:
                try:
                    past.outcome(cast(TaskOutcome, decode_as("TaskOutcome", value)))
                except BadMessage:
                    continue  # whoever reads the topic for itself has counted it
        for message in kafka.read_all(self._settings, DAYS, since_us=(self._started_s - WEEKS_S) * 1_000_000):
            if (value := message.value()) is not None:
                with suppress(BadMessage):
                    past.day(cast(LoadDay, decode_as("LoadDay", value)))
        return past


def _after_step(now: int) -> int:
    return now - now % (STEP_S * 1_000_000) + (STEP_S + _SETTLE_S) * 1_000_000


def _ahead(loads: ByStep, peaks: ByStep, now_s: int, least: float) -> Ahead:
    """Slots of the agents that were ever busier than with `least` of them: for others they would change nothing."""
    busy = {name: steps for name, steps in loads.items() if max(steps.values(), default=0.0) > least}
    slots = {name: expected(steps, now_s) for name, steps in busy.items()}
    outlooks = {name: outlook(steps, now_s) for name, steps in peaks.items()}
    return Ahead(_known(slots), _known(outlooks))


def _known(found: Mapping[str, T | None]) -> dict[str, T]:
    return {name: one for name, one in found.items() if one is not None}
