"""How busy each agent was, from what ended, and what that lets expect for the next hour.

It knows what the topic of outcomes still holds. Where all slots were busy it knows no more than that: who waited then
is counted later, when he ran.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from processors.forecasting.forecast import forecast
from processors.forecasting.series import BadData, regular
from processors.scaling.sizing import Expected
from schemas.events import TaskOutcome

STEP_S = 600
BACK_S = 7 * 86_400
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
        self._busy: dict[str, dict[int, float]] = defaultdict(dict)
        """By agent, and by start of the step: seconds that its tasks took."""

    def outcome(self, event: TaskOutcome) -> None:
        """A task counts in every step that it ran in, once it has ended."""
        ended_s = event["finished_at"] // 1_000_000
        if event["agent_id"] is None or event["started_at"] is None or not self._since_s <= ended_s < self._until_s:
            return
        end = event["finished_at"] / 1e6
        begin = max(event["started_at"] / 1e6, end - BACK_S)
        steps = self._busy[event["agent_id"]]
        for step in range(int(begin) // STEP_S * STEP_S, int(end) + 1, STEP_S):
            steps[step] = steps.get(step, 0.0) + max(0.0, min(end, step + STEP_S) - max(begin, step))

    def add(self, older: "History") -> None:
        """What another one knows of other tasks."""
        for agent_id, steps in older._busy.items():
            mine = self._busy[agent_id]
            for step, busy in steps.items():
                mine[step] = mine.get(step, 0.0) + busy

    def forget(self, now_s: int) -> None:
        for steps in self._busy.values():
            for step in [step for step in steps if step < now_s - BACK_S]:
                del steps[step]

    def loads(self, agent_ids: Iterable[str]) -> dict[str, dict[int, float]]:
        """Mean slots at work by step; a copy, for somebody who reckons meanwhile."""
        return {name: {at: busy / STEP_S for at, busy in self._busy[name].items()} for name in agent_ids}


def expected(loads: Mapping[int, float], now_s: int) -> Expected | None:
    """What comes in the next hour; null where too little is known to have tried such forecasts on the past."""
    under_way = now_s - now_s % STEP_S
    past = sorted((at, load) for at, load in loads.items() if at < under_way)
    if not past or under_way - past[0][0] < LEAST_S:
        return None
    times, values = np.array(past, dtype=np.float64).T
    try:
        series = regular(times, values, step_s=STEP_S, zero_until_s=under_way)
        found = forecast(series, HORIZON_S // STEP_S + 1, CONFIDENCE)
    except BadData:
        return None
    if found.backtest["ours"].coverage is None:
        return None
    return Expected(max(found.value[:SOON_STEPS]), max(found.high))
