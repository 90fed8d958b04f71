"""A task as the rules see it, before an agent is chosen: what it is, what speaks for each agent, and who is best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.chance import draw
from processors.features import GENERAL, TaskFeatures, canonical
from processors.standing import Flags, Floats
from schemas.events import AgentDefinition, TaskSubmitted

Places = NDArray[np.intp]
"""Agents by their place in the registry, which goes by their ids."""
TURN = "turn"
"""What is drawn to decide between equals."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A task as the rules see it: what it is, and what speaks for each agent. The arrays have one entry an agent."""

    task: TaskSubmitted
    skill: str
    skill_reason: str
    features: TaskFeatures
    merits: Floats
    """What the rules find, before it is weighed."""
    weight: Floats
    """How much each is preferred; 1 is as much as others."""
    scores: Floats
    """The merits, weighed."""
    room: Flags
    able: Flags
    matching: Flags
    """Those with the skill, or with a word in common unless the skill was asked for."""
    mentions: Sequence["Mention"]

    def words(self, place: int, perspective: bool) -> list[str]:
        """Words of the text that are keywords of an agent, or perspectives."""
        return [each.word for each in self.mentions if each.perspective is perspective and place in each.who]

    @property
    def skill_known(self) -> bool:
        return self.skill != GENERAL

    @property
    def analysis(self) -> str:
        of, found = [], self.features
        of += ["code"] * found.has_code_keywords
        of += ["research"] * found.has_research_keywords
        of += ["tests"] * found.has_test_keywords
        words = f"; words of {', '.join(of)}" if of else ""
        return f"{found.task_length:,} characters{words}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules make of a reading."""

    place: int | None
    """The agent chosen; None when nobody can take the task."""
    equals: Places
    """Those that nothing but their weights sets apart from it, itself too: they take turns by a hash of the task."""
    shares: Floats
    """How likely each of the equals is to have the turn."""
    order: Places
    """Whom they considered, best first."""
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A word that is a keyword of some agents, or a perspective."""

    word: str
    perspective: bool
    who: frozenset[int]
    places: Places


def mentions_of(alive: Sequence[AgentDefinition]) -> Iterator[tuple[str, Mention]]:
    who: dict[tuple[str, bool], set[int]] = {}
    for place, definition in enumerate(alive):
        # Two spellings that one word of a text would match are one keyword.
        for word in {canonical(word): word for word in reversed(definition["keywords"])}.values():
            who.setdefault((word, False), set()).add(place)
        for word in definition["perspectives"]:
            who.setdefault((word.replace("_", " "), True), set()).add(place)
    for (word, perspective), places in who.items():
        yield word, Mention(word, perspective, frozenset(places), np.array(sorted(places), np.intp))


def ranked(reading: Reading, places: Places) -> Places:
    """Best first, those with room before those without."""
    return places[np.lexsort((-reading.scores[places], ~reading.room[places]))]


def in_turn(reading: Reading, order: Places) -> tuple[Places, Places, Floats]:
    """Equals take turns by a hash of the task, so that a burst between two reports of load does not pile on the first;
    one that weighs more has more turns. The order with the one whose turn it is in front, the equals and their shares.
    """
    best = order[0]
    same = (reading.merits[order] == reading.merits[best]) & (reading.room[order] == reading.room[best])
    count = len(order) if same.all() else int(same.argmin())  # up to the first that is preferred for other reasons
    equals = order[:count]
    place, shares = turn(reading.weight[equals], draw(reading.task["task_id"], TURN))
    return np.concatenate([order[place : place + 1], order[:place], order[place + 1 :]]), equals, shares


def turn(weights: Floats, drawn: float) -> tuple[int, Floats]:
    """Whose turn it is, and how likely each is to have it. `drawn` evenly from 0 to below 1."""
    bounds = np.cumsum(weights)
    place = int(np.searchsorted(bounds, drawn * bounds[-1], side="right"))
    return min(place, len(weights) - 1), weights / bounds[-1]
