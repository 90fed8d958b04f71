"""Once a minute: what each agent's load is expected to reach within the hour, what could be moved, what came true.

A prediction is told when its forecast is new, and sooner when it comes to say another thing: beyond the alarm or the
limit of moves, or no more. Where too little of the past is known nothing is expected, and moves follow from
the load there is.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from processors.predicting import moves
from processors.predicting.judging import ALARM, Judge
from processors.predicting.outlook import Busiest, Outlook
from processors.predicting.standing import PER_TASK, Minute, Standing, standing
from processors.scaling.history import HORIZON_S, STEP_S
from schemas.events import AgentDefinition, LoadJudgement, LoadPrediction, PoolStatus

AGAIN_US = STEP_S * 1_000_000
HOUR_US = HORIZON_S * 1_000_000


class _Told(NamedTuple):
    at: int
    is_alarm: bool
    is_over_limit: bool


def told(prediction: LoadPrediction) -> _Told:
    most = prediction["expected"] or 0.0
    return _Told(prediction["at"], most > ALARM, max(most, prediction["load"]) > moves.LIMIT)


class Predictor:
    def __init__(self) -> None:
        self._agents: dict[str, AgentDefinition] = {}
        self._pools: dict[str, dict[str, PoolStatus]] = defaultdict(dict)
        self._outlooks: Mapping[str, Outlook] = {}
        self._outlooks_at = 0
        self._minute = Minute()
        self._told: dict[str, _Told] = {}
        self._judge = Judge()

    # --- what the topics tell

    def agent(self, event: AgentDefinition) -> None:
        self._agents[event["agent_id"]] = event

    def pool(self, event: PoolStatus) -> None:
        if event["agent_id"]:
            self._pools[event["agent_id"]][event["pool"]] = event

    def predicted(self, event: LoadPrediction) -> None:
        """Its own word, also of before a restart."""
        self._told[event["agent_id"]] = told(event)
        self._judge.predicted(event)

    def judged(self, event: LoadJudgement) -> None:
        self._judge.judged(event)

    def expects(self, outlooks: Mapping[str, Outlook], now: int) -> None:
        """The newest ones, by agent."""
        self._outlooks, self._outlooks_at = outlooks, now

    # --- what comes of it

    def sample(self) -> None:
        """To be called often: a minute's mean is made of it."""
        for agent_id, pools in self._pools.items():
            seen = standing(agent_id, pools.values())
            if seen is not None and not self._is_removed(agent_id):
                self._minute.add(seen)

    def look(self, now: int) -> tuple[list[LoadPrediction], list[LoadJudgement]]:
        """To be called each minute."""
        seen, self._minute = self._minute.standings(), Minute()
        self._judge.minute(seen, now)
        ahead = {name: self._ahead(one, now) for name, one in seen.items()}
        suggestions = moves.suggest(self._movable(one, ahead[name]) for name, one in seen.items())
        made = (_prediction(one, ahead[name], suggestions.get(name), now) for name, one in seen.items())
        due = [prediction for prediction in made if self._is_due(prediction)]
        for prediction in due:
            self.predicted(prediction)
        return due, self._judge.over(now)

    def _ahead(self, seen: Standing, now: int) -> Busiest | None:
        """What the outlook means for the load score, at the size that the agent has now."""
        found = self._outlooks.get(seen.agent_id)
        work = found.next_hour(now // 1_000_000) if found else None
        if work is None:
            return None
        value, low, high = (seen.load_with(tasks) for tasks in work[:3])
        return Busiest(value, low, high, work.at_s)

    def _movable(self, seen: Standing, ahead: Busiest | None) -> moves.Agent:
        """As it is when it is busiest: now or later."""
        most = max(seen.load, ahead.value) if ahead else seen.load
        work = max(0.0, most - seen.rest) * seen.instances / PER_TASK
        definition = self._agents.get(seen.agent_id)
        can = frozenset(definition["capabilities"]) if definition else frozenset()
        takes_any = definition is not None and definition["fallback"]
        return moves.Agent(seen.agent_id, work, seen.rest, seen.slots, seen.instances, can, takes_any)

    def _is_due(self, prediction: LoadPrediction) -> bool:
        says, before = told(prediction), self._told.get(prediction["agent_id"], _Told(0, False, False))
        if before.is_alarm and prediction["expected"] is None and not self._outlooks_at:
            return False  # what was told before a restart stands until there is a forecast again
        if says[1:] != before[1:]:
            return True
        if prediction["expected"] is None and not says.is_over_limit:
            return False
        return before.at < self._outlooks_at or before.at <= says.at - AGAIN_US

    def _is_removed(self, agent_id: str) -> bool:
        return agent_id in self._agents and self._agents[agent_id]["removed"]


def _prediction(seen: Standing, ahead: Busiest | None, suggestion: moves.Suggestion | None, now: int) -> LoadPrediction:
    return {
        "event_id": f"{seen.agent_id}/{now}",
        "agent_id": seen.agent_id,
        "at": now,
        "until_at": now + HOUR_US,
        "load": seen.load,
        "instances": seen.instances,
        "slots": seen.slots,
        "rest": seen.rest,
        "expected": ahead.value if ahead else None,
        "low": ahead.low if ahead else None,
        "high": ahead.high if ahead else None,
        "expected_at": ahead.at_s * 1_000_000 if ahead else None,
        "moves": suggestion.moves if suggestion else [],
        "instances_more": suggestion.instances_more if suggestion else 0,
        "suggestion": suggestion.said if suggestion else "",
    }
