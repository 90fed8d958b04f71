"""What the past lets expect of each agent's load: one memory of what ended, one thread that forecasts from it.

The autoscaler takes sizes from it, predictions take the busiest minute of the next hour. The past is read anew from
the topic of outcomes at each start, and forecasts are made when a step of it is over.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, TypeVar, cast

import structlog

from infra import kafka
from infra.settings import Settings
from processors.predicting.outlook import Outlook, outlook
from processors.scaling.history import BACK_S, STEP_S, History, expected
from processors.scaling.sizing import TARGET, Expected
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition, TaskOutcome
from streams.beside import Beside

OUTCOMES = "tasks.outcomes"
AGENTS_MAX = 100
"""Of whom the next hour is predicted, those that were busiest: a sixth of a second each, every ten minutes."""
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
                self._due = now
            else:
                found = thought
        if now >= self._due:
            self._due = _after_step(now)
            self._history.forget(now // 1_000_000)
            loads, peaks = self._history.loads(self._agents), self._history.peaks(self._agents)
            self._thoughts.put(partial(_ahead, loads, peaks, now // 1_000_000, self._least))
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
        return past


def _after_step(now: int) -> int:
    return now - now % (STEP_S * 1_000_000) + (STEP_S + _SETTLE_S) * 1_000_000


def _ahead(loads: ByStep, peaks: ByStep, now_s: int, least: float) -> Ahead:
    """Slots of the agents that were ever busier than with `least` of them: for others they would change nothing."""
    busy = {name: steps for name, steps in loads.items() if max(steps.values(), default=0.0) > least}
    first = sorted(peaks, key=lambda name: (-max(peaks[name].values(), default=0.0), name))[:AGENTS_MAX]
    slots = {name: expected(steps, now_s) for name, steps in busy.items()}
    outlooks = {name: outlook(peaks[name], now_s) for name in first}
    return Ahead(_known(slots), _known(outlooks))


def _known(found: Mapping[str, T | None]) -> dict[str, T]:
    return {name: one for name, one in found.items() if one is not None}
