"""The campaign's judge must see each kind of broken promise, or its verdict says nothing."""

from typing import Any

from lab.disconnects.promise import Fact, What, fact_of, judge, what_of_message
from tests.gateway.live.log import story

TO = {"session_id": "s"}


def facts(attempts: int = 2) -> list[Fact]:
    found = [fact_of(name, event, at) for at, (_, name, event) in enumerate(story("t", "s", "acme", attempts))]
    return [fact for fact in found if fact is not None and fact.what.event != "feedback_received"]


def whats() -> list[What]:
    return [fact.what for fact in facts()]


def test_who_was_told_all_of_it_once_and_in_order_has_what_was_promised() -> None:
    verdict = judge(whats(), facts(), TO)
    assert verdict.holds and verdict.told == len(facts()) and verdict.late == 0


def test_what_is_missing_twice_or_unknown_is_seen() -> None:
    told = whats()
    gone = told.pop(2)
    stranger = What("task_queued", "u")
    verdict = judge([*told, told[0], stranger], facts(), TO)
    assert (verdict.missing, verdict.twice, verdict.unknown) == ([gone], [told[0]], [stranger])
    assert not verdict.holds


def test_what_was_told_too_early_is_seen() -> None:
    told = whats()
    told.append(told.pop(2))
    verdict = judge(told, facts(), TO)
    assert {early.event for _, early in verdict.disorder} == {"agent_assigned"} and not verdict.holds


def test_progress_after_the_end_of_its_task_need_not_be_told() -> None:
    told = [what for what in whats() if what.event != "progress_update"]
    verdict = judge(told, facts(), TO)
    assert verdict.holds and verdict.late == 4
    open_yet = [what for what in told if what.event != "task_completed"]
    assert "progress_update" in {what.event for what in judge(open_yet, facts(), TO).missing}


def test_a_record_that_stands_in_the_topics_twice_is_told_once() -> None:
    assert judge(whats(), [*facts(), *facts()], TO).holds


def test_everybody_is_held_against_what_they_follow_only() -> None:
    for to in ({"session_id": "o"}, {"tenant_id": "other"}, {"agent_id": "tester"}):
        assert judge([], facts(), to).holds and not judge(whats(), facts(), to).holds
    for to in ({"tenant_id": "*"}, {"tenant_id": "acme"}, {"task_id": "t"}):
        assert judge(whats(), facts(), to).holds


def test_a_message_says_which_record_it_tells() -> None:
    data: dict[str, Any] = {"task_id": "t", "attempt": 1, "sequence": 2}
    assert what_of_message({"event": "progress_update", "data": data}) == What("progress_update", "t", 1, 2)
    assert what_of_message({"event": "snapshot", "data": {"of": TO}}) is None
