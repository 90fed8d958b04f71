"""Predictions beside the monitor: it is told what the topics say, and looks once a minute.

It runs here because the monitor follows the pools and the outcomes already, and reads the past for the autoscaler's
forecast: one more process would read all of it again.
"""

from collections.abc import Mapping
from typing import Any

from infra import metrics
from processors.predicting.judging import verdict
from processors.predicting.outlook import Outlook
from processors.predicting.predictor import Predictor
from schemas.events import AgentDefinition, PoolStatus

PREDICTIONS = "load.predictions"
PERIOD_S = 60


class Predicting:
    def __init__(self, now: int) -> None:
        self._predictor = Predictor()
        self._look_due = now + PERIOD_S * 1_000_000

    def agent(self, event: AgentDefinition) -> None:
        self._predictor.agent(event)

    def pool(self, event: PoolStatus) -> None:
        self._predictor.pool(event)

    def told(self, name: str, event: Any) -> None:
        """Its own word, which also says after a restart what is to be judged yet."""
        if name == "LoadPrediction":
            self._predictor.predicted(event)
        else:
            self._predictor.judged(event)

    def expects(self, outlooks: Mapping[str, Outlook], now: int) -> None:
        self._predictor.expects(outlooks, now)

    def look(self, now: int) -> list[tuple[str, Mapping[str, Any]]]:
        """Events to be written, with their names."""
        self._predictor.sample()
        if now < self._look_due:
            return []
        self._look_due = now + PERIOD_S * 1_000_000
        predictions, judgements = self._predictor.look(now)
        for judgement in judgements:
            metrics.PREDICTIONS.labels(verdict(judgement)).inc()
        told: list[tuple[str, Mapping[str, Any]]] = [("LoadPrediction", prediction) for prediction in predictions]
        return [*told, *(("LoadJudgement", judgement) for judgement in judgements)]
