"""What a model call costs, in micro-dollars, by the Anthropic API's list prices. An unknown model is the dearest."""

from collections.abc import Mapping
from typing import NamedTuple


class Price(NamedTuple):
    """Micro-dollars for a million tokens, which is also dollars × 10⁶ for a million: $3 is 3_000_000."""

    tokens_in: int
    tokens_out: int


# By the name without its date. Haiku 5.5 costs five times this above 100,000 input tokens, more than a task may carry.
PRICES: Mapping[str, Price] = {
    "claude-haiku-5-5": Price(100_000, 500_000),
    "claude-haiku-4-5": Price(1_000_000, 5_000_000),
    "claude-sonnet-5-5": Price(2_000_000, 10_000_000),
    "claude-sonnet-4-6": Price(3_000_000, 15_000_000),
    "claude-sonnet-4-5": Price(3_000_000, 15_000_000),
    "claude-opus-5-5": Price(4_000_000, 20_000_000),
    "claude-opus-5": Price(5_000_000, 25_000_000),
    "claude-opus-4-8": Price(5_000_000, 25_000_000),
    "claude-opus-4-7": Price(5_000_000, 25_000_000),
    "claude-opus-4-6": Price(5_000_000, 25_000_000),
    "claude-opus-4-5": Price(5_000_000, 25_000_000),
    "claude-opus-4-1": Price(15_000_000, 75_000_000),
    "claude-fable-5-1": Price(10_000_000, 50_000_000),
}

_DATE_LENGTH = len("-20251001")
_OVERHEAD_TOKENS, _MESSAGE_TOKENS = 64, 8
"""Roles and separators that the API adds to the text: once, and for each message."""
_BYTES_PER_TOKEN = 2
"""Fewer than any text we know has, so that the estimate is not passed by the bill."""


def with_own(dollars: Mapping[str, tuple[float, float]]) -> Mapping[str, Price]:
    """The list prices, and before them one's own: by model, dollars for a million tokens in and out."""
    own = {
        model: Price(round(tokens_in * 1e6), round(tokens_out * 1e6))
        for model, (tokens_in, tokens_out) in dollars.items()
    }
    return {**PRICES, **own}


def price_of(model: str, prices: Mapping[str, Price] = PRICES) -> Price:
    """The price of a model, dated or not; of an unknown one the highest there is, so that the cap holds."""
    known = price_listed(model, prices)
    if known is not None:
        return known
    return Price(max(p.tokens_in for p in prices.values()), max(p.tokens_out for p in prices.values()))


def price_listed(model: str, prices: Mapping[str, Price] = PRICES) -> Price | None:
    """The price of a model, dated or not; None for one that the list does not know."""
    return prices.get(model) or prices.get(_undated(model))


def cost_usd_micros(model: str, tokens_in: int, tokens_out: int, prices: Mapping[str, Price] = PRICES) -> int:
    """Cost of a call, rounded up."""
    price = price_of(model, prices)
    return -(-(tokens_in * price.tokens_in + tokens_out * price.tokens_out) // 1_000_000)


def tokens_in_at_most(*texts: str) -> int:
    """More input tokens than these texts have, without asking the API to count them."""
    letters = sum(len(text.encode()) for text in texts)
    return letters // _BYTES_PER_TOKEN + _OVERHEAD_TOKENS + _MESSAGE_TOKENS * len(texts)


def _undated(model: str) -> str:
    head, tail = model[:-_DATE_LENGTH], model[-_DATE_LENGTH:]
    return head if tail[:1] == "-" and tail[1:].isdigit() else model
