"""Idempotency keys and what was handed in lately."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.server.keys import REMEMBERED_MAX, Keys, task_id_of


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(0, 500)), unique=True, min_size=2, max_size=20))
@settings(deadline=None)
def test_every_tenant_key_and_place_has_an_id_of_its_own_and_always_the_same(asked: list[tuple[str, str, int]]) -> None:
    ids = [task_id_of(*one) for one in asked]
    assert len(set(ids)) == len(asked)
    assert ids == [task_id_of(*one) for one in asked]


def test_a_key_stands_for_what_was_asked_whatever_order_its_fields_have() -> None:
    keys = Keys()
    assert keys.same("t", {"text": "a", "priority": 1}) is None
    keys.remember("t", "acme", {"text": "a", "priority": 1}, 0.0)
    assert keys.same("t", {"priority": 1, "text": "a"}) is True
    assert keys.same("t", {"text": "a"}) is False


def test_it_is_known_how_long_ago_a_task_was_handed_in_until_it_is_read_back() -> None:
    keys = Keys()
    keys.remember("t", "acme", {}, 100.0)
    assert keys.unread("t", 101.0) == ("acme", 1.0)
    assert keys.unread("other", 100.0) is None
    keys.was_read("t")
    assert keys.unread("t", 101.0) is None
    assert keys.same("t", {}) is True


def test_two_things_are_not_handed_in_under_one_key_at_once() -> None:
    keys = Keys()
    with keys.handing_in({"t": {"text": "a"}}) as first:
        with keys.handing_in({"t": {"text": "a"}}) as same, keys.handing_in({"t": {"text": "b"}}) as other:
            assert (first, same, other) == (True, True, False)
        with keys.handing_in({"t": {"text": "b"}, "u": {}}) as still:
            assert still is False
    with keys.handing_in({"t": {"text": "b"}}) as later:
        assert later is True


def test_what_is_remembered_is_bounded() -> None:
    keys = Keys()
    for number in range(REMEMBERED_MAX + 10):
        keys.remember(str(number), "acme", {}, 0.0)
    assert keys.same("0", {}) is None
    assert keys.same(str(REMEMBERED_MAX), {}) is True
    assert keys.unread("0", 1.0) is None
