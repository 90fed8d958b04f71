import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadInput
from gateway.submission import FIELDS, duration_us, task_from, tasks_from_lines
from processors.admission import Limits
from schemas.codec import decode_as, encode

NOW_US = 1_790_000_000_000_000
LIMITS = Limits()


def refusal(**fields: Any) -> str:
    with pytest.raises(BadInput) as caught:
        task_from({"text": "x", **fields}, NOW_US, limits=LIMITS)
    return str(caught.value)


def lines(*values: Any) -> list[bytes]:
    return [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]


def refused_file(*values: Any) -> str:
    with pytest.raises(BadInput) as caught:
        tasks_from_lines(lines(*values), NOW_US, source="tasks.jsonl", limits=LIMITS)
    return str(caught.value)


def test_a_text_is_enough() -> None:
    task = task_from({"text": "Summarise the log"}, NOW_US, limits=LIMITS)
    assert task["priority"] == 5
    assert task["tenant_id"] == "default"
    assert task["session_id"] == task["task_id"]
    assert task["submitted_at"] == NOW_US
    assert decode_as("TaskSubmitted", encode("TaskSubmitted", task)) == task


def test_everything_a_submitter_may_say_arrives() -> None:
    given_ = {
        "text": "Write a haiku about each",
        "task_id": "order-17",
        "session_id": "s-1",
        "tenant_id": "acme",
        "priority": 1,
        "agent_id": "doc-writer",
        "skill": "documentation",
        "model": "claude-haiku-4-5",
        "deadline_at": NOW_US + 5,
        "timeout_ms": 1500,
        "retries_max": 0,
        "redos_max": 2,
        "items": ["a", "b"],
        "conversation": [{"role": "user", "text": "Hello"}, {"role": "assistant", "text": "Good morning"}],
    }
    assert set(given_) == set(FIELDS)
    task = task_from(given_, NOW_US, limits=LIMITS)
    assert {name: task[name] for name in given_} == given_  # type: ignore[literal-required]


@pytest.mark.parametrize(
    ("text", "us"), [("500ms", 500_000), ("30s", 30_000_000), ("1.5m", 90_000_000), ("2h", 7_200_000_000)]
)
def test_durations(text: str, us: int) -> None:
    assert duration_us(text) == us
    assert task_from({"text": "x", "deadline_at": text}, NOW_US, limits=LIMITS)["deadline_at"] == NOW_US + us


def test_a_deadline_may_be_a_time_with_or_without_zone() -> None:
    with_zone = task_from({"text": "x", "deadline_at": "2026-01-31T13:00:00+01:00"}, NOW_US, limits=LIMITS)
    without = task_from({"text": "x", "deadline_at": "2026-01-31T12:00:00"}, NOW_US, limits=LIMITS)
    assert with_zone["deadline_at"] == without["deadline_at"] == 1_769_860_800_000_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("text", "  "),
        ("text", "half a pair: \ud83d"),
        ("priority", 0),
        ("priority", 11),
        ("priority", True),
        ("priority", "5"),
        ("priority", 2.5),
        ("agent_id", ""),
        ("task_id", "two words"),
        ("task_id", "@topic"),
        ("task_id", "\ud83d"),
        ("session_id", "x" * 201),
        ("deadline_at", "soon"),
        ("deadline_at", -5),
        ("deadline_at", "9999999999999999h"),
        ("timeout_ms", 0),
        ("retries_max", -1),
        ("retries_max", 2**40),
        ("items", "one"),
        ("items", ["one", ""]),
        ("items", ["x"] * 101),
    ],
)
def test_a_value_that_is_not_accepted_is_named_with_its_field(field: str, value: Any) -> None:
    said = refusal(**{field: value})
    assert field.removesuffix("s") in said
    assert len(said) < 250


def test_an_unknown_field_is_named_with_the_one_meant() -> None:
    assert "did you mean priority?" in refusal(priorty=3)
    assert "parent_id" in refusal(parent_id="t-1")


def test_a_task_too_large_for_a_message_is_refused() -> None:
    assert "bytes" in refusal(items=["x" * 60_000] * 10)


def test_a_file_takes_its_defaults_from_the_options() -> None:
    found = tasks_from_lines(
        lines({"text": "a"}, b"", {"text": "b", "priority": 1}),
        NOW_US,
        source="f",
        limits=LIMITS,
        defaults={"priority": 9, "tenant_id": "acme"},
    )
    assert [(t["text"], t["priority"], t["tenant_id"]) for t in found] == [("a", 9, "acme"), ("b", 1, "acme")]


def test_a_mistake_in_a_file_is_named_with_its_line() -> None:
    assert refused_file({"text": "a"}, b"", {"text": "b", "priority": 12}).startswith(
        "tasks.jsonl, line 3: priority = 12"
    )
    assert refused_file({"text": "a"}, b"{").startswith("tasks.jsonl, line 2: not valid JSON")
    assert refused_file(b"\xff\xfe").startswith("tasks.jsonl, line 1: not valid JSON")
    assert refused_file([1]).startswith("tasks.jsonl, line 1: holds [1]")
    assert refused_file({"priority": 1}).startswith("tasks.jsonl, line 1: text is missing")
    assert "line 1 already" in refused_file({"text": "a", "task_id": "t"}, {"text": "b", "task_id": "t"})


def test_an_empty_file_is_a_mistake() -> None:
    assert "holds no task" in refused_file(b"", b"  \n")


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda t: json.dumps({"text": t}).encode()))
def test_no_line_gets_further_than_a_task_or_a_sentence(line: bytes) -> None:
    try:
        tasks = tasks_from_lines([line], NOW_US, source="f", limits=LIMITS)
    except BadInput as error:
        assert str(error).startswith("f")
    else:
        encode("TaskSubmitted", tasks[0])
