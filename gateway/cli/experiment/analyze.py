"""`headway experiment analyze`: what an A/B test says, from any table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import BadInput

if TYPE_CHECKING:  # at a run these are imported by the command, for numpy takes longer than all of `headway --help`
    from processors.experiments.report import ArmResult, Report

SHARES_SLACK = 0.001
"""How far from 1 the shares of --split may add up, for thirds are seldom written out."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--unit", required=True, metavar="COL", help="Column with what was assigned to a variant: a user, a task."
)
@click.option("--variant", required=True, metavar="COL", help="Column with the variant of each row.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    required=True,
    metavar="COL[:KIND][:lower]",
    help="What to compare: mean (default), binary, NUM/DEN:ratio, quantile (the median) or quantile@0.9. With :lower, "
    "less is better. Several are corrected for (see --correction).",
)
@click.option(
    "--guardrail",
    "guardrails",
    multiple=True,
    metavar="COL[:KIND][:lower]",
    help="What must not get worse: an arm that is worse on it is stopped. Written like a metric.",
)
@click.option(
    "--covariate", "covariates", multiple=True, metavar="COL", help="What was known before the assignment, for CUPED."
)
@click.option("--cluster", metavar="COL", help="Column with groups of units that are alike: a session, a tenant.")
@click.option("--split", metavar="ARM=SHARE,...", help="The planned shares, as in control=0.5,b=0.5; equal by default.")
@click.option(
    "--control", metavar="ARM", help='The arm to compare with; else "control", the first of --split, or by name.'
)
@click.option(
    "--sequential/--fixed",
    default=True,
    help="Verdict by confidence sequences, at any time (default), or by one test at the planned end: at least 100 "
    "units a variant, 14 days.",
)
@click.option("--days", type=click.FloatRange(min=0), help="How long it has run; --fixed waits for 14 days when given.")
@click.option(
    "--correction",
    type=click.Choice(["holm", "bh", "none"]),
    default="holm",
    show_default=True,
    help="For several comparisons: Holm (no false one), Benjamini-Hochberg (few among those found), or none.",
)
@click.option(
    "--propensity",
    metavar="COL",
    help="Of a bandit: column with the probability by which each unit got its variant. Estimates are weighted by it.",
)
@click.option("--time", metavar="COL", help="With --propensity: the order of the choices; else that of the rows.")
@json_option
def analyze(
    file: Path,
    unit: str,
    variant: str,
    metrics: Sequence[str],
    guardrails: Sequence[str],
    covariates: Sequence[str],
    cluster: str | None,
    split: str | None,
    control: str | None,
    sequential: bool,
    days: float | None,
    correction: str,
    propensity: str | None,
    time: str | None,
    as_json: bool,
) -> None:
    """Compare the variants in FILE, CSV or Parquet: effects, intervals, and a verdict.

    One row a unit, or several. The verdict is winner, no difference shown, mixed, or invalid; docs/experiments.md tells
    what each number is and how it is got.

    Example: headway experiment analyze results.parquet --unit user --variant arm --metric spend --covariate before
    """
    from gateway.analysis import columns_of, read_rows
    from processors.experiments.analysis import analyze as analyze_rows
    from processors.experiments.estimates import BadData
    from processors.experiments.metrics import parse
    from processors.experiments.report import Plan

    if time and not propensity:
        raise BadInput("--time goes with --propensity: only a bandit's choices need their order.")
    columns = columns_of(file)
    for option, name in [
        ("--unit", unit),
        ("--variant", variant),
        ("--cluster", cluster),
        ("--propensity", propensity),
        ("--time", time),
        *(("--covariate", name) for name in covariates),
    ]:
        if name is not None and name not in columns:
            raise BadInput(f'{file} has no column "{name}" ({option}). Its columns are: {", ".join(columns)}.')
    try:
        asked = [parse(spec, columns) for spec in metrics]
        guards = [parse(spec, columns) for spec in guardrails]
        numbers = [name for metric in [*asked, *guards] for name in metric.columns] + list(covariates)
        numbers += [propensity] if propensity else []
        plan = Plan(
            asked,
            guards,
            shares_of(split) if split else None,
            control,
            covariates,
            "sequential" if sequential else "fixed",
            correction,  # type: ignore[arg-type]
            days=days,
            propensity=propensity,
            time=time,
        )
        rows = read_rows(file, unit=unit, variant=variant, cluster=cluster, numbers=numbers, time=time)
        report = analyze_rows(rows, plan)
    except BadData as error:
        raise BadInput(str(error)) from error
    if as_json:
        print_json(asdict(report))
    else:
        _show(report)


def shares_of(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in text.split(","):
        arm, equals, number = part.rpartition("=")
        try:
            share = float(number)
        except ValueError:
            share = 0.0
        if not equals or not 0 < share < 1 or arm.strip() in shares:
            raise BadInput(f'"{part}" in --split is not accepted: write each arm once, as in control=0.5,b=0.5.')
        shares[arm.strip()] = share
    if abs(sum(shares.values()) - 1) > SHARES_SLACK:
        raise BadInput(f"The shares of --split add up to {sum(shares.values()):g}: they must make 1.")
    return shares


def _show(report: "Report") -> None:
    # In a sequential analysis the interval that the verdict rests on is shown, beside the fixed test's p for reference.
    sequential = report.mode == "sequential"
    adjusted = report.correction != "none"
    head = ["metric", "arm", "n", "value", "effect", "relative", "95% interval", "p", "method"]
    head[6] = f"{'adjusted ' if adjusted else ''}{'sequence' if sequential else 'interval'}, {1 - report.alpha:.0%}"
    head[7] = "always-valid p" if sequential else "p"
    rows = [
        _row(name, arm, result, sequential)
        for name, of_arm in report.metrics.items()
        for arm, result in sorted(of_arm.items(), key=lambda item: (item[0] != report.control, item[0]))
    ]
    table(head, rows, right=("n", "value", "effect", "relative", head[6], head[7]))
    say()
    style = {"winner": "green", "invalid": "red"}.get(report.verdict, "yellow")
    say(f"Verdict: {report.verdict}" + (f', "{report.winner}"' if report.winner else "") + ".", style=style)
    for reason in report.reasons:
        say(f"- {reason}")
    for name, of_arm in report.guardrails.items():
        for arm, result in of_arm.items():
            span = f"{result.effect:+.4g}, between {result.cs[0]:+.4g} and {result.cs[1]:+.4g}"
            say(f'Guardrail {name}: "{arm}" {span}: {"worse, stop it" if result.stops else "not shown to be worse"}.')
    remark(f"Sample ratio: p = {report.srm_p:.2g}, at any look {report.srm.sequential_p:.2g}.")
    for note in report.notes:
        remark(note)


def _row(metric: str, arm: str, result: "ArmResult", sequential: bool) -> list[str | None]:
    interval = result.cs_adjusted if sequential else result.ci_adjusted
    p = result.p_always_valid_adjusted if sequential else result.p_adjusted
    return [
        metric,
        arm,
        f"{result.n:,}",
        f"{result.mean:.4g}",
        None if result.effect is None else f"{result.effect:+.4g}",
        None if result.relative is None else f"{result.relative:+.1%}",
        None if interval is None else f"{interval[0]:+.4g} … {interval[1]:+.4g}",
        None if p is None else f"{p:.2g}",
        result.method,
    ]
