"""`python -m lab.stats`: simulates experiments whose truth is known, and holds the statistics to their promises."""

import sys
import time

import click

from lab.circumstances import circumstances, write_section
from lab.stats.bars import Bar, bars

TITLE = "Statistics of experiments"


@click.command(help=__doc__)
@click.option("--runs", default=10_000, show_default=True, help="Simulated experiments of each kind.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same figures.")
@click.option("--processes", default=2, show_default=True, help="Side by side; the figures do not depend on it.")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md.")
def main(runs: int, seed: int, processes: int, docs: bool) -> None:
    about = circumstances()
    began = time.monotonic()
    found = []
    for bar in bars(seed, runs, processes):
        found.append(bar)
        mark = "passed" if bar.passed else "FAILED"
        click.echo(f"{bar.promise:<76} {bar.bar:<18} {bar.measured:<26} {mark}")
    took_s = time.monotonic() - began
    click.echo(f"{sum(bar.passed for bar in found)} of {len(found)} passed in {took_s:.0f} s")
    if docs:
        where = f"`python -m lab.stats --runs {runs} --seed {seed}` on {about['date']}, commit {about['commit']}"
        write_section(TITLE, f"{where}, {about['machine']}, {took_s:.0f} s.\n\n{section(found, runs)}")
    if not all(bar.passed for bar in found):
        sys.exit(1)


def section(found: list[Bar], runs: int) -> str:
    lines = [
        f"{runs:,} simulated experiments for each line (ten times as many for the SRM of a split, a fifth for the "
        "power of CUPED and of clusters, a tenth for the whole engine and for lost units). "
        "Rates of tests that are exact may be measured above their bar by chance; three standard errors are allowed.",
        "",
        "| promise | bar | measured | |",
        "|---|--:|--:|---|",
    ]
    lines += [f"| {b.promise} | {b.bar} | {b.measured} | {'passed' if b.passed else '**failed**'} |" for b in found]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
