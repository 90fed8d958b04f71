"""Whether passing over quiet stretches tells the truth: a scenario simulated whole, and with them passed over."""

from collections.abc import Mapping
from typing import Any, NamedTuple

LIMITS: Mapping[str, tuple[float, float]] = {
    "throughput_per_minute": (0.01, 0.0),
    "utilisation": (0.0, 0.01),
    "wait_p50_s": (0.1, 0.1),
    "wait_p99_s": (0.1, 0.1),
    "refused": (0.0, 0.01),
    "errors": (0.0, 0.0005),
    "cost_usd_micros": (0.02, 0.0),
    "instances_last": (0.03, 1.0),
    "spread": (0.0, 0.1),
    "recovery_max_s": (0.0, 1.0),
}
"""How far the quick run may be from the whole one: as a share of the whole one's figure, or so much, whichever is more.
The spread is that of the simulated minutes, and of few minutes it is larger."""


class Row(NamedTuple):
    figure: str
    whole: float | None
    quick: float | None
    allowed: float

    @property
    def holds(self) -> bool:
        if self.whole is None or self.quick is None:
            return self.whole is self.quick
        return abs(self.quick - self.whole) <= self.allowed


def compare(whole: Mapping[str, Any], quick: Mapping[str, Any]) -> list[Row]:
    rows = []
    for figure, (share, much) in LIMITS.items():
        ours, theirs = _value(whole, figure), _value(quick, figure)
        rows.append(Row(figure, ours, theirs, max(share * (ours or 0.0), much)))
    return rows


def _value(found: Mapping[str, Any], figure: str) -> float | None:
    value = found["instances"]["last"] if figure == "instances_last" else found[figure]
    return None if value is None else float(value)


def table(rows: list[Row]) -> str:
    lines = [f"  {'':<22} {'whole':>16} {'quick':>16} {'allowed apart':>16}"]
    for row in rows:
        ours, theirs = ("–" if value is None else f"{value:,.6g}" for value in (row.whole, row.quick))
        said = "agrees" if row.holds else "DIFFERS"
        lines.append(f"  {row.figure:<22} {ours:>16} {theirs:>16} {row.allowed:>16,.4g}  {said}")
    return "\n".join(lines)
