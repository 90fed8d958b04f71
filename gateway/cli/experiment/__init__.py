"""`headway experiment`: A/B experiments on the line, and what an A/B test in any table says."""

import click

from gateway.cli.experiment.analyze import analyze
from gateway.cli.experiment.life import adopt, create, extend, pause, resume, start, stop
from gateway.cli.experiment.looking import assign, list_all, parameters, show
from gateway.cli.experiment.plan import plan
from gateway.cli.experiment.report import report


@click.group()
def experiment() -> None:
    """Run A/B experiments on the line, and analyze those of others.

    Example: headway experiment create quick-balancing --parameter balancer --arm quick=adaptive --start
    """


for command in (
    create,
    start,
    pause,
    resume,
    extend,
    stop,
    adopt,
    list_all,
    show,
    report,
    assign,
    parameters,
    plan,
    analyze,
):
    experiment.add_command(command)
