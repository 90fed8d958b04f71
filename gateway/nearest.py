"""The name that somebody probably meant."""

from collections.abc import Iterable

LIKENESS = 0.6
"""How alike a name must be to be offered: below this, `nonsense` would be `open`."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says there is no `name`: `; did you mean other?`, or a full stop."""
    from difflib import get_close_matches  # only here, for most commands are typed right

    close = get_close_matches(name, set(known) - {name}, n=1, cutoff=LIKENESS)
    return f"; did you mean {close[0]}?" if close else "."
