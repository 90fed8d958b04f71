"""Codes that stand for a token."""

from gateway.server.codes import CODES_MAX, HOLDS_S, Codes


def test_a_code_gives_its_token_once() -> None:
    codes = Codes()
    code = codes.make("the token", 0)
    assert codes.redeem(code, 1) == "the token"
    assert codes.redeem(code, 1) is None


def test_a_code_is_over_after_its_time() -> None:
    codes = Codes()
    assert codes.redeem(codes.make("the token", 0), HOLDS_S) is None


def test_a_code_that_is_none_gives_nothing_and_uses_none_up() -> None:
    codes = Codes()
    code = codes.make("the token", 0)
    assert codes.redeem(code[:-1], 1) is None
    assert codes.redeem("\ud800", 1) is None
    assert codes.redeem(code, 1) == "the token"


def test_codes_that_nobody_uses_are_forgotten() -> None:
    codes = Codes()
    first = codes.make("first", 0)
    for _ in range(CODES_MAX):
        codes.make("another", 0)
    assert codes.redeem(first, 0) is None
