"""`python -m lab.learning`: agents that are good at things which nobody told the router, and how it finds out.

Tasks go by the rules first; then a model is trained from the line's own samples and promoted; then both are held
against each other in an experiment; then an agent comes that nobody has a label of.
"""

import shutil
import sys
from pathlib import Path

import click

from lab.circumstances import circumstances, keep, write_section
from lab.learning import world
from lab.learning.campaign import Campaign
from lab.learning.summary import figures, holds, page, table
from lab.own_line import own_settings, running

STATE = Path(".headway/learning")
RESULTS = Path(".headway/learning.json")
TITLE = "Routing that learns, on a running line"


@click.command(help=__doc__)
@click.option("--tasks", default=1000, show_default=True, help="Tasks of a phase; twice as many by the rules.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same tasks.")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md.")
def main(tasks: int, seed: int, docs: bool) -> None:
    agents_dir = STATE.with_name("learning-agents")
    shutil.rmtree(agents_dir, ignore_errors=True)
    agents_dir.mkdir(parents=True)
    for name, text in world.agents().items():
        (agents_dir / f"{name}.md").write_text(text, encoding="utf-8")
    hidden = {"agents_dir": str(agents_dir.absolute()), "sim_success": world.abilities()}
    quick = {"sim_speed": 1e6, "sim_failure_rate": 0.0}
    with running(own_settings(STATE, sinks=1, joiners=1, scorers=0, **hidden, **quick)) as line:
        result = Campaign(line, agents_dir, seed, click.echo).run(tasks)
    about = circumstances()
    click.echo(table(result))
    keep(RESULTS, {TITLE: {**about, **figures(result)}})
    if docs:
        write_section(TITLE, page(result, about, f"python -m lab.learning --tasks {tasks} --seed {seed}"))
    sys.exit(0 if holds(result) else 1)


if __name__ == "__main__":
    main()
