"""`python -m lab.bench [line|queue|fairness|memory|sink|…|all]`: measures, prints, keeps figures, writes them down."""

from pathlib import Path
from typing import Any

import click

from lab.bench import api, chat, experiment, fairness, fleet, line, live, memory, queue, routing, sink, warehouse
from lab.circumstances import circumstances, keep, write_section
from lab.own_line import alone

FOLDER = Path(".headway/bench").absolute()
RESULTS = Path(".headway/bench.json")
OTHERS = {
    "queue": queue,
    "fairness": fairness,
    "memory": memory,
    "sink": sink,
    "warehouse": warehouse,
    "experiment": experiment,
    "api": api,
    "live": live,
    "chat": chat,
    "routing": routing,
    "fleet": fleet,
}
TITLES = {
    "line": "The line beside its peers",
    "queue": "A hundred thousand waiting tasks",
    "fairness": "Fairness between tenants",
    "memory": "Memory",
    "sink": "The sink",
    "warehouse": "Questions over ten million events",
    "experiment": "An experiment on the line",
    "api": "The HTTP API",
    "live": "Live progress",
    "chat": "The chat",
    "routing": "Routing that learns",
    "fleet": "The fleet",
}


@click.command(help=__doc__)
@click.argument("what", type=click.Choice([*TITLES, "all"]), default="line")
@click.option("--rounds", default=5, show_default=True, help="Rounds of `line`, ours and the peers' by turns.")
@click.option("--quick", is_flag=True, help="Far less of everything: to see that it works, not for figures.")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md; never when quick.")
def main(what: str, rounds: int, quick: bool, docs: bool) -> None:
    with alone(FOLDER):
        _measure(what, rounds, quick, docs)


def _measure(what: str, rounds: int, quick: bool, docs: bool) -> None:
    about = circumstances()
    click.echo(f"{about['machine']}, commit {about['commit']}")
    for name in TITLES if what == "all" else [what]:
        command = f"python -m lab.bench {name}" + (f" --rounds {rounds}" if name == "line" else "")
        results, text = _run(name, rounds, quick)
        if not quick:
            keep(RESULTS, {**about, **results})
        click.echo(f"\n{TITLES[name]}\n{text}\n")
        if docs and not quick:
            where = f"`{command}` on {about['date']}, commit {about['commit']}, {about['machine']}."
            write_section(TITLES[name], f"{where}\n\n{text}")


def _run(name: str, rounds: int, quick: bool) -> tuple[dict[str, Any], str]:
    if name == "line":
        found = line.measure(FOLDER, rounds, quick, click.echo)
        return found.results(), line.section(found)
    results = OTHERS[name].measure(FOLDER, quick, click.echo)
    return results, OTHERS[name].section(results)


if __name__ == "__main__":
    main()
