"""How a text is written: its length, its signs, its form. Often that says more of where a question comes from than its
words do, and costs a fraction of them.
"""

import math
import re

_SIGNS = '?:$\\{(=`_",.;+[</-%' + "'"
_CHOICE = re.compile(r"^\s*\(?[A-Ea-e1-5][.)]\s", re.MULTILINE)
_ENDS = ("?", ":", ".")
_ASKING = ("who", "what", "when", "where", "why", "which", "how", "write")
_SMALL = ("you", "the", "is", "of", "if", "a", "following", "would", "find", "does", "did")
"""Words that tell how something is asked, whatever it is about."""
_ALL = bytes(range(256))
_DIGITS = b"0123456789"
_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLAIN = _ALL[:128]

MARKS = (
    "log_characters",
    "log_words",
    "word_length",
    "log_lines",
    *(f"log_count_of_{ord(sign):x}" for sign in _SIGNS),
    "digit_share",
    "capital_share",
    "beyond_ascii_share",
    *(f"ends_with_{ord(sign):x}" for sign in _ENDS),
    "begins_with_capital",
    "log_choices",
    *(f"first_is_{word}" for word in _ASKING),
    *(f"has_{word}" for word in (*_ASKING, *_SMALL)),
    "no_capitals",
    "has_double_blanks",
    "has_paragraphs",
    "different_words_share",
)


def marks(text: str) -> list[float]:
    """One number for each of MARKS."""
    encoded = text.encode("utf-8", "replace")
    lower = text.lower()
    listed = lower.split()
    size, words, last, different = max(1, len(encoded)), len(listed), text.rstrip()[-1:], set(listed)
    first, log = listed[0] if listed else "", math.log1p
    return [
        log(len(text)),
        log(words),
        min(20.0, len(text) / max(1, words)),
        log(text.count("\n")),
        *[log(text.count(sign)) for sign in _SIGNS],
        _share(encoded, _DIGITS, size),
        _share(encoded, _CAPITALS, size),
        1 - _share(encoded, _PLAIN, size),
        *[float(last == sign) for sign in _ENDS],
        float(text[:1].isupper()),
        log(len(_CHOICE.findall(text))),
        *[float(first == word) for word in _ASKING],
        *[float(word in different) for word in (*_ASKING, *_SMALL)],
        float(text == lower),
        float("  " in text),
        float("\n\n" in text),
        len(different) / max(1, words),
    ]


def _share(encoded: bytes, of: bytes, size: int) -> float:
    return (len(encoded) - len(encoded.translate(None, of))) / size
