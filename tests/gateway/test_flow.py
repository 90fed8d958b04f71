from gateway.flow import UNSEEN_US, Window
from tests.gateway.events import example

NOW_US = 1_790_000_000_000_000
LATER_US = NOW_US + UNSEEN_US + 1


def status(pool: str, waiting: int, at: int, waiting_max: int = 1000) -> dict[str, object]:
    return example("PoolStatus", pool=pool, waiting=waiting, waiting_max=waiting_max, at=at)


def test_before_any_report_a_share_of_the_queue_may_be_sent() -> None:
    window = Window(queue_max=100)
    assert window.room() == 80
    window.sent(80, NOW_US)
    assert window.room() == 0
    assert window.why_held() == "0 wait in the fullest queue, 80 more are on their way"


def test_the_fullest_pool_decides() -> None:
    window = Window(queue_max=1000)
    window.see(status("a", 100, NOW_US))
    window.see(status("b", 790, NOW_US))
    assert window.room() == 10
    window.see(status("b", 950, NOW_US))
    assert window.room() < 0


def test_what_no_report_can_count_yet_is_counted_as_waiting() -> None:
    window = Window(queue_max=1000)
    window.sent(500, NOW_US)
    window.see_lag(0, NOW_US + 1)  # taken in at once, and no pool has told of it yet
    assert window.room() == 300
    window.see(status("a", 200, NOW_US + 1_000_000))  # may or may not hold some of the 500
    assert window.room() == 100
    window.see(status("a", 500, LATER_US))
    window.see_lag(0, LATER_US)
    assert window.room() == 300


def test_a_line_that_has_just_crashed_is_not_flooded() -> None:
    window = Window(queue_max=1000)
    window.sent(800, NOW_US)
    window.see(status("a", 0, NOW_US + 60_000_000))  # it has yet to take them in
    window.see_lag(800, NOW_US + 60_000_000)
    assert window.room() == 0
    window.see_lag(500, NOW_US + 61_000_000)
    window.see(status("a", 200, NOW_US + 61_000_000))
    assert window.room() == 100


def test_an_idle_pool_that_says_nothing_new_does_not_hold_back_for_ever() -> None:
    window = Window(queue_max=1000)
    window.see(status("idle", 0, NOW_US))
    window.sent(800, NOW_US)
    assert window.room() == 0
    window.see(status("busy", 300, LATER_US))
    window.see_lag(0, LATER_US)
    assert window.room() == 500
