"""Predictions of a load score: of days that are alike, of noise, of a young line; and what became of them."""

from collections import Counter

import pytest

from infra import rule_file
from processors.alerts.measures import read
from processors.alerts.observing import KNOWN_US, Observed
from processors.forecasting.forecast import Forecast
from processors.predicting.judging import ALARM, OVER, SEEN_LEAST
from processors.predicting.moves import LIMIT
from processors.predicting.outlook import HOUR, LATE, Outlook
from processors.predicting.predictor import Predictor
from processors.scaling.history import STEP_S
from tests.support.alerts import rule
from tests.support.loads import DAY_S, Watched, minutes
from tests.support.scaling import T0, S, definition, status

MINUTES_A_DAY = 1440
BEGIN_S = T0 - T0 % STEP_S
"""Start of a step."""


def busy_mornings(at_s: int) -> float:
    return 36.0 if 9 * 3600 <= at_s % DAY_S < 11 * 3600 else 12.0


def outlook_of(tasks: float, at_s: int = BEGIN_S) -> Outlook:
    """Expects so many tasks at work in the busiest minute, give or take one."""
    steps = range(HOUR + LATE)
    at = [at_s + n * STEP_S for n in steps]
    values = [[tasks + more for _ in steps] for more in (0, -1, 1)]
    return Outlook(Forecast(STEP_S, None, "", at, *values, {}, 0), {(at_s + 2 * STEP_S) % DAY_S: 1.0})


def looked(predictor: Predictor, at_s: float, **over):
    """A minute of four instances with ten slots each, in which this was so."""
    seen = {"running": 10, "slots": 40, "instances": 4, "load_score": 25.0} | over
    predictor.pool(status(**seen))
    predictor.sample()
    return predictor.look(int((BEGIN_S + at_s) * S))


def introduced() -> Predictor:
    predictor = Predictor()
    predictor.agent(definition("coder", 4))
    return predictor


# --- what comes true


def test_busy_hours_of_every_day_are_told_before_they_come_and_the_rest_of_the_day_is_quiet():
    """Eight days of random tasks; the ninth morning, every twenty minutes."""
    begin = 8 * MINUTES_A_DAY + 7 * 60 + 30
    watched = Watched(minutes(busy_mornings, 9, seed=1)).run(begin, begin + 4 * 60, every=20)
    found = watched.verdicts
    assert found["right"] >= 3 and found["quiet"] >= 2
    assert found["false_alarm"] + found["missed"] <= 1
    alarms = [one for one in watched.predictions if one["expected"] > ALARM and one["load"] <= OVER]
    assert {(one["at"] // S + 60) % DAY_S // 3600 for one in alarms} <= {8, 9, 10}


def busy_weekday_mornings(at_s: int) -> float:
    return busy_mornings(at_s) if at_s // DAY_S % 7 < 5 else 12.0


def test_after_three_weeks_weekday_mornings_are_told_and_a_weekend_is_quiet():
    """A Monday and a Saturday of the fourth week."""
    of, found = minutes(busy_weekday_mornings, 27, seed=1), Counter()
    for day in (21, 26):
        begin = day * MINUTES_A_DAY + 7 * 60 + 30
        found += Watched(of).run(begin, begin + 4 * 60, every=20).verdicts
    assert found["right"] >= 3 and found["quiet"] >= 10
    assert precision(found) >= 0.8 and found["missed"] == 0


def test_after_a_week_of_noise_few_alarms_are_false():
    """A line that is 48 loaded on the mean and up to 75 in its busiest minutes; and one that is on the edge."""
    found = {}
    for mean in (19.0, 25.0):
        watched = Watched(minutes(lambda _, mean=mean: mean, 8, seed=int(mean)))
        watched.run(7 * MINUTES_A_DAY, 7 * MINUTES_A_DAY + 4 * 60, every=20)
        found[mean] = watched.verdicts
        assert found[mean].total() >= 9
    assert found[19.0]["false_alarm"] == 0
    assert precision(found[25.0]) >= 0.8


def precision(found: Counter) -> float:
    return found["right"] / (found["right"] + found["false_alarm"])


def test_a_flat_load_raises_no_alarm():
    watched = Watched(minutes(lambda _: 8.0, 8, seed=3))
    watched.run(7 * MINUTES_A_DAY, 7 * MINUTES_A_DAY + 180, every=60)
    assert set(watched.verdicts) == {"quiet"}
    assert all(one["suggestion"] == "" for one in watched.predictions)


# --- what is told, and when


def test_a_young_line_expects_nothing_and_says_nothing():
    predictor = introduced()
    predictor.expects({}, BEGIN_S * S)
    assert [looked(predictor, minute * 60) for minute in range(20)] == [([], [])] * 20


def test_an_alarm_stands_after_a_restart_until_there_is_a_forecast_again():
    before = introduced()
    before.expects({"coder": outlook_of(38.0)}, BEGIN_S * S)
    [alarm], _ = looked(before, 60)
    assert alarm["expected"] > ALARM
    after = introduced()
    after.predicted(alarm)
    assert [looked(after, minute * 60)[0] for minute in (2, 3, 4)] == [[], [], []]
    after.expects({"coder": outlook_of(10.0)}, (BEGIN_S + 270) * S)
    [over], _ = looked(after, 300)
    assert over["expected"] < ALARM


def test_a_load_above_the_limit_is_told_with_what_to_do_also_when_nothing_can_be_expected():
    predictor = introduced()
    predictor.agent(definition("other", 4))
    predictor.pool(status("other", running=10, slots=40, instances=4, load_score=25.0))
    [made], _ = looked(predictor, 60, running=32, load_score=80.0)
    assert (made["agent_id"], made["expected"], made["load"]) == ("coder", None, 80.0)
    assert [(move["to_agent"], move["tasks"]) for move in made["moves"]] == [("other", 4.0)]
    assert looked(predictor, 120, running=32, load_score=80.0) == ([], []), "once"
    [over], _ = looked(predictor, 180)
    assert (over["load"], over["suggestion"]) == (25.0, ""), "and that it is over"


def test_what_is_expected_is_a_load_score_at_the_size_there_is_with_failures_as_they_are():
    predictor = introduced()
    predictor.expects({"coder": outlook_of(30.0)}, BEGIN_S * S)
    [made], _ = looked(predictor, 30, running=10, load_score=35.0)
    assert (made["rest"], made["expected"], made["low"], made["high"]) == (10.0, 85.0, 82.5, 87.5)
    assert made["expected_at"] == (BEGIN_S + 2 * STEP_S) * S
    [larger], _ = looked(predictor, 90, running=10, load_score=22.5, instances=8, slots=80)
    assert larger["expected"] == pytest.approx(47.5)
    predictor.expects({"coder": outlook_of(30.0)}, (BEGIN_S + 140) * S)
    [full], _ = looked(predictor, 150, running=10, load_score=25.0, slots=20)
    assert full["expected"] == 50.0, "what finds no slot waits, and is no load of an instance"


def test_a_prediction_is_told_with_each_outlook_and_sooner_when_it_says_another_thing():
    predictor = introduced()
    predictor.expects({"coder": outlook_of(20.0)}, BEGIN_S * S)
    told = [len(looked(predictor, 30 + minute * 60)[0]) for minute in range(9)]
    assert told == [1] + [0] * 8
    predictor.expects({"coder": outlook_of(20.0)}, (BEGIN_S + 560) * S)
    assert len(looked(predictor, 570)[0]) == 1
    [sooner], _ = looked(predictor, 630, running=10, load_score=70.0)
    assert sooner["expected"] == 95.0 > ALARM


def test_nothing_is_predicted_of_an_agent_without_instances_or_that_was_taken_out():
    predictor = introduced()
    predictor.expects({"coder": outlook_of(36.0)}, BEGIN_S * S)
    assert looked(predictor, 30, instances=0, slots=0) == ([], [])
    predictor.agent(definition("coder", 4, removed=True))
    assert looked(predictor, 90) == ([], [])


# --- what became of it


def an_hour(predictor: Predictor, **later):
    """The prediction of its beginning, and what is said of it when it is over; `later`: from the tenth minute on."""
    predictor.expects({"coder": outlook_of(36.0)}, BEGIN_S * S)
    [made], _ = looked(predictor, 30)
    judged = []
    for minute in range(1, 61):
        judged += looked(predictor, 30 + minute * 60, **(later if minute >= 10 else {}))[1]
    return made, [one for one in judged if one["event_id"] == made["event_id"]]


def test_an_hour_is_judged_by_its_busiest_minute_once():
    made, [judged] = an_hour(introduced(), running=33, load_score=82.5)
    assert (judged["expected"], judged["reached"], judged["minutes"]) == (made["expected"], 82.5, 60)
    assert (judged["predicted_at"], judged["at"]) == (made["at"], made["until_at"])


def test_an_hour_with_more_instances_is_judged_as_without_them():
    _, [judged] = an_hour(introduced(), running=36, load_score=45.0, instances=8, slots=80)
    assert judged["reached"] == 90.0, "whoever heeded the alarm did not make it false"


def test_an_hour_of_which_too_little_was_seen_is_not_judged_and_none_is_judged_twice():
    before = introduced()
    before.expects({"coder": outlook_of(36.0)}, BEGIN_S * S)
    [made], _ = looked(before, 30)
    after = introduced()
    for _ in range(2):
        after.predicted(made)  # as it is read again after a restart
    minutes_left = range(60 - SEEN_LEAST + 2, 61)
    judged = [one for minute in minutes_left for one in looked(after, 30 + minute * 60)[1]]
    assert [one["reached"] for one in judged] == [None]
    after.predicted(made)
    after.judged(judged[0])
    assert looked(after, 3700)[1] == []


# --- the alert


def test_what_is_expected_is_a_measure_with_the_suggestion_as_evidence_while_it_is_new():
    predictor = introduced()
    predictor.expects({"coder": outlook_of(36.0)}, BEGIN_S * S)
    [made], _ = looked(predictor, 30)
    seen, watched = Observed(S), rule("busy-soon", measure="load_expected", above=ALARM, subjects="pools")
    seen.pool(status())
    seen.prediction(made)
    found = read(seen, {"r": watched}, made["at"])["r"]["pool/coder"]
    assert found.value == 90.0 and found.suggestion == made["suggestion"] != ""
    assert "expected to reach 90 of 100 (80 %: 88 to 92), about 14:30 UTC; it was 25" in found.said
    assert read(seen, {"r": watched}, made["at"] + KNOWN_US + 1)["r"]["pool/coder"].value is None


def test_the_shipped_rules_say_what_accuracy_is_measured_by():
    rules = {one["rule"]: one for one in map(rule_file.FORM.parse, rule_file.SHIPPED.glob("*.md"))}
    assert rules["busy-soon"]["above"] == ALARM and rules["busy-pool"]["above"] == OVER
    assert (rules["busy-soon"]["severity"], rules["busy-pool"]["severity"]) == ("info", "warning")
    assert LIMIT < OVER < ALARM
