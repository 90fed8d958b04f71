"""The autoscaler beside the monitor: it is told what the topics say, and asks for other sizes once a period.

Nothing waits for it: changes go out in one thread, the past is read and forecasts are made in another. After a restart
it knows the last decisions and wishes from their topics, and reads the past of the forecast anew.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar, cast

import structlog

from infra import fleet, kafka, metrics
from infra.settings import Settings
from processors import placing
from processors.scaling.autoscaler import BY, Autoscaler, Limits
from processors.scaling.history import BACK_S, STEP_S, History, expected
from processors.scaling.sizing import TARGET, Expected, resized
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition, AgentDesired, PoolStatus, ScalingDecision, TaskOutcome

PERIOD_S = 30
OUTCOMES = "tasks.outcomes"
DECISIONS = "scaling.decisions"
_BREATH = 200
"""Outcomes of the past that are read before others get their turn."""
_BREATH_S = 0.005

log = structlog.get_logger()
T = TypeVar("T")


class _Tried(NamedTuple):
    """What became of a decision that was to be carried out."""

    decision: ScalingDecision
    done: bool


class Scaling:
    def __init__(self, settings: Settings, now: int) -> None:
        """Follows the topics from `now` on (µs), and a little before it."""
        self._settings = settings
        self._mode = settings.scaling
        bounds = limits(settings)
        self._least = bounds.instances_min * bounds.slots_each * TARGET
        self._scaler = Autoscaler(bounds, "on" if self._mode == "on" else "dry_run", settings.zone_names)
        self._look_due = now + PERIOD_S * 1_000_000
        self._tasks: SimpleQueue[Callable[[], _Tried]] = SimpleQueue()
        self._tried: SimpleQueue[_Tried] = SimpleQueue()
        self._started_s = now // 1_000_000 - now // 1_000_000 % STEP_S
        self._history = History(since_s=self._started_s)
        self._thoughts: SimpleQueue[Callable[[], History | dict[str, Expected]]] = SimpleQueue()
        self._thought: SimpleQueue[History | dict[str, Expected]] = SimpleQueue()
        self._agents: set[str] = set()
        self._forecast_due = now
        if self._mode != "off":
            self._thoughts.put(self._past)
            Thread(target=_work, args=(self._tasks, self._tried), name="scaling", daemon=True).start()
            Thread(target=_work, args=(self._thoughts, self._thought), name="forecasts", daemon=True).start()

    # --- what the topics tell

    def agent(self, event: AgentDefinition) -> None:
        self._scaler.agent(event)
        self._agents.add(event["agent_id"])

    def desired(self, event: AgentDesired) -> None:
        self._scaler.desired(event)

    def pool(self, event: PoolStatus) -> None:
        self._scaler.pool(event)

    def outcome(self, event: TaskOutcome) -> None:
        if self._mode != "off":
            self._history.outcome(event)

    def decided(self, event: ScalingDecision) -> None:
        self._scaler.decided(event)

    # --- what comes of it

    def look(self, now: int) -> list[ScalingDecision]:
        """The decisions that are to be written: those of a dry run at once, others when they are carried out."""
        if self._mode == "off":
            return []
        self._take_thoughts(now)
        told = [_told(tried.decision) for tried in _taken(self._tried) if self._knows(tried)]
        if now < self._look_due:
            return told
        self._look_due = now + PERIOD_S * 1_000_000
        made = self._scaler.look(now)
        if self._mode == "dry_run":
            return [*told, *map(_told, made)]
        for decision in made:
            self._tasks.put(partial(self._carry_out, decision))
        return told

    def _carry_out(self, decision: ScalingDecision) -> _Tried:
        try:
            sizes = decision["before"], decision["after"]
            done = resize(self._settings, decision["agent_id"], *sizes, by=BY, reason=decision["reason"])
            return _Tried(decision, done)
        except kafka.KafkaTrouble as error:
            log.warning("scaling failed, the next look may ask again", agent=decision["agent_id"], error=str(error))
            return _Tried(decision, False)

    def _knows(self, tried: _Tried) -> bool:
        if not tried.done:
            metrics.SCALINGS.labels(_way(tried.decision), "failed").inc()
            self._scaler.undone(tried.decision)
        return tried.done

    # --- the forecast

    def _take_thoughts(self, now: int) -> None:
        for thought in _taken(self._thought):
            if isinstance(thought, History):
                self._history.add(thought)
            else:
                self._scaler.expects(thought)
        if now >= self._forecast_due:
            self._forecast_due = now - now % (STEP_S * 1_000_000) + (STEP_S + PERIOD_S) * 1_000_000
            self._history.forget(now // 1_000_000)
            loads = self._history.loads(self._agents)
            self._thoughts.put(partial(forecasts, loads, now // 1_000_000, self._least))

    def _past(self) -> History:
        """What ended before this process was started, as far back as a forecast looks and the topic reaches."""
        while True:
            try:
                return self._read_past()
            except kafka.KafkaTrouble as error:
                log.warning("the past cannot be read now, forecasts wait for it", error=str(error))
                time.sleep(PERIOD_S)

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


def limits(settings: Settings) -> Limits:
    return Limits(
        settings.slots_per_instance,
        settings.instances_min,
        settings.instances_max,
        settings.fleet_min,
        settings.fleet_max,
        int(settings.scale_up_s * 1_000_000),
        int(settings.scale_down_s * 1_000_000),
    )


def resize(
    settings: Settings,
    agent_id: str,
    before: int,
    after: int,
    *,
    by: str,
    reason: str,
    there: Collection[str] | None = None,
) -> bool:
    """Asks the fleet for it, unless somebody asked for another number than `before` meanwhile. `there`: zones that
    new ones may go to; null: all. Raises KafkaTrouble."""
    zones = settings.zone_names

    def make(definition: AgentDefinition | None, desired: AgentDesired | None) -> fleet.Zones | None:
        now = placing.wanted(definition, desired, zones) if definition else {}
        return resized(now, after, there) if placing.total(now) == before else None

    return fleet.scale(settings, agent_id, make, by=by, reason=reason) is not None


def forecasts(loads: Mapping[str, Mapping[int, float]], now_s: int, least: float) -> dict[str, Expected]:
    """Of the agents that were ever busier than with `least` slots: for others it would change nothing."""
    busy = {agent_id: steps for agent_id, steps in loads.items() if max(steps.values(), default=0.0) > least}
    found = {agent_id: expected(steps, now_s) for agent_id, steps in busy.items()}
    return {agent_id: one for agent_id, one in found.items() if one is not None}


def _told(decision: ScalingDecision) -> ScalingDecision:
    metrics.SCALINGS.labels(_way(decision), "yes" if decision["applied"] else "dry_run").inc()
    size = f"{decision['before']} → {decision['after']}"
    log.info("scaling", agent=decision["agent_id"], size=size, done=decision["applied"], reason=decision["reason"])
    return decision


def _way(decision: ScalingDecision) -> str:
    return "up" if decision["after"] > decision["before"] else "down"


def _work(tasks: SimpleQueue[Callable[[], T]], done: SimpleQueue[T]) -> None:
    """One after the other, for good."""
    while True:
        task = tasks.get()
        try:
            done.put(task())
        except Exception:  # whatever it is: the next one is another agent's, or another hour's
            log.exception("scaling went wrong")


def _taken(done: SimpleQueue[T]) -> Iterator[T]:
    """What ended since the call before."""
    while True:
        try:
            yield done.get_nowait()
        except Empty:
            return
