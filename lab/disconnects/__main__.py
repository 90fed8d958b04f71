"""`python -m lab.disconnects`: a thousand disconnects of live clients, gateways and broker killed meanwhile, and what
each client was told held against the topics.
"""

import asyncio
import sys
from pathlib import Path

import click

from lab.chaos.__main__ import chaos_settings
from lab.circumstances import circumstances, keep, write_section
from lab.disconnects.campaign import GATEWAYS, Campaign
from lab.disconnects.summary import figures, page, table
from lab.own_line import running

STATE = Path(".headway/disconnects")
RESULTS = Path(".headway/disconnects.json")
TITLE = "Disconnects of live clients"
LIMITS = {
    "gateways": GATEWAYS,
    "gateway_ring_mb": 1,  # who is away for longer than some seconds is told from Kafka
    "gateway_connections_max": 1_000,
    "gateway_connections_user_max": 1_000,
    "gateway_requests_per_s": 10_000.0,
}


@click.command(help=__doc__)
@click.option("--disconnects", default=1000, show_default=True, help="Connections that end, at the least.")
@click.option("--rate", default=12.0, show_default=True, help="Tasks a second.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same plans.")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md.")
def main(disconnects: int, rate: float, seed: int, docs: bool) -> None:
    with running(chaos_settings(STATE, 1, **LIMITS)) as line:
        result = asyncio.run(Campaign(line, seed, rate, click.echo).run(disconnects))
    about = circumstances()
    click.echo(table(result))
    keep(RESULTS, {TITLE: {**about, **figures(result)}})
    if docs:
        command = f"python -m lab.disconnects --disconnects {disconnects} --rate {rate:g} --seed {seed}"
        write_section(TITLE, page(result, about, command))
    sys.exit(0 if result.holds else 1)


if __name__ == "__main__":
    main()
