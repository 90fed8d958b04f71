"""Money: what a call costs, and that nothing is taken for cheaper than it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.pricing import PRICES, Price, cost_usd_micros, price_of, tokens_in_at_most, with_own


def test_a_call_costs_its_tokens() -> None:
    assert cost_usd_micros("claude-haiku-4-5", 1_000_000, 0) == 1_000_000
    assert cost_usd_micros("claude-haiku-4-5", 20, 30) == 20 + 150


def test_fractions_are_rounded_up() -> None:
    assert cost_usd_micros("claude-haiku-5-5", 1, 0) == 1


def test_a_dated_model_has_the_price_of_its_name() -> None:
    assert price_of("claude-sonnet-4-5-20250929") == price_of("claude-sonnet-4-5")


@given(st.text())
def test_an_unknown_model_is_the_dearest(name: str) -> None:
    price = price_of(name)
    if name not in PRICES:
        assert all(price.tokens_in >= p.tokens_in and price.tokens_out >= p.tokens_out for p in PRICES.values())


def test_prices_can_be_given() -> None:
    assert cost_usd_micros("mine", 2_000_000, 0, {"mine": Price(7, 9)}) == 14


def test_own_prices_go_before_the_list_and_are_in_dollars() -> None:
    prices = with_own({"mine": (0.25, 30.0), "claude-haiku-4-5": (2.0, 10.0)})
    assert price_of("mine", prices) == Price(250_000, 30_000_000)
    assert price_of("claude-haiku-4-5-20251001", prices) == Price(2_000_000, 10_000_000)
    assert price_of("claude-opus-5", prices) == PRICES["claude-opus-5"]
    assert price_of("nobody-knows", prices) == Price(15_000_000, 75_000_000)


@pytest.mark.parametrize("text", ["", "plain English words", "日本語の文章です", "{}[]();" * 50])
def test_the_estimate_of_tokens_is_not_passed(text: str) -> None:
    """No tokenizer here makes more than a token of two bytes."""
    assert tokens_in_at_most(text) >= len(text.encode()) // 2


@given(st.lists(st.text(max_size=40), max_size=60))
def test_every_message_of_a_conversation_counts_and_so_does_its_frame(texts: list[str]) -> None:
    """A few tokens frame each message, however short it is."""
    assert tokens_in_at_most(*texts) >= sum(len(text.encode()) for text in texts) // 2 + 4 * len(texts)
