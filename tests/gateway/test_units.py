import pytest

from gateway.units import duration, moment, money, short


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0 ms"),
        (340_400, "340 ms"),
        (4_200_000, "4.2 s"),
        (59_990_000, "1 min 00 s"),
        (185_000_000, "3 min 05 s"),
        (7_800_000_000, "2 h 10 min"),
        (-1_500_000, "-1.5 s"),
    ],
)
def test_durations(us: int, text: str) -> None:
    assert duration(us) == text


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "$0.00"), (1632, "$0.001632"), (12_340_000, "$12.34"), (50, "$0.00005")]
)
def test_money_never_looks_like_nothing_when_it_is_something(micros: int, text: str) -> None:
    assert money(micros) == text


def test_moments_are_utc_to_the_millisecond() -> None:
    assert moment(1_790_000_000_123_456) == "2026-09-21T14:13:20.123Z"


def test_a_short_text_is_one_line() -> None:
    assert short("two\n lines", 20) == "two lines"
    assert short("x" * 30, 10) == "x" * 9 + "…"
