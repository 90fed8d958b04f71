"""The label of a task, as a table; and which tasks teach nothing."""

import pytest

from processors.labels import label, nothing_to_learn, score, word
from tests.support.samples import opinion, outcome


@pytest.mark.parametrize(
    ("status", "said", "learned", "in_a_word"),
    [
        ("completed", [], 0.5, None),
        ("failed", [], 0.0, None),
        ("dead_lettered", [], 0.0, None),
        ("expired", [], 0.0, None),
        ("completed", [("positive", None)], 1.0, "positive"),
        ("completed", [("positive", 0.7)], 1.0, "positive"),
        ("failed", [("positive", None)], 1.0, "positive"),
        ("completed", [("negative", None)], 0.0, "negative"),
        ("completed", [("negative", 0.4)], 0.0, "negative"),
        ("failed", [("negative", None)], 0.0, "negative"),
        ("completed", [("neutral", None)], 0.5, "neutral"),
        ("failed", [("neutral", None)], 0.5, "neutral"),
        ("completed", [("neutral", 0.8)], 0.8, "neutral"),
        ("completed", [("positive", None), ("negative", None)], 0.5, "neutral"),
        ("completed", [("positive", None), ("positive", None), ("positive", None), ("neutral", 0.4)], 0.85, "positive"),
        (
            "completed",
            [("negative", None), ("negative", None), ("negative", None), ("neutral", None)],
            0.125,
            "negative",
        ),
    ],
)
def test_what_people_say_counts_before_what_the_line_saw(status, said, learned, in_a_word):
    opinions = [opinion(f"person {n}", kind, score=given) for n, (kind, given) in enumerate(said)]
    assert label(status, opinions) == pytest.approx(learned)
    assert word(opinions) == in_a_word


def test_the_score_of_several_is_the_mean_of_those_who_gave_one():
    assert score([]) is None
    assert score([opinion("a", "positive")]) is None
    assert (
        score([opinion("a", "positive", score=1.0), opinion("b", "neutral"), opinion("c", "negative", score=0.5)])
        == 0.75
    )


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"status": "completed"}, None),
        ({"status": "completed", "started_at": None}, None),
        ({"status": "failed"}, None),
        ({"status": "failed", "started_at": None}, None),
        ({"status": "dead_lettered"}, None),
        ({"status": "expired"}, None),
        ({"status": "expired", "started_at": None}, "never_started"),
        ({"status": "dead_lettered", "started_at": None}, "never_started"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "refused"}, "refused"),
        ({"status": "unknown"}, "unknown"),
        ({"decided": None}, "not_chosen"),
        ({"agent_id": None}, "not_chosen"),
    ],
)
def test_a_task_teaches_when_an_agent_was_chosen_and_had_its_try(over, reason):
    assert nothing_to_learn(outcome("a", **over)) == reason
