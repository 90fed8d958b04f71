"""Loads of one agent over days, minute by minute: tasks that come at random at a rate of the time, and take a while."""

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from processors.predicting.judging import Verdict, verdict
from processors.predicting.outlook import outlook
from processors.predicting.predictor import Predictor
from processors.scaling.history import STEP_S, WEEKS_S
from schemas.events import LoadJudgement, LoadPrediction
from tests.support.scaling import S, definition, status

MINUTE_S, DAY_S = 60, 86_400
MONDAY_S = 1_789_948_800
INSTANCES, SLOTS = 4, 10
LOOKS = 5
"""Of a minute."""


def minutes(busy: Callable[[int], float], days: int, seed: int, takes_s: float = 60.0) -> NDArray[np.float64]:
    """Mean slots at work in each minute, from Monday on. `busy`: what they would be on the mean at that time."""
    random, stays = np.random.default_rng(seed), float(np.exp(-MINUTE_S / LOOKS / takes_s))
    running, found = 0, np.empty(days * DAY_S // MINUTE_S)
    for minute in range(len(found)):
        wanted, total = busy(minute * MINUTE_S), 0
        for _ in range(LOOKS):
            running = int(random.binomial(running, stays) + random.poisson(wanted * (1 - stays)))
            total += min(running, INSTANCES * SLOTS)
        found[minute] = total / LOOKS
    return found


class Watched:
    """A predictor that sees these minutes go by, with a forecast each `every` minutes."""

    def __init__(self, of: NDArray[np.float64], rest: float = 0.0) -> None:
        self._minutes, self._rest = of, rest
        self._peaks = of.reshape(-1, STEP_S // MINUTE_S).max(axis=1)
        self.predictor = Predictor()
        self.predictor.agent(definition("coder", INSTANCES))
        self.predictions: list[LoadPrediction] = []
        self.judgements: list[LoadJudgement] = []

    def run(self, begin: int, end: int, every: int = 10) -> "Watched":
        """Minutes since Monday."""
        for minute in range(begin, end):
            now_s = MONDAY_S + (minute + 1) * MINUTE_S
            load = 10 * self._minutes[minute] / INSTANCES + self._rest
            self.predictor.pool(
                status(running=self._minutes[minute], slots=INSTANCES * SLOTS, instances=INSTANCES, load_score=load)
            )
            self.predictor.sample()
            if (minute - begin) % every == 0:
                found = outlook(self._past(now_s), now_s)
                self.predictor.expects({"coder": found} if found else {}, now_s * S)
            predictions, judgements = self.predictor.look(now_s * S)
            self.predictions += predictions
            self.judgements += judgements
        return self

    def _past(self, now_s: int) -> dict[int, float]:
        over = (now_s - MONDAY_S) // STEP_S
        first = max(0, over - WEEKS_S // STEP_S)
        return {MONDAY_S + step * STEP_S: float(self._peaks[step]) for step in range(first, over)}

    @property
    def verdicts(self) -> Counter[Verdict]:
        return Counter(map(verdict, self.judgements))
