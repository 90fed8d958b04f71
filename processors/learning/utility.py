"""What an agent is worth for a task: how likely it succeeds, less what it costs and how long the task waits for it.

    utility = w_quality · P(success) − w_cost · cost / cost_unit − w_wait · wait / wait_unit

The first two weights are the skill's (R4.1: 0.7 and 0.3), the third goes by the priority of the task. The units are
settings: a cost, or a wait, of one unit weighs as much as the difference between sure failure and sure success would at
the same weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from processors.pricing import Price, price_of
from processors.standing import Flags, Floats
from schemas.events import AgentDefinition, SkillDefinition

PERFORMANCE_WEIGHT, COST_WEIGHT = 0.7, 0.3
"""Of a task whose skill nobody defined."""
WAIT_WEIGHT_STEP = 0.05
"""What a level of priority adds to the weight of waiting: 0.05 at priority 10, 0.3 at 5, 0.5 at 1."""
QUALITY_WEIGHT_MIN = 0.01
"""Of a skill that says quality counts for nothing: the line still tells success from failure."""
CHARS_PER_TOKEN = 4
ANSWER_SHARE = 4
"""An answer is expected to take a quarter of the tokens that the agent may use."""


@dataclass(frozen=True, slots=True)
class Weights:
    quality: float
    cost: float
    wait: float


@dataclass(frozen=True, slots=True)
class Units:
    """The settings of the same names."""

    cost_unit_usd: float = 0.1
    wait_unit_s: float = 60.0


def weights_of(skill: SkillDefinition | None, priority: int) -> Weights:
    """A record that no file made may hold any number."""
    quality, cost = (
        (PERFORMANCE_WEIGHT, COST_WEIGHT) if skill is None else (skill["performance_weight"], skill["cost_weight"])
    )
    level = min(10, max(1, priority))
    return Weights(max(QUALITY_WEIGHT_MIN, _share(quality)), _share(cost), WAIT_WEIGHT_STEP * (11 - level))


def _share(weight: float) -> float:
    return min(1.0, max(0.0, weight)) if isfinite(weight) else 0.0


def utilities(quality: Floats, cost_usd_micros: Floats, wait_ms: Floats, weights: Weights, units: Units) -> Floats:
    """One entry an agent. A cost that is not known (NaN) counts as the mean of those that are: nobody gains by it."""
    known = ~np.isnan(cost_usd_micros)
    usual = float(cost_usd_micros[known].mean()) if known.any() else 0.0
    cost = np.where(known, cost_usd_micros, usual) / (units.cost_unit_usd * 1e6)
    wait = wait_ms / (units.wait_unit_s * 1000)
    found: Floats = weights.quality * quality - weights.cost * cost - weights.wait * wait
    return found


class Costs:
    """What a task is expected to cost with each agent of a registry, in micro-dollars: what its prompt, the text and an
    answer of usual length do with its model; NaN for one that asks no model of Anthropic."""

    def __init__(
        self,
        agents: Sequence[AgentDefinition],
        prices: Mapping[str, Price],
        model_default: str,
        with_key: bool,
    ) -> None:
        """`with_key`: whether agents that may choose do ask a model, as they do when there is a key."""
        asks = [a["runner"] == "anthropic" or (a["runner"] == "auto" and with_key) for a in agents]
        self._prices = prices
        self._default = model_default
        self._asks: Flags = np.array(asks, np.bool_)
        self._unknown: Floats = np.full(len(agents), np.nan)
        self._own: Flags = np.array([a["model"] is not None for a in agents], np.bool_)
        self._prompt: Floats = np.array([len(a["prompt"]) / CHARS_PER_TOKEN for a in agents])
        self._answer: Floats = np.array([a["max_tokens"] / ANSWER_SHARE for a in agents])
        found = [price_of(a["model"] or model_default, prices) for a in agents]
        self._price_in: Floats = np.array([price.tokens_in for price in found], np.float64)
        self._price_out: Floats = np.array([price.tokens_out for price in found], np.float64)

    def of(self, chars: int, asked: str | None, of_skill: str | None) -> Floats:
        """`asked`: the model that the task names; `of_skill`: the one that its skill gives agents without their own."""
        if not self._asks.any():
            return self._unknown
        price_in, price_out = self._price_in, self._price_out
        if asked or of_skill:
            price = price_of(asked or of_skill or self._default, self._prices)
            keeps = self._own if not asked else np.zeros_like(self._own)
            price_in = np.where(keeps, price_in, price.tokens_in)
            price_out = np.where(keeps, price_out, price.tokens_out)
        estimate = ((self._prompt + chars / CHARS_PER_TOKEN) * price_in + self._answer * price_out) / 1e6
        found: Floats = np.where(self._asks, estimate, np.nan)
        return found
