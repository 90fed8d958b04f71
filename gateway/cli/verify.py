"""`headway verify`: the proof in the terminal."""

import sys
from dataclasses import asdict

import click

from gateway import proof
from gateway.cli.output import json_option, print_json, remark, say
from gateway.cli.submit import Duration
from gateway.units import duration, many
from infra.settings import load_settings
from processors.verify import Verdict


@click.command()
@click.option("--wait", "wait_us", type=Duration(), default="0s", help="Wait until nothing is open, at most this long.")
@json_option
def verify(wait_us: int, as_json: bool) -> None:
    """Prove from the topics alone that no task was lost or done twice.

    Exit code 0 only when that holds and, with --wait, nothing was open any more.

    Example: headway verify --wait 60s --json
    """
    verdict = proof.verify(load_settings(), wait_s=wait_us / 1_000_000)
    if as_json:
        print_json(asdict(verdict))
    else:
        say(sentence(verdict), style="green" if verdict.holds else "red")
        for what, ids in (("lost", verdict.lost_ids), ("ended twice", verdict.duplicated_ids)):
            for task_id in ids:
                remark(f"{what}: {task_id}; see `headway task {task_id}`")
    waited_in_vain = bool(wait_us and verdict.open)
    if waited_in_vain and verdict.holds:
        remark(
            f"{many(verdict.open, 'task')} still open after {duration(wait_us)}: `headway tasks --state open` lists "
            "them. What has ended is proved; wait longer for the rest."
        )
    if waited_in_vain or not verdict.holds:
        sys.exit(1)


def sentence(verdict: Verdict) -> str:
    counts = ", ".join(f"{count:,} {status}" for status, count in verdict.by_status.items())
    ended = f"{verdict.terminal:,} ended ({counts})" if counts else "0 ended"
    return (
        f"{many(verdict.accepted, 'task')} handed in: {ended}, {verdict.open:,} open, {verdict.lost:,} lost, "
        f"{many(verdict.duplicates, 'duplicated outcome')}."
    )
