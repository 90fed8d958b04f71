"""A text as tokens of the table: its words, and the pieces of words that are none of the vocabulary.

The pieces are those of BERT's uncased vocabulary, longest first. It is done here and not by its library because most
words of a text are found whole, by one look into a dict: that is several times faster, and one dependency less.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

HEAD_CHARS, TAIL_CHARS = 1500, 500
"""Only the ends of a long text are read: what is asked stands before or after the material, and time stays bounded."""

WORD_CHARS_MAX = 40
"""A longer word is no word (a key, a hash, a line of base64) and is passed over."""

_INSIDE = "##"
"""Begins a piece that stands inside a word."""
_IDEOGRAPHS = "㐀-䶿一-鿿豈-﫿"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+|[^\w\s]|_")


def both_ends(text: str) -> str:
    """The text; of a long one its two ends."""
    return text if len(text) <= HEAD_CHARS + TAIL_CHARS else f"{text[:HEAD_CHARS]} {text[-TAIL_CHARS:]}"


class Reader:
    """Turns texts into token numbers: places in `vocabulary`."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._first: dict[str, int] = {}
        self._inside: dict[str, int] = {}
        for number, token in enumerate(vocabulary):
            if token.startswith(_INSIDE) and token != _INSIDE:
                self._inside[token.removeprefix(_INSIDE)] = number
            else:
                self._first[token] = number
        self._longest = max(map(len, self._first), default=0)
        self._pieces = lru_cache(maxsize=1 << 14)(self._cut)

    def read(self, text: str) -> list[int]:
        """The different tokens of a text, sorted; what has no token is left out."""
        tokens: set[int] = set()
        for word in set(_WORD.findall(_plain(both_ends(text)))):
            number = self._first.get(word)
            if number is None:
                tokens.update(self._pieces(word))
            else:
                tokens.add(number)
        return sorted(tokens)

    def _cut(self, word: str) -> tuple[int, ...]:
        """The longest pieces from the left; none when a rest has no piece, for half a word means something else."""
        if len(word) > WORD_CHARS_MAX:
            return ()
        pieces: list[int] = []
        start, known = 0, self._first
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                number = known.get(word[start:end])
                if number is not None:
                    break
            else:
                return ()
            pieces.append(number)
            start, known = end, self._inside
        return tuple(pieces)


def _plain(text: str) -> str:
    """Lower case, and letters without their accents, as the vocabulary has them."""
    if text.isascii():
        return text.lower()
    return "".join(sign for sign in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(sign) != "Mn")
