from hypothesis import given
from hypothesis import strategies as st

from processors.admission import Limits, objection
from processors.conversation import (
    BYTES_MAX,
    MESSAGES_MAX,
    SILENCE_US,
    Exchange,
    alternating,
    remembered,
)
from processors.conversation import objection as of_conversation
from tests.support.agents import task

MINUTE = 60_000_000
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def exchange(n: int, answer: str = "yes", *, at: int | None = None, took: int = MINUTE) -> Exchange:
    began = n * 2 * MINUTE if at is None else at
    return Exchange(f"question {n}", answer, began, began + took if answer else began)


def test_both_sides_are_remembered_oldest_first() -> None:
    told = remembered([exchange(2), exchange(1)], 5 * MINUTE)
    assert [message["text"] for message in told] == ["question 1", "yes", "question 2", "yes"]


def test_after_an_hour_of_silence_the_memory_begins_anew() -> None:
    newest, before = exchange(2, at=SILENCE_US + 2 * MINUTE), exchange(1, at=0)
    assert len(remembered([newest, before], newest.ended_at)) == 2
    assert remembered([before], before.ended_at + SILENCE_US + 1) == []
    assert len(remembered([before], before.ended_at + SILENCE_US)) == 2


def test_how_long_an_answer_takes_is_no_silence() -> None:
    long_one = exchange(1, at=0, took=5 * SILENCE_US)
    assert len(remembered([long_one], 5 * SILENCE_US + MINUTE)) == 2


def test_only_the_newest_fifty_messages_are_remembered_beginning_with_a_question() -> None:
    told = remembered([exchange(n) for n in range(60, 0, -1)], 122 * MINUTE)
    assert len(told) == MESSAGES_MAX and told[0]["role"] == "user" and told[-2]["text"] == "question 60"
    unanswered = [exchange(61, "")] + [exchange(n) for n in range(60, 0, -1)]
    told = remembered(unanswered, 124 * MINUTE)
    assert told[0]["role"] == "user" and len(told) == MESSAGES_MAX - 1


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)), max_size=8))
def test_what_is_remembered_is_whole_and_within_its_bounds(sizes: list[tuple[int, int]]) -> None:
    said = [Exchange("q" * (1 + q), "ü" * a, n, n) for n, (q, a) in enumerate(sizes)]
    told = remembered(said[::-1], len(said))
    assert sum(len(message["text"].encode()) for message in told) <= BYTES_MAX
    assert not told or told[0]["role"] == "user"
    whole = {e.text for e in said} | {e.answer for e in said}
    assert {message["text"] for message in told} <= whole
    assert of_conversation(told) is None


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "unknown"]), TEXTS), max_size=12), TEXTS)
def test_a_model_is_told_by_turns_beginning_and_ending_with_a_question(said: list[tuple[str, str]], text: str) -> None:
    told = alternating([{"role": role, "text": part} for role, part in said], text)  # type: ignore[typeddict-item]
    assert [role for role, _ in told] == ["user" if n % 2 == 0 else "assistant" for n in range(len(told))]
    assert told[-1][0] == "user" and told[-1][1].endswith(text)
    assert all(part.strip() for _, part in told[:-1])


def test_a_task_that_carries_too_much_is_not_taken() -> None:
    much = [{"role": "user", "text": "x" * (BYTES_MAX // 2 + 1)}] * 2
    assert "bytes" in str(objection(task("x", conversation=much), Limits()))
    many = [{"role": "user", "text": "x"}] * (MESSAGES_MAX + 1)
    assert "51 messages" in str(objection(task("x", conversation=many), Limits()))
    assert objection(task("x", conversation=many[1:]), Limits()) is None
