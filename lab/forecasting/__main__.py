"""`python -m lab.forecasting [FILE.csv ...]`: forecasts from many moments of a past, held against what came then.

Without files the loads are generated, each with its seed. Prints a table in Markdown, for docs/forecast.md.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from lab.forecasting.worlds import WORLDS, Floats, world
from processors.forecasting.forecast import forecast
from processors.forecasting.series import regular

HISTORIES = ((7, 300), (28, 1800))
"""Days of history and width of a step of the generated loads."""
LATEST_DAYS = 3
"""The moments are spread over so many days at the end."""


@click.command(help=__doc__)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--moments", default=12, show_default=True, help="Forecasts of each load.")
@click.option("--hours", default=1.0, show_default=True, help="How far ahead.")
@click.option("--history-days", default=14, show_default=True, help="Days of history of the loads in files.")
@click.option("--seed", default=7, show_default=True)
def main(files: tuple[Path, ...], moments: int, hours: float, history_days: int, seed: int) -> None:
    click.echo("| load | days, step | error beside the season's | beside the last value's | held of 80% |")
    click.echo("| --- | --- | --- | --- | --- |")
    figures = []
    for name, days, times, values in _loads(files, history_days, seed):
        step_s = int(np.median(np.diff(times)))
        found = _judged(times, values, days * 86_400 // step_s, max(1, round(hours * 3600 / step_s)), moments)
        figures.append(found)
        click.echo(f"| {name} | {days}, {step_s // 60} min | {_row(found)} |")
    every = np.maximum(np.array(figures), 1e-3)
    season, last = (float(beside) for beside in np.exp(np.log(every[:, :2]).mean(axis=0)))
    click.echo(f"| all, geometric mean | | {_row((season, last, float(every[:, 2].mean())))} |")


def _loads(files: tuple[Path, ...], history_days: int, seed: int) -> Iterator[tuple[str, int, Floats, Floats]]:
    for path in files:
        rows = [line.split(",")[:2] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        table = {datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(): float(value) for at, value in rows}
        times = np.array(sorted(table))
        even = np.arange(times[0], times[-1], max(1.0, np.median(np.diff(times))))
        yield path.stem, history_days, even, np.interp(even, times, [table[at] for at in times])
    for days, step_s in () if files else HISTORIES:
        for name in WORLDS:
            yield name, days, *world(name, days=days + LATEST_DAYS, step_s=step_s, seed=seed)


def _judged(times: Floats, values: Floats, history: int, horizon: int, moments: int) -> tuple[float, float, float]:
    """Mean errors beside those of the two plain rules, and the share that the intervals held."""
    history = min(history, len(values) * 2 // 3)
    ours: list[float] = []
    season: list[float] = []
    last: list[float] = []
    held: list[float] = []
    for end in np.linspace(history, len(values) - horizon, moments).astype(int):
        past = slice(end - history, end)
        found = forecast(regular(times[past], values[past]), horizon)
        came = values[end : end + horizon]
        lag = (found.season_s or 86_400) // found.step_s
        before = np.array([values[end + h - lag * (1 + h // lag)] for h in range(horizon)])
        for errors, said in ((ours, np.array(found.value)), (season, before), (last, values[end - 1])):
            errors.append(float(np.abs(said - came).mean()))
        held.append(float(((np.array(found.low) <= came) & (came <= np.array(found.high))).mean()))
    of_season, of_last = max(float(np.mean(season)), 1e-12), max(float(np.mean(last)), 1e-12)
    return float(np.mean(ours)) / of_season, float(np.mean(ours)) / of_last, float(np.mean(held))


def _row(figures: tuple[float, float, float]) -> str:
    return f"{figures[0]:.2f} | {figures[1]:.2f} | {figures[2]:.0%}"


if __name__ == "__main__":
    main()
