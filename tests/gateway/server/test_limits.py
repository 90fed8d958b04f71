"""How often somebody may ask."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.server.app import _refused
from gateway.server.limits import BURST_S, KNOWN_MAX, Limiter
from gateway.server.problems import Problem


@given(st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=300), st.integers(1, 50))
@settings(deadline=None)
def test_never_more_pass_than_the_burst_and_the_rate_allow(pauses: list[float], per_s: int) -> None:
    limiter, now, passed = Limiter(per_s), 100.0, 0
    for pause in pauses:
        now += pause
        passed += limiter.take("a", now) == 0
    assert passed <= per_s * BURST_S + (now - 100.0) * per_s + 1e-6


@given(st.integers(1, 100))
@settings(deadline=None)
def test_whoever_waits_as_long_as_told_may_pass(per_s: int) -> None:
    limiter, now = Limiter(per_s), 0.0
    while (wait_s := limiter.take("a", now)) == 0:
        pass
    assert 0 < wait_s <= 1 / per_s
    assert limiter.take("a", now + wait_s + 1e-9) == 0


@given(st.floats(0.01, 1000), st.integers(1, 50))
@settings(deadline=None)
def test_the_body_and_the_header_tell_the_same_wait_after_which_the_call_succeeds(per_s: float, too_many: int) -> None:
    limiter = Limiter(per_s)
    while limiter.take("a", 0.0) == 0:
        pass
    waits = [limiter.take("a", 0.0) for _ in range(too_many)]
    told = Problem(429, "Too many.", retry_after_s=waits[-1])
    after_s = told.document()["retry_after"]
    assert _refused(told).headers["Retry-After"] == str(after_s)
    assert after_s >= waits[-1]
    assert limiter.take("a", float(after_s) + 1e-9) == 0


def test_one_who_asks_too_much_takes_nothing_from_others() -> None:
    limiter = Limiter(1)
    while limiter.take("loud", 0.0) == 0:
        pass
    assert limiter.take("quiet", 0.0) == 0


def test_what_is_remembered_of_all_who_ask_is_bounded() -> None:
    limiter = Limiter(1)
    for number in range(KNOWN_MAX + 100):
        limiter.take(str(number), 0.0)
    assert len(limiter._buckets) == KNOWN_MAX
