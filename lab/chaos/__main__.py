"""`python -m lab.chaos`: the crash campaign, from the start of a line of its own to the verdict."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from infra.settings import Settings
from lab.chaos.campaign import Campaign, RoundResult
from lab.chaos.plan import campaign, outage
from lab.chaos.summary import outage_page, page, passed, table
from lab.circumstances import circumstances, keep, write_section
from lab.own_line import OwnLine, own_settings, running

STATE = Path(".headway/chaos")
RESULTS = Path(".headway/chaos.json")
TITLES = {False: "Crash campaign, {} of each service", True: "Crash campaign of the stores, {} of each service"}
OUTAGE = "The line without a warehouse"
SHOWN_MAX = 3
"""Tasks in trouble whose story is printed."""


@click.command(help=__doc__)
@click.option("--rounds", default=20, show_default=True, help="Rounds; each hurts one to four processes.")
@click.option("--tasks", "count", default=2000, show_default=True, help="Tasks of a round, at the least.")
@click.option("--rate", default=250.0, show_default=True, help="Tasks a second.")
@click.option("--seed", default=1, show_default=True, help="The same seed does the same harm to the same tasks.")
@click.option("--first", default=1, show_default=True, help="Round to begin with, to repeat one of a campaign.")
@click.option("--processes", default=1, show_default=True, help="Routers, dispatchers and executors each.")
@click.option("--stored", is_flag=True, help="Hurt only what stores events: sinks and warehouse.")
@click.option("--outage", "outage_s", type=float, help="Instead: one round in which the warehouse is gone so long [s].")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md.")
def main(
    rounds: int,
    count: int,
    rate: float,
    seed: int,
    first: int,
    processes: int,
    stored: bool,
    outage_s: float | None,
    docs: bool,
) -> None:
    results: list[RoundResult] = []
    stored = stored or outage_s is not None
    plan = campaign(seed, first + rounds - 1, processes, stored) if outage_s is None else [outage(outage_s)]
    if outage_s is not None:
        count = max(count, int(rate * outage_s))
    with running(chaos_settings(STATE, processes, sinks=processes if stored else 0)) as line:
        runs = Campaign(line, seed, rate, click.echo)
        try:
            runs.warm_up()
            for number, faults in enumerate(plan, start=1):
                if number >= first:
                    click.echo(f"round {number}: {'; '.join(map(str, faults))}")
                    results.append(runs.round(number, faults, count))
                    _tell(line, results[-1])
        finally:
            runs.close()
    click.echo(table(results))
    about = circumstances() | {"seed": str(seed), "processes": str(processes)}
    title = TITLES[stored].format("one process" if processes == 1 else f"{processes} processes")
    title = OUTAGE if outage_s else title
    keep(RESULTS, {title: {"passed": passed(results), **about, "rounds": [asdict(result) for result in results]}})
    if docs:
        command = f"python -m lab.chaos --rounds {rounds} --tasks {count} --rate {rate:g} --seed {seed}"
        command += " --stored" * stored
        command = f"python -m lab.chaos --outage {outage_s:g} --rate {rate:g} --seed {seed}" if outage_s else command
        write = outage_page if outage_s else page
        write_section(title, write(results, about, f"{command} --processes {processes}"))
    sys.exit(0 if passed(results) else 1)


def chaos_settings(state: Path, processes: int, **over: object) -> Settings:
    """Quick simulated agents that sometimes fail; queues that take everything, for a refusal hides a loss."""
    values: dict[str, object] = {
        "routers": processes,
        "dispatchers": processes,
        "executors": processes,
        "sim_speed": 120.0,
        "sim_failure_rate": 0.05,
        "retry_base_s": 0.5,
        "retry_cap_s": 5.0,
        "queue_max": 50_000,
    }
    return own_settings(state, **values | over)


def _tell(line: OwnLine, result: RoundResult) -> None:
    verdict = result.verdict
    click.echo(
        f"  {result.tasks} tasks, settled after {result.settle_s:.1f} s; open {len(result.stuck)}, "
        f"lost {len(result.lost)}, duplicated {len(result.duplicated)}; {verdict['by_status']}"
    )
    if result.account:
        click.echo(f"  topics against tables: {result.account}; stored and counted {result.stored_s:.1f} s later")
    for task_id in [*result.stuck, *result.lost, *result.duplicated][:SHOWN_MAX]:
        click.echo(line.headway("task", task_id).stdout)


if __name__ == "__main__":
    main()
