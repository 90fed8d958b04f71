"""A decision in words: its steps from the task to the agent (R4.2), its reason, and whom it looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from processors.learning.exploring import Drawn, Rate
from processors.learning.learned import Opinion
from processors.learning.utility import Weights
from processors.reading import Places, Reading, Ruling
from processors.routing import CANDIDATES_MAX, Index
from processors.skills import Chosen
from processors.standing import Flags, Floats
from schemas.events import Candidate, RoutingStep


@dataclass(frozen=True, slots=True)
class View:
    """What there is to say of a task before anyone is chosen. The arrays have one entry an agent."""

    index: Index
    reading: Reading
    ruling: Ruling
    weights: Weights
    cost: Floats
    model: Chosen
    """The model of Anthropic for agents that name none."""
    scorer: str
    """Name of the learned model; empty when there is none."""
    opinion: Opinion | None
    silence: str
    """Why there is no opinion that counts."""
    utility: Floats
    considered: Flags
    best: int | None
    """The learned model's choice; None when it has none."""
    equals: Places
    """Those that nothing but their weights sets apart from it, itself too."""
    shares: Floats
    """How likely each of these is to have the turn."""
    confidence: float
    """Of the learned model."""

    @property
    def learned_wins(self) -> bool:
        rules = 0.0 if self.ruling.place is None else self.ruling.confidence
        return self.best is not None and self.confidence > rules

    def expects(self, place: int) -> float | None:
        """What the learned model expects of an agent; None where it was not asked."""
        found = float("nan") if self.opinion is None else float(self.opinion.quality[place])
        return found if isfinite(found) else None

    def name(self, place: int | None) -> str:
        return "nobody" if place is None else self.index.ids[place]


def reason(view: View, drawn: Drawn) -> str:
    """The choice in a sentence or two."""
    best, told = view.ruling.place, view.ruling.reason
    if view.learned_wins and view.opinion is not None and view.best is not None:
        rules, best = best, view.best
        agreed = "as the rules do" if rules == best else f"the rules would take {view.name(rules)}"
        told = (
            f"{view.name(best)} is worth most ({view.utility[best]:.2f}; {view.scorer} expects "
            f"{view.opinion.quality[best]:.2f} of it); {agreed}."
        )
    if drawn.tried and drawn.place != best:
        return f"{view.name(drawn.place)} is tried in place of the best, to learn of it. {told}"
    return told


def candidates(view: View, chosen: int) -> list[Candidate]:
    """Best first; the chosen one is always among them."""
    order = view.ruling.order
    if view.learned_wins:
        places = np.flatnonzero(view.considered)
        order = places[np.argsort(-view.utility[places], kind="stable")]
    told = order[:CANDIDATES_MAX].tolist()
    if chosen not in told:
        told = [*told[: CANDIDATES_MAX - 1], chosen]
    return [_candidate(view, place) for place in told]


def _candidate(view: View, place: int) -> Candidate:
    found, cost = view.index.candidate(view.reading, place), view.cost[place]
    found["cost_usd_micros"] = None if np.isnan(cost) else round(float(cost))
    found["wait_ms"] = round(float(view.index.standing.wait_ms[place]))
    if (expected := view.expects(place)) is not None:
        found["learned"] = round(expected, 4)
        found["utility"] = round(float(view.utility[place]), 4)
    return found


def steps(view: View, model: Chosen, rate: Rate | None = None, drawn: Drawn | None = None) -> list[RoutingStep]:
    """`model`: what the agent that was chosen is to ask; no `drawn`: nobody was."""
    reading, ruling = view.reading, view.ruling
    sure = "" if ruling.place is None else f" Confidence {ruling.confidence:.2f}."
    found = [
        step("analyse", f"complexity {reading.features.complexity_score:.2f}", reading.analysis),
        step("skill", reading.skill, reading.skill_reason),
        step("model", model.model or "default", model.reason),
        step("rules", view.name(ruling.place), f"{ruling.reason}{sure}"),
        step("learned", view.name(view.best), _said(view)),
    ]
    if drawn is not None and rate is not None:
        others = set(np.flatnonzero(drawn.tries).tolist()) - set(drawn.equals)
        alone = rate.value > 0 and not drawn.tried and not others
        why = f"{rate.reason}, but no other is good enough here" if alone else rate.reason
        found.append(step("exploration", "tried" if drawn.tried else "no", why))
        who = f"{view.scorer} was" if view.learned_wins else "the rules were"
        by = f"{who} more confident" if view.best is not None else "the rules alone chose"
        found.append(step("agent", view.name(drawn.place), f"{by}; propensity {drawn.propensity(drawn.place):.4g}"))
    return found


def _said(view: View) -> str:
    if view.opinion is None:
        return view.silence
    if view.best is None:
        return "nobody who could do it has room"
    weights, own = view.weights, float(view.reading.weight[view.best])
    weighed = "" if own == 1 else f"{own:.2f} (its weight) × "
    return (
        f"{view.scorer} expects {view.opinion.quality[view.best]:.2f}, known {view.opinion.known:.2f}; utility "
        f"{view.utility[view.best]:.2f} = {weights.quality:g} × {weighed}quality − {weights.cost:g} × cost − "
        f"{weights.wait:g} × wait. Confidence {view.confidence:.2f}."
    )


def step(name: str, result: str, why: str) -> RoutingStep:
    return {"step": name, "result": result, "reason": why}


def named(choice: str, why: str, model: Chosen) -> Sequence[RoutingStep]:
    """The steps to an agent that was asked for by name."""
    return [step("model", model.model or "default", model.reason), step("agent", choice, why)]
