"""What became of predictions: the busiest minute of their hour, when it is over.

An hour in which instances were added is judged as it would have been without them: an alert that made somebody act was
right. What was moved to other agents cannot be told from work that never came, and such an alert counts as a false one.
"""

from dataclasses import dataclass
from typing import Literal

from processors.predicting.standing import PER_TASK, Standing
from schemas.events import LoadJudgement, LoadPrediction

ALARM = 85.0
"""Expected load above which the shipped rule tells it beforehand."""
OVER = 80.0
"""Load above which the shipped rule for the load that is there fires: then the alarm was right."""
MINUTE_US = 60_000_000
SEEN_LEAST = 54
"""Minutes of an hour without which nobody knows how busy it was; a restart of the monitor loses those before it."""


@dataclass(slots=True)
class _Open:
    prediction: LoadPrediction
    reached: float = 0.0
    minutes: int = 0


class Judge:
    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def predicted(self, event: LoadPrediction) -> None:
        """Follows it, once, however often it is told."""
        if event["expected"] is not None:
            self._open.setdefault(event["event_id"], _Open(event))

    def judged(self, event: LoadJudgement) -> None:
        self._open.pop(event["event_id"], None)

    def minute(self, seen: dict[str, Standing], now: int) -> None:
        """The minute that ends now."""
        for one in self._open.values():
            standing = seen.get(one.prediction["agent_id"])
            if standing is not None and one.prediction["at"] <= now - MINUTE_US // 2:
                one.minutes += 1
                one.reached = max(one.reached, at_its_size(standing, one.prediction))

    def over(self, now: int) -> list[LoadJudgement]:
        """Those whose hour is over; each is told once."""
        ended = [one for one in self._open.values() if one.prediction["until_at"] <= now]
        for one in ended:
            del self._open[one.prediction["event_id"]]
        return [_judgement(one, now) for one in ended]


Verdict = Literal["right", "false_alarm", "missed", "quiet", "late", "unknown"]


def verdict(judgement: LoadJudgement) -> Verdict:
    """`late`: the load was there already, which is no prediction; `unknown`: too little of the hour was seen."""
    if judgement["reached"] is None:
        return "unknown"
    if judgement["load"] > OVER:
        return "late"
    if judgement["expected"] > ALARM:
        return "right" if judgement["reached"] > OVER else "false_alarm"
    return "missed" if judgement["reached"] > OVER else "quiet"


def at_its_size(seen: Standing, prediction: LoadPrediction) -> float:
    """The load score that this work would have been for the instances that there were at the prediction."""
    if seen.instances <= prediction["instances"]:
        return seen.load
    return PER_TASK * min(seen.running, prediction["slots"]) / prediction["instances"] + seen.rest


def _judgement(one: _Open, now: int) -> LoadJudgement:
    prediction = one.prediction
    assert prediction["expected"] is not None and prediction["low"] is not None and prediction["high"] is not None
    return {
        "event_id": prediction["event_id"],
        "agent_id": prediction["agent_id"],
        "at": now,
        "predicted_at": prediction["at"],
        "load": prediction["load"],
        "expected": prediction["expected"],
        "low": prediction["low"],
        "high": prediction["high"],
        "reached": one.reached if one.minutes >= SEEN_LEAST else None,
        "minutes": one.minutes,
    }
