"""`headway train`: learns from a range of samples, in a process of its own that has what learning takes."""

import getpass
import subprocess
import sys
from importlib.util import find_spec

import click

from gateway.cli.output import json_option
from gateway.errors import GatewayError
from gateway.history import reach
from infra.settings import load_settings


@click.command()
@click.option(
    "--from",
    "since",
    metavar="OFFSET|TIME",
    help="First sample: an offset, one a partition (0:1200,1:900), a time (2026-05-04T10:00), or how long ago (7d).",
)
@click.option("--to", "until", metavar="OFFSET|TIME", help="The end, itself left out; all there is by now by default.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of everything that is left to chance.",
)
@click.option("--kind", "kinds", multiple=True, help="Only this kind of model; by default all, and the best is taken.")
@click.option("--dry-run", is_flag=True, help="Publish nothing; tell what it would be.")
@json_option
def train(
    since: str | None, until: str | None, seed: int, kinds: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Learn a router from the samples of the line, hold it to what it has not seen, and publish it.

    The same range and seed give the same weights. A model that passes the gate is put to use, unless the setting
    `promotion` leaves that to you; the line's scorer does all this by itself when enough samples have come.

    \b
    Example: headway train --from 30d --seed 7
    Example: headway train --from 0 --to 5000 --dry-run --json
    """
    if find_spec("scorer_service") is None:
        raise GatewayError("The scorer is not installed here; run `make setup`, or train where it is.")
    settings = load_settings()
    reach(settings)
    command = [sys.executable, "-m", "scorer_service", "train", "--seed", str(seed), "--by", getpass.getuser()]
    for option, value in (("--from", since), ("--to", until)):
        command += [f"{option}={value}"] if value is not None else []
    command += [f"--kind={kind}" for kind in kinds]
    command += ["--dry-run"] if dry_run else []
    command += ["--json"] if as_json else []
    sys.stdout.flush()
    sys.exit(subprocess.run(command).returncode)
