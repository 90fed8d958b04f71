"""`python -m lab.scale`: the scenarios of the 200-agent experiment at full length, in virtual time.

SCENARIO is steady_state, burst, stress, soak or chaos, a YAML file of yours, `all` of ours one after the other, or
`agree`: a real line and the model side by side. Decisions are the line's own (dispatcher, balancers, health, queues,
autoscaler); tasks, hosts, network and mishaps are simulated. The same arguments give the same result.

\b
Examples:
  python -m lab.scale burst                         200 instances, one hour
  python -m lab.scale chaos --agents 1000 --seed 3
  python -m lab.scale all --minutes 30              the first half hour of each
  python -m lab.scale soak --agents 10000 --quick   quiet stretches passed over, and told as an estimate
  python -m lab.scale stress --compare              whole and quick side by side
  python -m lab.scale agree                         about two minutes; needs a free machine
"""

import json
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from infra.front_matter import BadFile
from lab.scale import agree, compare
from lab.scale.fleet import simulate
from lab.scale.report import table
from lab.scale.scenario import AGENTS, FOLDER, Scenario, load
from processors.balancing import BALANCERS

OURS = ("steady_state", "burst", "stress", "soak", "chaos")
STATE = Path(".headway/scale")


@click.command(help=__doc__)
@click.argument("scenario")
@click.option("--agents", type=click.IntRange(20, 100_000), help="Instances; 200 unless said, or 60 to agree.")
@click.option("--seed", default=0, show_default=True, help="The same seed brings the same tasks and mishaps.")
@click.option("--minutes", type=click.FloatRange(0.1), help="Only the first so many; else the whole scenario.")
@click.option("--balancer", type=click.Choice(list(BALANCERS)), help="How instances are chosen; else as shipped.")
@click.option("--scaling/--no-scaling", default=True, help="Whether the autoscaler changes sizes.", show_default=True)
@click.option("--quick", is_flag=True, help="Passes over stretches of which one minute is like another.")
@click.option("--compare", "compared", is_flag=True, help="Whole and quick side by side: how far they are apart.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a scenario and line, with all series.")
def main(
    scenario: str,
    agents: int | None,
    seed: int,
    minutes: float | None,
    balancer: str | None,
    scaling: bool,
    quick: bool,
    compared: bool,
    as_json: bool,
) -> None:
    if scenario == "agree":
        sys.exit(0 if _agree(agents or agree.INSTANCES, seed) else 1)
    holds = True
    for chosen in _chosen(scenario):
        simulated = partial(simulate, chosen.cut(minutes), agents or AGENTS, seed, balancer, scaling=scaling)
        if compared:
            rows = compare.compare(simulated(), quick_one := simulated(quick=True))
            minutes_words = (
                f"{quick_one['simulated_minutes']:g} minutes, {quick_one['passed_over_minutes']:g} passed over"
            )
            click.echo(
                f"{chosen.name}, {agents or AGENTS:,} instances; quick: {minutes_words}\n{compare.table(rows)}\n"
            )
            holds &= all(row.holds for row in rows)
            continue
        began, began_cpu = time.perf_counter(), time.process_time()
        found = simulated(quick=quick)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        click.echo(json.dumps(found) if as_json else _told(found, chosen.cut(minutes)))
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        click.echo(f"  {took_s:.1f} s, of the processor {cpu_s:.1f}; at most {memory_mb:,.0f} MB\n", err=True)
        holds &= all(target["holds"] for target in found["targets"])
    sys.exit(0 if holds else 1)


def _chosen(name: str) -> list[Scenario]:
    if name in ("all", *OURS):
        return [load(FOLDER / f"{one}.yaml") for one in (OURS if name == "all" else (name,))]
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise click.BadParameter(f"{name!r} is none of {', '.join((*OURS, 'all', 'agree'))}, and no YAML file")
    try:
        return [load(path)]
    except BadFile as error:
        raise click.ClickException(str(error)) from None


def _told(found: dict[str, Any], scenario: Scenario) -> str:
    title = (
        f"{found['scenario']}: {found['agents']:,} instances, {scenario.minutes:g} minutes, "
        f"seed {found['seed']}, {found['balancer']}, autoscaler {'on' if found['scaling'] else 'off'}"
    )
    return table(found, title, scenario.about)


def _agree(instances: int, seed: int) -> bool:
    found = agree.measured(STATE, instances, seed, click.echo)
    click.echo(str(found))
    return found.holds


if __name__ == "__main__":
    main()
