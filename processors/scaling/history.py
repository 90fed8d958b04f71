"""How busy each agent was, from what ended, and what that lets expect for the next hour.

It knows what the topic of outcomes still holds, and of weeks the busiest minutes, which it tells day by day. Where all
slots were busy it knows no more than that: who waited then is counted later, when he ran.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from processors.forecasting.forecast import Forecast, forecast
from processors.forecasting.series import BadData, regular
from processors.scaling.sizing import Expected
from schemas.events import LoadDay, TaskOutcome

STEP_S = 600
MINUTE_S = 60
BACK_S = 7 * 86_400
DAY_S = 86_400
WEEKS_S = 21 * DAY_S
"""So far back the busiest minutes are known: three of each weekday tell it from the others."""
SETTLED_S = 6 * 3600
"""After a day is over, for what ran over its end to be heard of."""
LEAST_S = 2 * 86_400
"""Less than two days know no pattern of a day."""
HORIZON_S = 3_600
SOON_STEPS = 3
"""The step that is under way and the next two: time for the fleet to grow in its steps."""
CONFIDENCE = 0.8


class History:
    def __init__(self, since_s: int = 0, until_s: int = 2**62) -> None:
        """Takes what ended from `since_s` on and before `until_s`."""
        self._since_s, self._until_s = since_s, until_s
        self._busy: dict[str, dict[int, array[float]]] = defaultdict(dict)
        """By agent, and by start of the step: seconds that its tasks took in each minute of it."""
        self._days: dict[str, dict[int, array[float]]] = defaultdict(dict)
        """By agent, and by start of the day: slots at work in the busiest minute of each step."""

    def outcome(self, event: TaskOutcome) -> None:
        """A task counts in every step that it ran in, once it has ended."""
        ended_s = event["finished_at"] // 1_000_000
        if event["agent_id"] is None or event["started_at"] is None or not self._since_s <= ended_s < self._until_s:
            return
        end = event["finished_at"] / 1e6
        begin = max(event["started_at"] / 1e6, end - BACK_S)
        steps = self._busy[event["agent_id"]]
        for minute in range(int(begin) // MINUTE_S * MINUTE_S, int(end) + 1, MINUTE_S):
            step = minute - minute % STEP_S
            if step not in steps:
                steps[step] = _no_work()
            took = max(0.0, min(end, minute + MINUTE_S) - max(begin, minute))
            steps[step][(minute - step) // MINUTE_S] += took

    def add(self, older: "History") -> None:
        """What another one knows of other tasks."""
        for agent_id, steps in older._busy.items():
            mine = self._busy[agent_id]
            for step, minutes in steps.items():
                before = mine.get(step, _no_work())
                mine[step] = array("d", (a + b for a, b in zip(before, minutes, strict=True)))
        for agent_id, days in older._days.items():
            self._days[agent_id] |= days

    def day(self, event: LoadDay) -> None:
        """One that was told before."""
        if event["step_s"] == STEP_S:
            self._days[event["agent_id"]][event["day_at"] // 1_000_000] = array("d", event["peaks"])

    def days_over(self, now_s: int, most: int) -> list[LoadDay]:
        """Days of which all is known and that were not told yet; of each day the agents that were busiest."""
        over = [at for at in range(_day_of(now_s - BACK_S) + DAY_S, now_s, DAY_S) if at + DAY_S + SETTLED_S <= now_s]
        return [day for at in over for day in self._days_at(at, most)]

    def _days_at(self, day_s: int, most: int) -> list[LoadDay]:
        steps = range(day_s, day_s + DAY_S, STEP_S)
        peaks = {
            name: [round(max(busy[at]) / MINUTE_S, 2) if at in busy else 0.0 for at in steps]
            for name, busy in self._busy.items()
        }
        first = sorted(peaks, key=lambda name: (-max(peaks[name]), name))[:most]
        return [
            {
                "event_id": f"{name}/{day_s * 1_000_000}",
                "agent_id": name,
                "day_at": day_s * 1_000_000,
                "step_s": STEP_S,
                "peaks": peaks[name],
            }
            for name in first
            if any(peaks[name]) and day_s not in self._days.get(name, {})
        ]

    def forget(self, now_s: int) -> None:
        for steps in self._busy.values():
            for step in [step for step in steps if step < now_s - BACK_S]:
                del steps[step]
        for days in self._days.values():
            for day_s in [day_s for day_s in days if day_s < now_s - WEEKS_S]:
                del days[day_s]

    def loads(self, agent_ids: Iterable[str]) -> dict[str, dict[int, float]]:
        """Mean slots at work by step; a copy, for somebody who reckons meanwhile."""
        return {name: {at: sum(busy) / STEP_S for at, busy in self._busy[name].items()} for name in agent_ids}

    def busiest(self, agent_ids: Iterable[str], most: int) -> list[str]:
        """So many of these that ever were, in their order."""
        highest = {name: self._highest(name) for name in agent_ids if self._busy.get(name) or self._days.get(name)}
        return sorted(highest, key=lambda name: (-highest[name], name))[:most]

    def _highest(self, name: str) -> float:
        of_late = max(map(max, self._busy.get(name, {}).values()), default=0.0) / MINUTE_S
        return max(of_late, max(map(max, self._days.get(name, {}).values()), default=0.0))

    def peaks(self, agent_ids: Iterable[str]) -> dict[str, dict[int, float]]:
        """Slots at work in the busiest minute of each step, over weeks."""
        return {name: self._days_of(name) | self._peaks_of(name) for name in agent_ids}

    def _days_of(self, name: str) -> dict[int, float]:
        return {
            day_s + n * STEP_S: peak for day_s, day in self._days.get(name, {}).items() for n, peak in enumerate(day)
        }

    def _peaks_of(self, name: str) -> dict[int, float]:
        return {at: max(busy) / MINUTE_S for at, busy in self._busy.get(name, {}).items()}


def _day_of(at_s: int) -> int:
    return at_s - at_s % DAY_S


def _no_work() -> "array[float]":
    return array("d", bytes(8 * (STEP_S // MINUTE_S)))


def ahead(values: Mapping[int, float], now_s: int, steps: int = HORIZON_S // STEP_S + 1) -> Forecast | None:
    """So many steps, of which the first is under way; null where too little is known to have tried such forecasts on
    the past."""
    under_way = now_s - now_s % STEP_S
    past = sorted((at, value) for at, value in values.items() if at < under_way)
    if not past or under_way - past[0][0] < LEAST_S:
        return None
    times, seen = np.array(past, dtype=np.float64).T
    try:
        series = regular(times, seen, step_s=STEP_S, zero_until_s=under_way)
        found = forecast(series, steps, CONFIDENCE)
    except BadData:
        return None
    return found if found.backtest["ours"].coverage is not None else None


def expected(loads: Mapping[int, float], now_s: int) -> Expected | None:
    """What comes in the next hour; null where too little is known."""
    found = ahead(loads, now_s)
    return Expected(max(found.value[:SOON_STEPS]), max(found.high)) if found else None
