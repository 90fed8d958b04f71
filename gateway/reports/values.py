"""How the numbers of an experiment are written: shares as percent, their differences as points, the rest as it is."""

from math import floor, isfinite, log10

from processors.experiments.estimates import Interval
from processors.experiments.metrics import Metric


def number(value: float) -> str:
    """Four digits, no exponent where people would not use one."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}".replace("-", "−")


def percent(share: float) -> str:
    """With as many places as a difference from all or nothing needs."""
    return f"{share:.1%}" if 0.0005 <= share <= 0.9995 or share in (0, 1) else f"{share:.3%}"


def value(metric: Metric, found: float) -> str:
    return percent(found) if metric.kind == "binary" else number(found)


def effect(metric: Metric, found: float, span: Interval) -> str:
    """With the places that its interval allows."""
    return f"{_signed(_factor(metric) * found, _places(metric, span))}{unit_of(metric)}"


def bounds(metric: Metric, span: Interval, joint: str = " to ") -> str:
    places = _places(metric, span)
    return joint.join(_signed(_factor(metric) * bound, places) for bound in span)


def between(metric: Metric, span: Interval) -> str:
    return f"between {bounds(metric, span, ' and ')}{unit_of(metric)}"


def on_axis(metric: Metric, found: float) -> str:
    found *= _factor(metric)
    return "0" if abs(found) < 1e-12 else ("+" if found > 0 else "−") + number(abs(found))


def unit_of(metric: Metric) -> str:
    return " points" if metric.kind == "binary" else ""


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def p_said(p: float) -> str:
    return f"p {p_value(p)}" if p < 0.0001 else f"p = {p_value(p)}"


def of_percent(found: float) -> str:
    """A change in percent."""
    return f"{_signed(found, 1)}%"


def _factor(metric: Metric) -> float:
    return 100.0 if metric.kind == "binary" else 1.0


def _places(metric: Metric, span: Interval) -> int:
    """So many that the width of the interval has three digits."""
    width = _factor(metric) * (span[1] - span[0])
    return max(0, 2 - floor(log10(width))) if isfinite(width) and width > 0 else 4


def _signed(found: float, places: int) -> str:
    text = f"{abs(found):,.{places}f}" if places <= 9 else f"{abs(found):.3g}"
    return text if not text.strip("0.,") else ("+" if found > 0 else "−") + text
