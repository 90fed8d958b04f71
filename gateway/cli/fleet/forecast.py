"""`headway fleet forecast`: what the fleet will have to carry, from the history of the line or of any table."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Duration
from gateway.errors import BadInput
from gateway.units import duration

if TYPE_CHECKING:  # at a run these are imported by the command, for numpy takes longer than all of `headway --help`
    from gateway.loads import Loads
    from processors.forecasting.forecast import Forecast, Score

SECOND_US = 1_000_000
STEPS_MAX = 2_000
OWN_STEP_S = 300
"""Of the line's own history, unless --step says another."""
SHOWN = 24
"""Rows of the table; a longer forecast is thinned, with its last step, and is whole in JSON."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--horizon", type=Duration(SECOND_US), default="1h", show_default=True, help="How far ahead: 1h, 6h, 1d.")
@click.option("--step", type=Duration(SECOND_US), help="Width of a step, as 5m; by default found from the data.")
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 0.99),
    default=0.8,
    show_default=True,
    help="Share of the future that the interval is to hold.",
)
@click.option("--time", default="timestamp", show_default=True, metavar="COL", help="Column with the time of a row.")
@click.option("--value", default="value", show_default=True, metavar="COL", help="Column with the load.")
@click.option("--timezone", "zone_name", metavar="NAME", help="Zone of times that name none, and of days; else UTC.")
@click.option(
    "--combine",
    type=click.Choice(["mean", "sum"]),
    default="mean",
    show_default=True,
    help="What becomes of several rows of a step: mean for rates, sum for counts.",
)
@json_option
def forecast(
    file: Path | None,
    horizon: int,
    step: int | None,
    confidence: float,
    time: str,
    value: str,
    zone_name: str | None,
    combine: str,
    as_json: bool,
) -> None:
    """Forecast a load from its history, with an interval, and say what such forecasts were worth so far.

    FILE is CSV with a row for each time: ISO 8601, or seconds or milliseconds since 1970; - is stdin. Without FILE it
    is the tasks that the line completed in the last 7 days. docs/forecast.md tells how it is done, and what was
    measured.

    Example: headway fleet forecast load.csv --horizon 6h --timezone Asia/Tokyo
    """
    from gateway.loads import read_loads, zone_named
    from processors.forecasting.forecast import forecast as look_ahead
    from processors.forecasting.series import BadData, regular

    zone = zone_named(zone_name) if zone_name else None
    step_s = None if step is None else _whole_seconds(step)
    try:
        if file is None:
            loads, until = _own(step_s or OWN_STEP_S)
            series = regular(*loads[:2], zone=zone, step_s=step_s or OWN_STEP_S, combine="sum", zero_until_s=until)
        else:
            loads = read_loads(file, time=time, value=value, zone=zone)
            series = regular(
                *loads[:2],
                offsets_s=loads.offsets_s,
                zone=zone,
                step_s=step_s,
                combine=combine,  # type: ignore[arg-type]
            )
        steps = max(1, -(-horizon // (series.step_s * SECOND_US)))
        if steps > STEPS_MAX:
            raise BadInput(f"That is {steps:,} steps ahead, and {STEPS_MAX:,} are the most: give a wider --step.")
        found = look_ahead(series, steps, confidence)
    except BadData as error:
        raise BadInput(str(error)) from error
    if loads.zoneless:
        found.notes.append("Times name no zone and were read as UTC; --timezone says otherwise.")
    if as_json:
        print_json(_document(found))
        return
    recent = [v if s else None for v, s in zip(series.values.tolist(), series.seen.tolist(), strict=True)]
    _show(found, recent, confidence, zone or UTC)


def _own(step_s: int) -> "tuple[Loads, int]":
    from gateway.asking import Asker
    from gateway.loads import own_loads
    from infra.settings import load_settings

    with Asker(load_settings()) as asker:
        return own_loads(asker, step_s)


def _whole_seconds(us: int) -> int:
    if us % SECOND_US:
        raise BadInput(f"--step {duration(us)} is not accepted: it takes whole seconds, as 5m.")
    return us // SECOND_US


def _document(found: "Forecast") -> dict[str, object]:
    points = zip(found.at_s, found.value, found.low, found.high, strict=True)
    return {
        "step_s": found.step_s,
        "season_s": found.season_s,
        "method": found.method,
        "points": [{"at": _iso(at), "value": value, "low": low, "high": high} for at, value, low, high in points],
        "backtest": {name: vars(score) for name, score in found.backtest.items()} | {"values": found.scored},
        "notes": found.notes,
    }


def _iso(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def _show(found: "Forecast", recent: list[float | None], confidence: float, zone: tzinfo) -> None:
    from gateway.reports.text import sparkline

    if min(found.low) >= 0:
        past = recent[-min(len(recent), 48) :]
        drawn = sparkline([*past, *found.value[:24]])
        say(f"{drawn[: len(past)]}│{drawn[len(past) :]}")
        say()
    count = len(found.value)
    shown = sorted({*range(0, count, -(-count // SHOWN)), count - 1})
    rows = (
        [
            _clock(found.at_s[i], zone),
            *(_amount(number) for number in (found.value[i], found.low[i], found.high[i])),
        ]
        for i in shown
    )
    table(["at", "expected", "low", "high"], rows, right=("expected", "low", "high"))
    say()
    say(_trust(found, confidence))
    remark(f"Method: {found.method}; step {_length(found.step_s)}.")
    for note in found.notes:
        remark(note)


def _clock(at_s: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at_s, zone).strftime(f"%a %Y-%m-%d %H:%M{':%S' if at_s % 60 else ''} %Z")


def _amount(number: float) -> str:
    return f"{number:,.0f}" if 1000 <= abs(number) < 1e12 else f"{number:.4g}"


def _length(seconds: int) -> str:
    return f"{seconds // 86_400} d" if seconds % 86_400 == 0 else duration(seconds * SECOND_US)


def _trust(found: "Forecast", confidence: float) -> str:
    """One sentence on how far to trust it."""
    ours, plain = found.backtest["ours"], found.backtest["seasonal_naive"]
    if ours.mae is None or ours.coverage is None:
        return "Do not trust it yet: the history is too short to test it on."
    beside = _beside(ours, plain, found.season_s)
    held = f"and the {confidence:.0%} interval held {ours.coverage:.0%} of {found.scored:,} values"
    return f"Over its own past it was off by {_amount(ours.mae)} on the mean{beside}, {held}."


def _beside(ours: "Score", plain: "Score", season_s: int | None) -> str:
    if not plain.mae or ours.mae is None:
        return ""
    rule = f"repeating what was {_length(season_s)} earlier" if season_s else "repeating the last value"
    less = 1 - ours.mae / plain.mae
    return f", {less:.0%} less than {rule}" if less >= 0.005 else f", the same as {rule}"
