"""What `cron`, `every` and `timezone` may say, and the sentences for what they may not."""

import pytest

from schemas.cron import BadTime, Cron, cron, every_s, zone


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("@daily", "0 0 * * *"),
        ("@Hourly", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("0 6 * * mon-fri", "0 6 * * 1-5"),
        ("0 6 * JAN,mar *", "0 6 * 1,3 *"),
        ("0 6 * * fri-sun", "0 6 * * 0,5,6"),
        ("0 6 * * 7", "0 6 * * sun"),
        ("*/20 8-18/5 * * *", "0,20,40 8,13,18 * * *"),
        ("  0  6 * *  *", "0 6 * * *"),
    ],
)
def test_names_ranges_steps_and_lists_stand_for_numbers(said, means):
    assert cron(said) == cron(means)


def test_an_expression_is_the_times_it_names():
    found = cron("30,0 9-11 1 * mon")
    assert found[:2] == ((0, 30), (9, 10, 11))
    assert (found.days, found.weekdays) == (frozenset([1]), frozenset([1]))
    assert isinstance(found, Cron)


def test_of_day_and_weekday_either_is_enough_when_both_are_narrowed():
    both, day, weekday = cron("0 0 13 * fri"), cron("0 0 13 * *"), cron("0 0 * * fri")
    assert [both.names_day(11, 13, w) for w in (5, 4)] == [True, True]
    assert [both.names_day(11, 14, w) for w in (5, 4)] == [True, False]
    assert [day.names_day(11, 14, 5), weekday.names_day(11, 13, 4)] == [False, False]


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("", "0 fields, not five"),
        ("* * * *", "4 fields, not five"),
        ("@yearly", "@monthly"),
        ("60 * * * *", "no minute: accepted are 0 to 59"),
        ("* 24 * * *", "no hour"),
        ("* * 0 * *", "no day: accepted are 1 to 31"),
        ("* * * foo *", "jan, feb"),
        ("* * * * 8", "sun, mon"),
        ("*/0 * * * *", "from 1"),
        ("*/x * * * *", "no step"),
        ("5/15 * * * *", "write `5-59/15`"),
        ("30-10 * * * *", "from the smaller to the larger"),
        ("1,,2 * * * *", "'' is no minute"),
        ("-1 * * * *", "no minute"),
        ("² * * * *", "no minute"),
        ("0 0 30 feb *", "never comes"),
        ("0 0 31 apr,jun *", "never comes"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_is_accepted(said, answer):
    with pytest.raises(BadTime, match=answer.replace("*", "\\*")):
        cron(said)


def test_every_is_a_time_from_seconds_to_a_day():
    assert [every_s(said) for said in ("10s", "15m", "2h", "1d")] == [10, 900, 7_200, 86_400]
    for said in ("9s", "25h", "2d", "15", "m", "-5m", "1.5h", ""):
        with pytest.raises(BadTime, match="15m"):
            every_s(said)


def test_a_zone_is_one_that_is_known():
    assert str(zone("Europe/Berlin")) == "Europe/Berlin"
    assert str(zone("UTC")) == "UTC"
    for said in ("Mars/Olympus", "../etc/passwd", "Europe", ""):
        with pytest.raises(BadTime, match="Europe/Berlin"):
            zone(said)
