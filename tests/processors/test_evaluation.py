"""Evaluation: good outputs pass, poor ones come back with a sentence that helps, and redos end."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.evaluation import GOOD_ENOUGH, evaluate
from tests.support.agents import task

CODE = "Write a Python function that parses ISO dates"


def judge(text, output, redos=0, redos_max=1):
    return evaluate(task(text), {"output": output}, redos, redos_max)


GOOD = [
    (CODE, "```python\ndef parse(text):\n    return datetime.fromisoformat(text)  # ISO dates\n```"),
    ("Explain Kafka partitions", "A partition is an ordered log; Kafka spreads a topic over several of them."),
    ("Translate 'I cannot come' into German", "„Ich kann nicht kommen“ (I cannot come)"),
    ("Translate 'good morning' into Japanese", "おはようございます"),
    ("この文章を英語に翻訳して: 今日は天気がいい", "The weather is nice today."),
    ("決済モジュールを調査してください", "決済の調査結果: 再試行に鍵がない。"),
    ("Why does this error occur: KeyError?", "Error: the key is missing. KeyError occurs when a mapping lacks it."),
    ("What is 2 + 2?", "4"),
    ("hi", "Hello! What can I do for you?"),
    ("Describe error handling in Go", "Error handling in Go is by values."),
]


@pytest.mark.parametrize(("text", "output"), GOOD)
def test_good_outputs_pass_without_remarks(text, output):
    judged = judge(text, output)
    assert (judged.success, judged.quality, judged.verdict, judged.reasons) == (True, 1.0, "accept", ())
    assert judged.evaluator == "rules/1"


@pytest.mark.parametrize(
    ("text", "output", "says"),
    [
        ("Summarise the report", "", "empty"),
        ("Summarise the report", " \n ", "empty"),
        ("Summarise the report", "I'm sorry, but I cannot summarise the report.", "declines"),
        ("Summarise the report", "Unfortunately I am currently unable to read the report.", "declines"),
        ("Summarise the report", "As an AI, I have no opinion on the report.", "declines"),
        ("報告書を要約してください", "申し訳ありませんが、この報告書の要約には対応できません。", "declines"),
        (CODE, "Here is the function for ISO dates:\n```python\ndef parse(", "code block"),
        ("Summarise the report", "Error: connection refused while reading the report", "reports an error"),
        ("Summarise the report", "Traceback (most recent call last):\n  File report.py", "reports an error"),
        ("Summarise the report", "The report says that sales rose again.\n" * 12, "repeats"),
    ],
)
def test_poor_outputs_are_done_again_with_a_reason(text, output, says):
    judged = judge(text, output)
    assert (judged.success, judged.verdict) == (False, "redo")
    assert judged.quality < GOOD_ENOUGH
    assert any(says in reason for reason in judged.reasons)
    assert all(reason.endswith(".") for reason in judged.reasons)


@pytest.mark.parametrize(
    ("text", "output", "says"),
    [
        (CODE, "One splits the ISO dates at the dashes and reads the parts.", "asks for code"),
        ("Compare Kafka and Redis streams", "Bananas are yellow and grow in bunches.", "no word of the task"),
        ("決済モジュールの障害を調査", "天気予報によれば明日は晴れ。", "no word of the task"),
        ("Write a letter about the garden", "Dear [Insert name], the garden letter", "placeholder"),
        ("Tell the garden story", "The garden was green. " * 12 + "And then the", "middle of a sentence"),
    ],
)
def test_smaller_faults_lower_the_quality_and_are_accepted(text, output, says):
    judged = judge(text, output)
    assert (judged.success, judged.verdict) == (True, "accept")
    assert GOOD_ENOUGH <= judged.quality < 1
    assert says in judged.reasons[0]


def test_faults_add_up():
    judged = judge("Compare Kafka and Redis streams", "Bananas [insert picture] grow: " * 10 + "because the")
    assert judged.verdict == "redo"
    assert len(judged.reasons) == 3


@pytest.mark.parametrize("text", [CODE, "Review this", "Translate 'good morning'", "決済の関数をレビューして"])
def test_simulated_outputs_score_well(text):
    assert judge(text, f"Simulated answer to: {text[:80]}").quality >= 0.7


def test_a_poor_output_is_accepted_as_it_is_when_redos_are_used_up():
    first, last = judge("Summarise", "", 0, 1), judge("Summarise", "", 1, 1)
    assert (first.verdict, last.verdict) == ("redo", "accept")
    assert not last.success
    assert judge("Summarise", "", 0, 0).verdict == "accept"


def test_the_end_of_a_long_output_is_judged_too():
    output = "The report in full. " * 1000
    assert judge("Summarise the report", output).quality == 1
    assert judge("Summarise the report", output + "\n```\ncut").verdict == "redo"
    assert judge("Summarise the report", "```\nx\n```\n" * 500 + "The report ends.").quality == 1


@given(st.text(max_size=200), st.text(max_size=400), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_any_judgement_is_sound(text, output, redos, redos_max):
    judged = judge(text, output, redos, redos_max)
    assert judged == judge(text, output, redos, redos_max)
    assert 0 <= judged.quality <= 1
    assert judged.success == (judged.quality >= GOOD_ENOUGH)
    assert (judged.quality < 1) == bool(judged.reasons)
    assert judged.verdict == ("redo" if not judged.success and redos < redos_max else "accept")


@pytest.mark.parametrize(
    "junk", [" " * 500_000 + "x", "i am " * 100_000, "`" * 300_000, "{\n" * 200_000, "a" * 900_000]
)
def test_odd_outputs_are_judged_in_bounded_time(junk):
    started = time.perf_counter()
    judge("Summarise the report", junk)
    assert time.perf_counter() - started < 0.2
