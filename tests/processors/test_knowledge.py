"""What is told as known, in whatever order it came: one's own, the most alike first, of equals the better liked."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.knowledge import ALIKE_MIN, SOLVED, TEXT_CHARS, Hit, Notes, Solved, best_of, is_solved, pieces_of
from processors.meaning import Likeness
from schemas.events import NoteDefinition, TrainingSample
from tests.support.samples import sample

WORDS = ("boats", "trains", "planes", "bikes", "trams", "cars")


class Axes:
    """An axis a word, so that texts are as alike as the words they share; `nothing` has no vector."""

    def embed(self, texts: Any) -> Any:
        rows = np.array([[word in text.lower() for word in WORDS] for text in texts], np.float32).reshape(
            -1, len(WORDS)
        )
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


def note(name: str, text: str, kind: str = "practice", **over: Any) -> NoteDefinition:
    made = {"note": name, "kind": kind, "title": name, "tags": [], "text": text, "removed": False, "updated_at": 0}
    return made | over  # type: ignore[return-value]


def vector(text: str) -> Any:
    return Likeness(Axes()).vector(text)


def told(samples: list[TrainingSample], text: str = "boats", tenant: str | None = "acme", limit: int = 10) -> list[Hit]:
    solved = Solved(Axes())
    for one in samples:
        solved.see(one)
    return solved.near(vector(text), tenant, limit)


@pytest.mark.parametrize(
    ("over", "solved"),
    [
        ({}, True),
        ({"feedback": "positive"}, True),
        ({"feedback": "neutral"}, True),
        ({"feedback": "unknown"}, True),
        ({"feedback": "negative"}, False),
        ({"status": "failed"}, False),
        ({"status": "dead_lettered", "feedback": "positive"}, False),
        ({"text": " \n"}, False),
    ],
)
def test_solved_is_what_was_completed_and_is_not_called_bad(over: dict[str, Any], solved: bool) -> None:
    assert is_solved(sample() | over) is solved  # type: ignore[arg-type]
    assert bool(told([sample() | over])) is solved  # type: ignore[list-item]


def test_a_later_word_against_an_answer_takes_the_problem_out_and_one_taken_back_brings_it_in() -> None:
    good, bad = sample(), sample(revision=1, feedback="negative")
    assert told([good, bad]) == []
    assert told([good, bad, good]) == []
    (hit,) = told([good, bad, sample(revision=2, feedback="neutral")])
    assert (hit.task_id, hit.feedback) == ("t", "neutral")


def test_the_same_words_are_told_once_by_the_answer_that_was_liked_best() -> None:
    samples = [
        sample("unjudged", "Boats  to Oslo", finished_at=9),
        sample("good", "boats to oslo", feedback="positive", finished_at=1),
        sample("good-and-newer", "Boats to Oslo\n", feedback="positive", finished_at=2),
        sample("bad", "boats to oslo", feedback="negative", finished_at=3),
    ]
    (hit,) = told(samples)
    assert (hit.task_id, hit.times, hit.title) == ("good-and-newer", 3, "Boats to Oslo")


def test_the_most_alike_is_first_and_of_equals_the_better_liked() -> None:
    samples = [
        sample("both", "boats, trains"),
        sample("poor", "boats 1", quality=0.6, finished_at=5),
        sample("fine", "boats 2", quality=0.9),
        sample("loved", "boats 3", feedback="positive", quality=0.1),
        sample("newer", "boats 4", quality=0.9, finished_at=2),
        sample("other", "planes"),
    ]
    order = ["loved", "newer", "fine", "poor", "both"]
    assert [hit.task_id for hit in told(samples)] == order
    for limit in range(1, 7):
        assert [hit.task_id for hit in told(samples, limit=limit)] == order[:limit]


def test_a_long_text_is_cut_and_its_title_is_a_line() -> None:
    (hit,) = told([sample(text="boats\n" * 300)])
    assert len(hit.text) == TEXT_CHARS and hit.text.endswith("…")
    assert len(hit.title) == 80 and "\n" not in hit.title


SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["acme", "globex"]),
        st.integers(0, 7),
        st.integers(0, 2),
        st.sampled_from(["completed", "completed", "completed", "failed"]),
    ),
    max_size=40,
)
FEEDBACK = (None, "negative", "positive")


@given(SAMPLES, st.integers(1, 9), st.data())
def test_what_is_remembered_follows_from_the_samples_whatever_their_order_and_repeats(
    drawn: list[tuple[str, int, int, str]], remembered_max: int, data: st.DataObject
) -> None:
    """A task's words, end and outcome are the same in all of its samples; what is said of it differs."""
    status = {(tenant, number): how for tenant, number, _, how in drawn}
    samples = [
        sample(
            str(number),
            WORDS[number % len(WORDS)],
            tenant_id=tenant,
            revision=revision,
            feedback=FEEDBACK[(number + revision) % 3],
            status=status[tenant, number],
            finished_at=100 - number,
        )
        for tenant, number, revision, _ in drawn
    ]
    solved = Solved(Axes(), remembered_max)
    for one in samples + data.draw(st.permutations(samples)):
        solved.see(one)
        if data.draw(st.booleans()):
            solved.learn(1)
    newest: dict[tuple[str, str], TrainingSample] = {}
    for one in sorted(samples, key=lambda one: one["revision"]):
        if one["status"] == "completed":
            newest[one["tenant_id"], one["task_id"]] = one
    kept = sorted(newest, key=lambda key: (newest[key]["finished_at"], key))[-remembered_max:]
    for tenant in ("acme", "globex", "nobody", None):
        wanted = {
            (newest[key]["tenant_id"], newest[key]["text"]): sorted(
                k[1]
                for k in kept
                if is_solved(newest[k]) and (k[0], newest[k]["text"]) == (newest[key]["tenant_id"], newest[key]["text"])
            )
            for key in kept
            if is_solved(newest[key]) and tenant in (None, key[0])
        }
        found = {}
        for word in WORDS:
            for hit in solved.near(vector(word), tenant, 50):
                assert (hit.likeness, hit.text) == (1.0, word)  # its own vector, however rows moved
                found[hit.tenant_id, hit.text] = hit
        assert found.keys() == wanted.keys()
        assert {place: hit.times for place, hit in found.items()} == {place: len(ids) for place, ids in wanted.items()}
        assert all(hit.task_id in wanted[place] for place, hit in found.items())  # type: ignore[index]
        assert solved.count(tenant) == len(wanted)


def test_a_task_of_the_same_id_is_another_one_to_another_tenant() -> None:
    attack = sample(tenant_id="globex", revision=9, feedback="negative")
    assert [hit.task_id for hit in told([sample(), attack])] == ["t"]
    assert told([sample(), attack], tenant="globex") == []


def test_memory_is_given_back_when_much_is_forgotten() -> None:
    solved = Solved(Axes(), 1000)
    for number in range(1000):
        solved.see(sample(str(number), f"boats {number}", finished_at=number))
    solved.learn()
    shelf = solved._shelves["acme"]
    assert len(shelf._vectors) < 1600
    for number in range(999):
        solved.see(sample(str(number), f"boats {number}", finished_at=number, revision=1, feedback="negative"))
    assert len(shelf._vectors) < 10
    assert [hit.task_id for hit in solved.near(vector("boats"), "acme", 5)] == ["999"]


NOTES = {
    "sea": note("sea", f"On boats.\n\n{'Much about the weather. ' * 5}\n\nOn planes {'and what they carry ' * 5}"),
    "road": note("road", "Of cars and trains.", "decision", tags=["trams"]),
    "none": note("none", "Of nothing."),
}


def test_a_note_is_found_by_the_piece_that_is_most_alike_and_told_with_it() -> None:
    notes = Notes(Axes())
    (hit,) = notes.near(vector("planes"), NOTES, None)
    assert (hit.note, hit.kind, hit.likeness) == ("sea", "practice", 1.0)
    assert hit.text.startswith("On planes")
    (hit,) = notes.near(vector("trams"), NOTES, None)  # by a tag: the text's beginning is told
    assert (hit.note, hit.text) == ("road", "Of cars and trains.")
    assert notes.near(vector("trams"), NOTES, "practice") == []
    assert [hit.note for hit in notes.near(vector("trams"), NOTES, "decision")] == ["road"]
    assert notes.near(vector("trams"), {}, None) == []
    assert notes.near(vector("nothing"), NOTES, None) == []


@given(st.text(alphabet="ab \n", max_size=400).filter(str.strip))
def test_the_pieces_of_a_note_are_its_whole_text(text: str) -> None:
    title, *pieces = pieces_of(note("n", text))
    assert title == "n: "
    assert " ".join(pieces).split() == text.split()


def hits(kind: str, likenesses: list[int]) -> list[Hit]:
    ordered = sorted(likenesses, reverse=True)
    return [Hit(kind, likeness / 100, f"{kind} {n}", "") for n, likeness in enumerate(ordered)]


LIKENESSES = st.lists(st.integers(round(100 * ALIKE_MIN), 100), max_size=12)


@given(LIKENESSES, LIKENESSES, st.integers(1, 12))
def test_notes_have_half_of_the_places_and_no_place_stays_empty(
    notes: list[int], solved: list[int], limit: int
) -> None:
    of_notes, of_solved = hits("practice", notes), hits(SOLVED, solved)
    best = best_of(of_notes, of_solved, limit)
    assert len(best) == min(limit, len(notes) + len(solved))
    assert [hit.likeness for hit in best] == sorted((hit.likeness for hit in best), reverse=True)
    taken = [hit for hit in best if hit.kind == "practice"]
    assert taken == of_notes[: len(taken)]
    assert [hit for hit in best if hit.kind == SOLVED] == of_solved[: len(best) - len(taken)]
    assert len(taken) >= min(len(notes), (limit + 1) // 2)
    assert len(best) - len(taken) >= min(len(solved), limit // 2)
