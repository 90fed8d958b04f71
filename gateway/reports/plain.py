"""Texts of others made harmless in any form: one line, and nothing that speaks to a terminal or turns around."""

import unicodedata

_TURNING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, marks that change direction or are not seen, and what is no character."""
_JOINING = "\u200c\u200d"
"""These make one sign of several, in Persian and in emoji."""


def plain(text: str) -> str:
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter in "\n\t\r":
        return " "
    if letter in _JOINING:
        return letter
    return "�" if unicodedata.category(letter) in _TURNING else letter
