"""The router that learns: the rules and a learned model both look at a task, and the more confident of them chooses.

The rules' confidence is half their score, half its lead over the second (`processors/routing.py`). The model's is its
lead alone: how much more its choice is worth than what the rules would take, as it sees it, of which CLEAR_GAIN is a
clear one; less for a task that is unlike most it was trained on. How good its choice is does not count, for what can be
reached differs from line to line: where nobody gives feedback, a success is worth half. A model that abstains has no
say, and where both would take the same agent the rules have the word.

The model ranks by utility (utility.py); which agent gets the task in the end is left to exploring.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from processors.chance import draw
from processors.learning import exploring
from processors.learning.explaining import View, candidates, named, reason, steps
from processors.learning.learned import Opinion, Scorer
from processors.learning.utility import Costs, Units, utilities, weights_of
from processors.pricing import PRICES, Price
from processors.reading import TURN, Places, Reading, Ruling, turn
from processors.routing import RULES, Choice, Index, known
from processors.skills import model_for
from processors.standing import Flags, Floats
from schemas.events import Override, PoolStatus, SkillDefinition, TaskSubmitted

HYBRID = "hybrid/1"
CLEAR_GAIN = 0.1
"""What the model's choice has to be worth more than the rules', in quality, to lead clearly: twice the error that what
it expects may have."""
KNOWN = 0.2
"""A task that is more like the training data than one in five of these is known; below, it counts in proportion."""
EQUAL = 0.005
"""Agents whose utility is that near to the best are equals, and take turns as those of the rules do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say of a choice; experiments may vary it from task to task."""

    learned: bool = True
    """False: the rules choose, and nothing is tried."""
    explore: float = 0.05
    units: Units = field(default_factory=Units)


USUAL = Terms()
_RULES_ALONE = "the setting `routing` is rules"


class Asked(NamedTuple):
    task: TaskSubmitted
    terms: Terms = USUAL
    settings: Sequence[Override] = ()
    """What differs for this task."""
    measured: bool = False
    """Whether an experiment compares routers with it."""


class Decision(NamedTuple):
    choice: Choice
    drawn: exploring.Drawn | None
    """None where nothing was left to choose."""
    places: Mapping[str, int]

    def propensity(self, agent_id: str) -> float:
        """The probability with which tasks like this go to this agent."""
        if self.drawn is None:
            return float(agent_id == self.choice.agent_id)
        return self.drawn.propensity(self.places[agent_id])


class Hybrid:
    """The router over one registry and one model. Make a new one when either changes; it costs little."""

    def __init__(
        self,
        index: Index,
        scorer: Scorer | None = None,
        skills: Mapping[str, SkillDefinition] | None = None,
        costs: Costs | None = None,
        prices: Mapping[str, Price] = PRICES,
        no_scorer: str = "no model is in use",
        paused: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`no_scorer`: why there is none, in words. `paused`: models that were overloaded a moment ago."""
        self._paused = paused
        self._index = index
        self._scorer = scorer
        self._skills = skills or {}
        self._costs = costs or Costs(index.definitions, prices, "", with_key=False)
        self._prices = prices
        self._no_scorer = no_scorer

    def route(self, asked: Sequence[Asked], pools: Mapping[str, PoolStatus]) -> list[Choice]:
        """In their order: each task knows of the waits that those before it make, here and in earlier calls. Many at
        once cost far less each, for the model is asked about all of them together."""
        index, choices = self._index, []
        for decision in self._decisions(asked, pools):
            choices.append(choice := decision.choice)
            if choice.agent_id is not None:
                index.standing.note(index.places[choice.agent_id])
        return choices

    def decide(self, asked: Asked, pools: Mapping[str, PoolStatus]) -> Decision:
        """What would become of a task, and how likely each agent is to get it."""
        (decision,) = self._decisions([asked], pools)
        return decision

    def _decisions(self, asked: Sequence[Asked], pools: Mapping[str, PoolStatus]) -> Iterator[Decision]:
        readings = self._index.read([one.task for one in asked], pools)
        opinions = self._opinions(asked, readings)
        for one, reading, opinion in zip(asked, readings, opinions, strict=True):
            yield self._decision(one, reading, opinion)

    def _decision(self, asked: Asked, reading: Reading | Choice, opinion: Opinion | str) -> Decision:
        if isinstance(reading, Choice):
            return Decision(self._without_choice(asked.task, reading, asked.settings), None, self._index.places)
        view = self._look(reading, asked, opinion)
        if view.best is None and view.ruling.place is None:
            refused = replace(self._index.ruled(reading, view.ruling), steps=steps(view, view.model))
            return Decision(refused, None, self._index.places)
        left = _left_open(view)
        rate = self._rate(view, left, asked.terms, asked.measured)
        drawn = exploring.drawn(asked.task["task_id"], left.best, left.equals, left.shares, left.tries, rate.value)
        return Decision(self._choice(view, rate, drawn, asked.settings), drawn, self._index.places)

    def _without_choice(self, task: TaskSubmitted, choice: Choice, settings: Sequence[Override]) -> Choice:
        """Refused, in parts, or for the agent that was asked for by name: only its model is left to say."""
        if choice.agent_id is None:
            return choice
        agent = self._index.definitions[self._index.places[choice.agent_id]]
        model = model_for(
            self._skills.get(choice.skill), task, agent, self._prices, settings=settings, paused=self._paused()
        )
        return replace(choice, model=model.model, steps=list(named(choice.agent_id, choice.reason, model)))

    def _look(self, reading: Reading, asked: Asked, told: Opinion | str) -> View:
        index, task, terms = self._index, reading.task, asked.terms
        skill = self._skills.get(reading.skill)
        ruling = index.rule(reading)
        weights = weights_of(skill, task["priority"])
        model = model_for(skill, task, None, self._prices, settings=asked.settings, paused=self._paused())
        cost = self._costs.of(len(task["text"]), task["model"], model.model)
        opinion, silence = (None, told) if isinstance(told, str) else (told, "")
        quality = reading.merits if opinion is None else opinion.quality
        merits = utilities(quality, cost, index.standing.wait_ms, weights, terms.units)
        utility = utilities(quality * reading.weight, cost, index.standing.wait_ms, weights, terms.units)
        looked_at = self._looked_at(reading)
        considered = reading.room & looked_at
        if not considered.any():  # all are at work or failing: it knows best even then, and a queue is no refusal
            considered = index.standing.takes & looked_at
        best, equals, shares, sure = None, np.zeros(0, np.intp), np.zeros(0), 0.0
        if opinion is not None and considered.any():
            equals = _equals(merits, utility, considered)
            place, shares = turn(reading.weight[equals], draw(task["task_id"], TURN))
            best = int(equals[place])
            gain = _gain(utility, equals, shares, ruling) / weights.quality
            sure = min(1.0, opinion.known / KNOWN) * min(1.0, max(0.0, gain / CLEAR_GAIN))
        return View(
            index,
            reading,
            ruling,
            weights,
            cost,
            model,
            self._scorer.name if self._scorer else "",
            opinion,
            silence,
            utility,
            considered,
            best,
            equals,
            shares,
            round(sure, 3),
        )

    def _looked_at(self, reading: Reading) -> Flags:
        """Whom the model may choose: those who can do it and the fallbacks; where nobody can, those who match; where
        nothing says whose work it is, everybody."""
        if not reading.skill_known:
            return np.ones_like(reading.matching)
        if (places := self._index.group(reading)) is None:
            return reading.matching | self._index.fallbacks
        found = np.zeros_like(reading.matching)
        found[places] = True
        return found

    def _opinions(self, asked: Sequence[Asked], readings: Sequence[Reading | Choice]) -> list[Opinion | str]:
        """Of each task, or why there is none. Tasks of the same kind of work are asked about together."""
        told: list[Opinion | str] = [self._no_scorer if one.terms.learned else _RULES_ALONE for one in asked]
        if self._scorer is None:
            return told
        groups: dict[str, list[tuple[int, Reading]]] = {}
        for place, (one, reading) in enumerate(zip(asked, readings, strict=True)):
            if isinstance(reading, Reading) and one.terms.learned:
                groups.setdefault(reading.skill if reading.skill_known else "", []).append((place, reading))
        for group in groups.values():
            opinions = self._asked([reading for _, reading in group])
            for (place, _), opinion in zip(group, opinions, strict=True):
                told[place] = opinion
        return told

    def _asked(self, readings: Sequence[Reading]) -> Sequence[Opinion | str]:
        """About tasks of one kind of work."""
        assert self._scorer is not None
        among = self._index.group(readings[0]) if readings[0].skill_known else None
        found = self._scorer.ask([reading.task for reading in readings], self._index.standing, among)
        if isinstance(found, str):
            return [found] * len(readings)
        name = self._scorer.name
        return [f"{name} knows no such tasks ({one.known:.2f}) and abstains" if one.abstains else one for one in found]

    def _rate(self, view: View, left: "_Open", terms: Terms, measured: bool) -> exploring.Rate:
        if not terms.learned:
            return exploring.Rate(0.0, f"off: {_RULES_ALONE}")
        standing, reading = self._index.standing, view.reading
        members = reading.able if reading.able.any() else reading.matching
        errors = exploring.class_errors(standing.errors, standing.runs, members)
        unknown = exploring.lead(left.values, left.unknown, left.tries > 0, left.equals)
        return exploring.rate(terms.explore, reading.task["priority"], measured, errors, unknown)

    def _choice(self, view: View, rate: exploring.Rate, drawn: exploring.Drawn, settings: Sequence[Override]) -> Choice:
        reading, agent = view.reading, self._index.definitions[drawn.place]
        model = view.model
        if agent["model"]:
            model = model_for(None, reading.task, agent, self._prices, settings=settings, paused=self._paused())
        other = view.ruling.place if view.learned_wins else view.best
        choice = Choice(
            agent_id=agent["agent_id"],
            pool=agent["agent_id"],
            skill=reading.skill,
            complexity=reading.features.complexity_score,
            confidence=view.confidence if view.learned_wins else view.ruling.confidence,
            reason=reason(view, drawn),
            candidates=candidates(view, drawn.place),
            router=HYBRID if view.learned_wins else RULES,
            propensity=drawn.propensity(drawn.place),
            model=model.model,
            steps=steps(view, model, rate, drawn),
            alternative=None if other is None else view.name(other),
        )
        expected = view.expects(drawn.place)
        scorer = None if view.opinion is None else view.scorer
        return replace(choice, decided=known(choice, self._index.standing.of(drawn.place), scorer, expected))


def _equals(merits: Floats, utility: Floats, among: Flags) -> Places:
    """The best, and those that nothing but their weights sets apart from it, unless others come between.

    `merits`: what each would be worth if all weighed the same."""
    best = int(np.flatnonzero(among)[utility[among].argmax()])
    alike = among & (np.abs(merits - merits[best]) <= EQUAL)
    others = utility[among & ~alike].max(initial=-np.inf)
    return np.flatnonzero(alike & (utility >= others))


def _gain(utility: Floats, equals: Places, shares: Floats, ruling: Ruling) -> float:
    """What the model's choice is worth more than that of the rules. Of equals the mean, whoever's turn it is: who wins
    must not be left to chance, for the propensity does not tell of it. Nothing, where it was not asked of them."""
    if not len(ruling.equals):
        return np.inf
    gain = float((utility[equals] * shares).sum() - (utility[ruling.equals] * ruling.shares).sum())
    return gain if np.isfinite(gain) else 0.0


class _Open(NamedTuple):
    """What is left to chance."""

    best: int
    equals: Sequence[int]
    shares: Sequence[float]
    values: Floats
    unknown: Floats
    tries: Floats
    """p_try."""


def _left_open(view: View) -> _Open:
    """The winner's best, its equals, and who may be tried in their place."""
    reading, standing = view.reading, view.index.standing
    if view.learned_wins and view.best is not None:
        best, equals, shares, values, among = view.best, view.equals, view.shares, view.utility, view.considered
    else:
        assert view.ruling.place is not None
        able = reading.able & reading.room
        among = able if able.any() else reading.matching & reading.room
        best, values = view.ruling.place, reading.scores
        equals, shares = view.ruling.equals, view.ruling.shares
    may = exploring.plausible(values, among, standing.errors, standing.runs)
    unknown = exploring.unknown(standing.runs, view.opinion.like if view.opinion else None)
    return _Open(best, equals.tolist(), shares.tolist(), values, unknown, exploring.chances(values, unknown, may))
