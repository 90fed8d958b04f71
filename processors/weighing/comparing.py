"""Every agent beside the others, kind of work by kind of work: what speaks for it, and what against it."""

from collections.abc import Sequence
from typing import NamedTuple

from processors.weighing.day import Shown, Shows


class Sums(NamedTuple):
    """Of an agent over its kinds of work."""

    praise: float = 0.0
    """By words."""
    blame: float = 0.0
    well: float = 0.0
    """The same by runs."""
    badly: float = 0.0
    usual_words: float | None = None
    """What a word is worth to others, on average over its words that others have some beside; null: nobody has."""
    usual_runs: float | None = None
    """Share of runs that others complete."""


def compared(shows: Shows) -> dict[str, Sums]:
    """Every agent beside the others, kind by kind. Evidence counts for as much as both sides have: a thousand words
    beside one of others' are not a thousand."""
    kinds: dict[str, list[tuple[str, Shown]]] = {}
    for (name, kind), shown in sorted(shows.items()):
        kinds.setdefault(kind, []).append((name, shown))
    found: dict[str, list[tuple[_Beside, _Beside]]] = {}
    for those in kinds.values():
        words = sum(shown.words for _, shown in those), sum(shown.worth for _, shown in those)
        runs = sum(shown.runs for _, shown in those), float(sum(shown.completed for _, shown in those))
        for name, shown in those:
            of_words = _beside(shown.words, shown.worth, *words)
            found.setdefault(name, []).append((of_words, _beside(shown.runs, float(shown.completed), *runs)))
    return {name: _sums(each) for name, each in found.items()}


class _Beside(NamedTuple):
    number: int
    """Of what can be compared."""
    usual: float
    praise: float
    blame: float


def _beside(count: int, worth: float, all_count: int, all_worth: float) -> _Beside:
    others = all_count - count
    if not count or not others:
        return _Beside(0, 0.0, 0.0, 0.0)
    usual = min(1.0, max(0.0, (all_worth - worth) / others))
    share = others / all_count
    return _Beside(count, usual, share * worth * (1 - usual), share * (count - worth) * usual)


def _sums(each: Sequence[tuple[_Beside, _Beside]]) -> Sums:
    words, runs = zip(*each, strict=True)
    return Sums(
        sum(one.praise for one in words),
        sum(one.blame for one in words),
        sum(one.praise for one in runs),
        sum(one.blame for one in runs),
        _usual(words),
        _usual(runs),
    )


def _usual(each: Sequence[_Beside]) -> float | None:
    compared = [(one.number, one.usual) for one in each]
    count = sum(count for count, _ in compared)
    return sum(count * usual for count, usual in compared) / count if count else None
