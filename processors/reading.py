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
    scores: Floats
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
    """Those that nothing sets apart from it, itself too: they take turns by a hash of the task."""
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


def in_turn(reading: Reading, order: Places) -> tuple[Places, Places]:
    """Equals take turns by a hash of the task, so that a burst between two reports of load does not pile on the first.
    The order with the one whose turn it is in front, and the equals."""
    best = order[0]
    same = (reading.scores[order] == reading.scores[best]) & (reading.room[order] == reading.room[best])
    equals = order[: int(np.count_nonzero(same))]
    turn = int(draw(reading.task["task_id"], TURN) * len(equals))
    return np.concatenate([order[turn : turn + 1], order[:turn], order[turn + 1 :]]), equals
