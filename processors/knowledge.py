"""The knowledge base's decisions: what counts as solved, what is remembered of it, and what is told first of what is
like a question.

There are notes, which people write, and solved problems, which are samples of tasks. Both are compared by meaning
alone. Who makes vectors comes in as an argument; for one thread at a time.
"""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from sys import intern
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.meaning import Embeds, Likeness
from schemas.events import FeedbackKind, NoteDefinition, TrainingSample

SOLVED = "solved"
KINDS = ("practice", "decision", SOLVED)
REMEMBERED_MAX = 20_000
"""Completed tasks, the newest of all tenants together."""
TEXT_CHARS, TITLE_CHARS = 500, 80
"""Of a problem's text so much is kept, compared and told."""
LIMIT, LIMIT_MAX = 10, 50
"""Hits that are told."""
ALIKE_MIN = 0.2
"""Less likeness than this says nothing: any two texts have some."""
_PIECE_CHARS_MIN = 80
"""Paragraphs of a note are compared by themselves; a shorter one goes with the next."""


class Hit(NamedTuple):
    """Something that is like the question. What the other sort has is null."""

    kind: str
    """`practice`, `decision` or `solved`."""
    likeness: float
    """In meaning, 0–1."""
    title: str
    text: str
    """Of a problem the beginning; of a note the part that is most like the question."""
    note: str | None = None
    task_id: str | None = None
    tenant_id: str | None = None
    agent_id: str | None = None
    skill: str | None = None
    model: str | None = None
    feedback: FeedbackKind | None = None
    quality: float | None = None
    finished_at: int | None = None
    times: int | None = None
    """How many of the remembered tasks asked this in the same words and were solved."""


def is_solved(sample: TrainingSample) -> bool:
    """The one rule: the task was completed, and people do not call its answer bad. Most answers nobody judges, so that
    nothing was said stands against none."""
    return sample["status"] == "completed" and sample["feedback"] != "negative" and bool(sample["text"].strip())


def best_of(notes: Sequence[Hit], solved: Sequence[Hit], limit: int) -> list[Hit]:
    """The most alike of both, each the best first. Half of the places are for notes, as far as there are some: problems
    are many, and would hide what somebody wrote to be found."""
    places = max(limit - len(solved), (limit + 1) // 2)
    both = [*notes[:places], *solved[: limit - len(notes[:places])]]
    return sorted(both, key=lambda hit: -hit.likeness)


class Notes:
    """Compares notes piece by piece, and remembers the vectors of what did not change."""

    def __init__(self, embedder: Embeds) -> None:
        self._likeness = Likeness(embedder)

    def near(self, vector: NDArray[np.float32], notes: Mapping[str, NoteDefinition], kind: str | None) -> list[Hit]:
        """Those of one kind, or all, each by the piece that is most alike; the most alike first."""
        pieces = {(name, n): piece for name, note in notes.items() for n, piece in enumerate(pieces_of(note))}
        names = {f"{n} {name}": (name, n) for name, n in pieces}
        meanings = self._likeness.meanings({given: pieces[place] for given, place in names.items()})
        hits: dict[str, Hit] = {}
        for given, likeness in meanings.near(vector):
            name, n = names[given]
            note = notes[name]
            if name in hits or likeness < ALIKE_MIN or kind not in (None, note["kind"]):
                continue
            text = shortened(pieces[name, max(n, 1)], TEXT_CHARS)
            hits[name] = Hit(note["kind"], round(likeness, 2), note["title"], text, note=name)
        return list(hits.values())


def pieces_of(note: NoteDefinition) -> list[str]:
    """What a note says, to be compared one by one: its title with its tags, then its text by paragraphs."""
    pieces = [""]
    for paragraph in re.split(r"\n\s*\n", note["text"].strip()):
        if len(pieces[-1]) >= _PIECE_CHARS_MIN:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]}\n{paragraph}".strip()
    return [f"{note['title']}: {', '.join(note['tags'])}", *pieces]


class _Answer(NamedTuple):
    """A task that solved something."""

    label: float
    """How good it was, as it is learned: what people said, else that it was completed."""
    quality: float | None
    finished_at: int
    task_id: str
    agent_id: str
    skill: str
    model: str | None
    feedback: FeedbackKind | None


def _liked(answer: _Answer) -> tuple[float, float, int, str]:
    """The greater the better: what people said, then what the line measured, then the newest."""
    return answer.label, answer.quality or 0.0, answer.finished_at, answer.task_id


@dataclass(slots=True)
class _Wording:
    """One way in which a tenant asked something, with what solved it."""

    text: str
    answers: dict[str, _Answer] = field(default_factory=dict)
    row: int | None = None
    """Of its vector; null until it has one."""


class _Shelf:
    """What one tenant solved. Nothing of another is in it, so that no search can tell it."""

    def __init__(self) -> None:
        self.wordings: dict[bytes, _Wording] = {}
        self._rows: list[_Wording] = []
        self._vectors: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        """(room, size); those in use are in front."""

    def place(self, wording: _Wording, vector: NDArray[np.float32]) -> None:
        used = len(self._rows)
        if used == len(self._vectors):
            room = np.zeros((used + used // 2 + 4, len(vector)), np.float32)
            if used:
                room[:used] = self._vectors
            self._vectors = room
        self._vectors[used] = vector
        self._rows.append(wording)
        wording.row = used

    def clear(self, wording: _Wording) -> None:
        """Its row goes to the last one, so that there is no hole."""
        if wording.row is None:
            return
        last = self._rows.pop()
        used = len(self._rows)
        if last is not wording:
            self._rows[wording.row] = last
            self._vectors[wording.row] = self._vectors[used]
        last.row, wording.row = wording.row, None
        if len(self._vectors) > 4 * used + 4:
            self._vectors = self._vectors[: 2 * used].copy()

    def near(self, vector: NDArray[np.float32]) -> list[tuple[float, _Wording]]:
        if not self._rows:
            return []
        likeness = self._vectors[: len(self._rows)] @ vector
        near = np.flatnonzero(likeness >= ALIKE_MIN)
        return [(round(min(1.0, float(likeness[row])), 2), self._rows[row]) for row in near]


class Solved:
    """The solved problems among the newest completed tasks.

    The newest sample of a task is what counts, whatever the order they come in and however often: a word against an
    answer takes the problem out, and one that is taken back brings it in again.
    """

    def __init__(self, embedder: Embeds, remembered_max: int = REMEMBERED_MAX) -> None:
        self._embedder = embedder
        self._remembered_max = remembered_max
        self._known: dict[tuple[str, str], tuple[int, bytes]] = {}
        """By tenant and task, of all that were completed: the newest revision, and the wording."""
        self._oldest: list[tuple[int, tuple[str, str]]] = []
        """A heap of them by their end."""
        self._shelves: dict[str, _Shelf] = {}
        """By tenant; none is empty."""
        self._unlearned: dict[tuple[str, bytes], _Wording] = {}

    def see(self, sample: TrainingSample) -> None:
        if sample["status"] != "completed":  # no later sample of a task says that it ended otherwise
            return
        key, wording = (sample["tenant_id"], sample["task_id"]), _wording_of(sample["text"])
        known = self._known.get(key)
        if known is None:
            heapq.heappush(self._oldest, (sample["finished_at"], key))
        elif known[0] >= sample["revision"]:
            return
        else:
            self._take_out(key, known[1])
        self._known[key] = sample["revision"], wording
        if is_solved(sample):
            self._put(key, wording, sample)
        while len(self._known) > self._remembered_max:
            _, oldest = heapq.heappop(self._oldest)
            self._take_out(oldest, self._known.pop(oldest)[1])

    def learn(self, wordings_max: int | None = None) -> None:
        """Makes the vectors of so many wordings that have none yet, or of all."""
        some = list(self._unlearned.items())[:wordings_max]
        vectors = self._embedder.embed([wording.text for _, wording in some])
        for (key, wording), vector in zip(some, vectors, strict=True):
            self._shelves[key[0]].place(wording, vector)
            del self._unlearned[key]

    def count(self, tenant: str | None) -> int:
        """Problems of one tenant, each wording once; null: of all."""
        return sum(len(shelf.wordings) for shelf in self._of(tenant).values())

    def near(self, vector: NDArray[np.float32], tenant: str | None, limit: int) -> list[Hit]:
        """The best of one tenant, or of all: the most alike, of those equally alike the better liked. Each wording is
        told once, by the task that was liked best."""
        self.learn()
        found = [(alike, name, one) for name, shelf in self._of(tenant).items() for alike, one in shelf.near(vector)]
        found.sort(key=lambda each: -each[0])
        # Of those as alike as the last one that has room, all are looked at.
        found = [each for each in found if each[0] >= found[min(limit, len(found)) - 1][0]]
        best = [(alike, max(one.answers.values(), key=_liked), name, one) for alike, name, one in found]
        best.sort(key=lambda each: (each[0], _liked(each[1]), each[2]), reverse=True)
        return [_hit(*each) for each in best[:limit]]

    def _of(self, tenant: str | None) -> Mapping[str, _Shelf]:
        if tenant is None:
            return self._shelves
        return {tenant: self._shelves[tenant]} if tenant in self._shelves else {}

    def _put(self, key: tuple[str, str], wording: bytes, sample: TrainingSample) -> None:
        tenant, task_id = key
        shelf = self._shelves.setdefault(tenant, _Shelf())
        one = shelf.wordings.get(wording)
        if one is None:
            one = shelf.wordings[wording] = _Wording(shortened(sample["text"], TEXT_CHARS))
            self._unlearned[tenant, wording] = one
        one.answers[task_id] = _answer(sample)

    def _take_out(self, key: tuple[str, str], wording: bytes) -> None:
        tenant, task_id = key
        shelf = self._shelves.get(tenant)
        one = shelf.wordings.get(wording) if shelf else None
        if shelf is None or one is None or one.answers.pop(task_id, None) is None or one.answers:
            return
        del shelf.wordings[wording]
        self._unlearned.pop((tenant, wording), None)
        shelf.clear(one)
        if not shelf.wordings:
            del self._shelves[tenant]


def shortened(text: str, chars_max: int) -> str:
    """In one line, and cut to a length."""
    line = " ".join(text.split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def _wording_of(text: str) -> bytes:
    """The same for texts that differ in blanks and capitals only."""
    return blake2b(" ".join(text.split()).casefold().encode(errors="replace"), digest_size=16).digest()


def _answer(sample: TrainingSample) -> _Answer:
    """Names are the same string for all, for there are few of them and many tasks."""
    return _Answer(
        label=sample["label"],
        quality=sample["quality"],
        finished_at=sample["finished_at"],
        task_id=sample["task_id"],
        agent_id=intern(sample["agent_id"]),
        skill=intern(sample["skill"]),
        model=sample["model"] and intern(sample["model"]),
        feedback=sample["feedback"],
    )


def _hit(likeness: float, answer: _Answer, tenant: str, wording: _Wording) -> Hit:
    return Hit(
        kind=SOLVED,
        likeness=likeness,
        title=shortened(wording.text, TITLE_CHARS),
        text=wording.text,
        task_id=answer.task_id,
        tenant_id=tenant,
        agent_id=answer.agent_id,
        skill=answer.skill,
        model=answer.model,
        feedback=answer.feedback,
        quality=answer.quality,
        finished_at=answer.finished_at,
        times=len(wording.answers),
    )
