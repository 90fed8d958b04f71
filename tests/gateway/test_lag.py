from gateway.lag import behind


def test_lag_is_what_is_left_to_read() -> None:
    assert behind({0: 10, 1: 5}, {0: 4, 1: 5}) == 6
    assert behind({0: 10}, {}) == 10


def test_the_marker_of_a_transaction_is_nothing_left_to_read() -> None:
    assert behind({0: 10, 1: 7}, {0: 9, 1: 6}) == 0
