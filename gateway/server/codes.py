"""Codes that stand for a token once and shortly: what may be in an address, where a token must not be, for a browser
keeps addresses for good. Pure.
"""

import secrets
from collections import OrderedDict
from hashlib import sha256

HOLDS_S = 120.0
CODES_MAX = 1_000
"""Beyond it the oldest is forgotten."""


class Codes:
    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def make(self, token: str, now_s: float) -> str:
        code = secrets.token_urlsafe(24)
        self._known[_digest(code)] = token, now_s + HOLDS_S
        if len(self._known) > CODES_MAX:
            self._known.popitem(last=False)
        return code

    def redeem(self, code: str, now_s: float) -> str | None:
        """The token that a code stands for; null when it was used before, is over, or none of ours."""
        token, until_s = self._known.pop(_digest(code), (None, 0.0))
        return token if now_s < until_s else None


def _digest(code: str) -> bytes:
    return sha256(code.encode(errors="replace")).digest()
