"""A page can be read: contrast as WCAG AA asks for, in light and in dark."""

from itertools import combinations

import pytest

from gateway.reports.style import DARK, LIGHT, css

LETTERS, STROKES = 4.5, 3.0
SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@SCHEMES
def test_letters_stand_out(colours: dict[str, str]) -> None:
    for letters in ("ink", "soft"):
        for ground in ("page", "card", "plain-back"):
            assert contrast(colours[letters], colours[ground]) >= LETTERS, (letters, ground)
    for tone in ("good", "bad", "unsure"):
        assert contrast(colours["ink"], colours[f"{tone}-back"]) >= LETTERS, tone
        for ground in ("page", "card"):
            assert contrast(colours[tone], colours[ground]) >= LETTERS, (tone, ground)


@SCHEMES
def test_strokes_stand_out(colours: dict[str, str]) -> None:
    for stroke in ("zero", *(f"c{i}" for i in range(8))):
        assert contrast(colours[stroke], colours["card"]) >= STROKES, stroke


@SCHEMES
def test_the_first_series_differ_to_the_colour_blind(colours: dict[str, str]) -> None:
    """Blue against red and green is what all common kinds see; brightness is what everybody sees."""
    for one, other in combinations([f"c{i}" for i in range(3)], 2):
        blue = [int(colours[name][5:7], 16) for name in (one, other)]
        assert abs(blue[0] - blue[1]) >= 30 or contrast(colours[one], colours[other]) >= 1.3, (one, other)


def test_both_schemes_have_the_same_names() -> None:
    assert set(LIGHT) == set(DARK)
    assert "prefers-color-scheme:dark" in css()
    assert all(f"--{name}:" in css() for name in LIGHT)
