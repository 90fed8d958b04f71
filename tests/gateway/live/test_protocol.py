import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live import limits
from gateway.live.limits import Close, Limits
from gateway.live.messages import ALL_TENANTS
from gateway.live.protocol import (
    PRESENT_MAX,
    Conversation,
    Ping,
    Present,
    Refused,
    Say,
    Subscribe,
    Unsubscribe,
    keys_of,
    selector_of,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("action", "session_id", "task_id", "agent_id", "tenant_id", "fleet", "alerts", "to", "token", "state", "ref")
MESSAGES = st.fixed_dictionaries(
    {"action": st.sampled_from(["subscribe", "unsubscribe", "presence", "ping"]) | JSON},
    optional=dict.fromkeys(FIELDS[1:], JSON),
)


def conversation(tenant: str | None = "acme", expires_at: int | None = None, **over: Any) -> Conversation:
    return Conversation(Limits(**over), tenant, expires_at, 0.0)


def said(talk: Conversation, now_s: float = 0.0, **message: Any) -> list[Any]:
    return talk.hear(json.dumps(message), now_s)


@given(st.lists(st.one_of(st.text(), MESSAGES.map(json.dumps), JSON.map(json.dumps)), max_size=30))
def test_whatever_is_sent_is_done_refused_or_the_end(texts: list[str]) -> None:
    talk = conversation()
    for n, text in enumerate(texts):
        for action in talk.hear(text, float(n)):
            assert isinstance(action, Subscribe | Unsubscribe | Present | Say | Close)
            if isinstance(action, Subscribe | Unsubscribe):
                assert all(key[1] == "acme" or key[0] == "fleet" for key in action.keys)
        assert len(talk.keys) <= talk.limits.subscriptions


def test_a_session_is_subscribed_to_as_the_design_says() -> None:
    told, subscribe = said(conversation(), action="subscribe", session_id="s-1", ref="a")
    assert told == Say("subscribed", {"to": [{"session_id": "s-1"}], "ref": "a"})
    assert subscribe == Subscribe((("session", "acme", "s-1"),), None)


def test_many_things_are_subscribed_to_at_once_and_each_only_once() -> None:
    rows = [{"session_id": "s"}, {"session_id": "s"}, {"task_id": "t"}, {"fleet": True}, {"alerts": True}]
    keys = keys_of({"to": rows}, "acme")
    assert keys == (("session", "acme", "s"), ("task", "acme", "t"), ("fleet", None, ""), ("alerts", "acme", ""))
    assert [selector_of(key) for key in keys] == [
        {"session_id": "s"},
        {"task_id": "t"},
        {"fleet": True},
        {"alerts": True},
    ]


def test_who_sees_one_tenant_asks_for_no_other() -> None:
    for name in ("other", ALL_TENANTS):
        with pytest.raises(Refused, match="tenant acme only"):
            keys_of({"tenant_id": name}, "acme")
    assert keys_of({"tenant_id": "acme"}, "acme") == (("tenant", "acme", "acme"),)
    assert keys_of({"tenant_id": ALL_TENANTS}, None) == (("tenant", None, ALL_TENANTS),)


@pytest.mark.parametrize(
    "message",
    [
        {"action": "dance"},
        {"action": ["subscribe"]},
        {"action": "subscribe"},
        {"action": "subscribe", "session_id": 7},
        {"action": "subscribe", "session_id": ""},
        {"action": "subscribe", "session_id": "x" * 257},
        {"action": "subscribe", "fleet": "yes"},
        {"action": "subscribe", "to": []},
        {"action": "subscribe", "to": {"session_id": "s"}},
        {"action": "subscribe", "to": [["session_id", "s"]]},
        {"action": "subscribe", "session_id": "s", "token": 9},
        {"action": "presence", "session_id": None},
        {"action": "presence", "session_id": "s", "state": "x" * 65},
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(message: dict[str, Any]) -> None:
    (told,) = said(conversation(), **message, ref="r")
    assert isinstance(told, Say) and told.event == "error"
    assert told.data["ref"] == "r" and len(told.data["reason"]) > 20


@pytest.mark.parametrize("text", ["", "hello", "[]", '"subscribe"', "{", "[" * 100_000, "nul"])
def test_what_is_no_message_ends_the_connection(text: str) -> None:
    assert conversation().hear(text, 0.0) == [limits.MALFORMED]


def test_who_is_refused_again_and_again_is_sent_away() -> None:
    talk = conversation(messages_per_s=1000)
    ends = [said(talk, action="dance") for _ in range(limits.REFUSED_MAX + 1)]
    assert ends[-1][-1] == limits.REFUSED_TOO_OFTEN and all(len(told) == 1 for told in ends[:-1])


def test_ten_thousand_subscriptions_are_too_many_at_once_or_one_by_one() -> None:
    at_once = said(conversation(), action="subscribe", to=[{"session_id": f"{n}"} for n in range(10_000)])
    assert at_once == [limits.TOO_MANY_SUBSCRIPTIONS]
    talk = conversation(messages_per_s=10_000)
    each = [said(talk, action="subscribe", session_id=f"{n}") for n in range(101)]
    assert each[-1] == [limits.TOO_MANY_SUBSCRIPTIONS] and all(len(actions) == 2 for actions in each[:-1])


def test_the_same_subscription_again_is_not_one_more() -> None:
    talk = conversation(subscriptions=1)
    assert [len(said(talk, float(n), action="subscribe", session_id="s")) for n in range(5)] == [2] * 5


def test_unsubscribing_makes_room() -> None:
    talk = conversation(subscriptions=1)
    said(talk, action="subscribe", session_id="a")
    assert said(talk, action="unsubscribe", session_id="a")[0] == Unsubscribe((("session", "acme", "a"),))
    assert len(said(talk, action="subscribe", session_id="b")) == 2


def test_what_is_unsubscribed_from_at_once_is_bounded_as_subscriptions_are() -> None:
    talk = conversation(subscriptions=3)
    (told,) = said(talk, action="unsubscribe", to=[{"session_id": f"{n}"} for n in range(4)])
    assert told.event == "error" and "name fewer" in told.data["reason"]
    assert len(said(talk, action="unsubscribe", to=[{"session_id": f"{n}"} for n in range(3)])) == 2


def test_who_is_present_in_as_many_sessions_as_may_be_says_what_it_does_there() -> None:
    talk = conversation(messages_per_s=1_000)
    for n in range(PRESENT_MAX):
        assert said(talk, action="presence", session_id=f"{n}", state="reading") == [Present(f"{n}", "reading")]
    assert said(talk, action="presence", session_id="0", state="typing") == [Present("0", "typing")]
    (told,) = said(talk, action="presence", session_id="one more", state="reading")
    assert told.event == "error" and "leave one" in told.data["reason"]
    for session, state in (("0", None), ("one more", "reading")):
        assert said(talk, action="presence", session_id=session, state=state) == [Present(session, state)]


def test_a_token_comes_first_or_not_at_all() -> None:
    talk = conversation()
    assert said(talk, action="subscribe", session_id="a", token="T")[1] == Subscribe((("session", "acme", "a"),), "T")
    (told,) = said(talk, action="subscribe", session_id="b", token="T")
    assert "connect anew" in told.data["reason"]


def test_messages_beyond_the_rate_end_the_connection_and_a_burst_does_not() -> None:
    talk = conversation(messages_per_s=2.0)
    assert all(said(talk, action="ping") == [Say("pong", {"ref": None})] for _ in range(10))
    assert said(talk, action="ping") == [limits.TOO_MANY_MESSAGES]
    steady = conversation(messages_per_s=2.0)
    assert all(isinstance(said(steady, n / 2, action="ping")[0], Say) for n in range(1000))


def test_who_is_silent_is_pinged_and_who_does_not_answer_is_closed() -> None:
    talk = conversation()
    asked = {now: talk.tick(float(now), 0) for now in range(45)}
    assert [now for now, actions in asked.items() if actions == [Ping()]] == [31]
    assert next(now for now, actions in asked.items() if actions == [limits.NO_PONG]) == 42


def test_an_answer_in_time_keeps_the_connection() -> None:
    talk = conversation()
    for now in range(200):
        if Ping() in talk.tick(float(now), 0):
            talk.alive(now + 9.9)
        assert talk.pinged_at is None


def test_access_that_is_over_ends_an_open_connection() -> None:
    talk = conversation(expires_at=1_000_000)
    assert talk.tick(0.0, 999_999) == [] and talk.tick(0.1, 1_000_000) == [limits.TOKEN_OVER]


def test_every_close_has_a_code_of_its_own_and_fits_into_a_frame() -> None:
    codes = [close.code for close in limits.ALL_CLOSES]
    assert len(set(codes)) == len(codes)
    assert all(len(close.reason.encode()) <= 123 for close in limits.ALL_CLOSES)
