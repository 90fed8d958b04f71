"""`headway verify`: the proof in the terminal."""

import sys
from dataclasses import asdict

import click

from gateway import proof
from gateway.cli.output import json_option, print_json, remark, say
from gateway.cli.submit import Duration
from gateway.history import reach
from gateway.units import many
from infra.settings import load_settings
from processors.verify import Verdict


@click.command()
@click.option("--wait", "wait_us", type=Duration(), default="0s", help="Wait until nothing is open, at most this long.")
@json_option
def verify(wait_us: int, as_json: bool) -> None:
    """Prove from the topics alone that no task was lost or done twice. Exit code 0 only when that holds.

    Example: headway verify --wait 60s --json
    """
    settings = load_settings()
    reach(settings)
    verdict = proof.verify(settings, wait_s=wait_us / 1_000_000)
    if as_json:
        print_json(asdict(verdict))
    else:
        say(sentence(verdict), style="green" if verdict.holds else "red")
        for what, ids in (("lost", verdict.lost_ids), ("ended twice", verdict.duplicated_ids)):
            for task_id in ids:
                remark(f"{what}: {task_id}; see `headway task {task_id}`")
    if not verdict.holds:
        sys.exit(1)


def sentence(verdict: Verdict) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in verdict.by_status.items())
    ended = f"{verdict.terminal:,} ended ({counts})" if counts else "0 ended"
    return (
        f"{many(verdict.accepted, 'task')} handed in: {ended}, {verdict.open} open, {verdict.lost} lost, "
        f"{many(verdict.duplicates, 'duplicated outcome')}."
    )
