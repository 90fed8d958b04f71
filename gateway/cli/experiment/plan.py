"""`headway experiment plan`: before the start, how long an experiment will take and what it can find."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.experiment.analyze import shares_of
from gateway.cli.output import json_option, print_json, remark, say
from gateway.errors import BadInput

if TYPE_CHECKING:  # at a run these are imported by the command, for numpy takes longer than all of `headway --help`
    from processors.experiments.history import History
    from processors.experiments.metrics import Metric


@click.command()
@click.option(
    "--metric",
    required=True,
    metavar="NAME[:KIND][:lower]",
    help="What will be compared, written as for analyze: mean (default), binary, NUM/DEN:ratio, quantile@0.9.",
)
@click.option("--baseline", type=float, help="What it is today; of a binary metric the share of successes.")
@click.option("--deviation", type=float, help="Standard deviation of a unit's value; a binary metric needs none.")
@click.option("--effect", type=float, help="Difference from the baseline that is to be found: 0.03, or -0.03.")
@click.option("--units", type=click.FloatRange(min=1), help="Units in all arms together.")
@click.option("--power", type=float, help="Share of such experiments that find it; 0.8 by default.")
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Share of experiments without effect.")
@click.option("--split", metavar="ARM=SHARE,...", help="The planned shares; control=0.5,b=0.5 by default.")
@click.option("--control", metavar="ARM", help='The arm compared with; else "control", or the first of --split.')
@click.option(
    "--comparisons",
    type=click.IntRange(min=1),
    help="How many are corrected for: arms beside control, times metrics. By default for one metric.",
)
@click.option("--sequential/--fixed", default=True, help="As for analyze: looked at any time (default), or once.")
@click.option("--units-a-day", type=float, help="How many come, to tell days; a sequence is then looked at daily.")
@click.option("--covariate-correlation", type=float, help="Of what is known before with the metric, for CUPED.")
@click.option("--cluster-size", type=float, help="Units of a cluster, where clusters are assigned whole.")
@click.option("--icc", type=float, help="Intraclass correlation: how much alike a cluster's units are, 0 to 1.")
@click.option(
    "--from",
    "table",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Earlier data, CSV or Parquet, to estimate baseline, deviation, correlation and clusters from.",
)
@click.option("--unit", metavar="COL", help="With --from: what will be assigned; each row by default.")
@click.option("--covariate", "covariates", multiple=True, metavar="COL", help="With --from: known beforehand.")
@click.option("--cluster", metavar="COL", help="With --from: groups of units that will be assigned whole.")
@json_option
def plan(
    metric: str,
    baseline: float | None,
    deviation: float | None,
    effect: float | None,
    units: float | None,
    power: float | None,
    alpha: float,
    split: str | None,
    control: str | None,
    comparisons: int | None,
    sequential: bool,
    units_a_day: float | None,
    covariate_correlation: float | None,
    cluster_size: float | None,
    icc: float | None,
    table: Path | None,
    unit: str | None,
    covariates: Sequence[str],
    cluster: str | None,
    as_json: bool,
) -> None:
    """Tell, before the start, how many units an experiment takes, or what it can find with those there are.

    Of effect, units and power give one or two; the power is 0.8 where it is not given. What is given here goes before
    what --from estimates.

    Example: headway experiment plan --metric completed:binary --baseline 0.9 --effect 0.03 --units-a-day 400
    """
    from processors.experiments.design import Question
    from processors.experiments.estimates import BadData
    from processors.experiments.outlook import plan_of

    if (icc is None) != (cluster_size is None):
        raise BadInput("--cluster-size and --icc belong together: give both.")
    try:
        asked, seen = _metric(metric, table, unit, covariates, cluster)
        question = Question(
            asked.kind,
            _given(baseline, seen.baseline if seen else None),
            _given(deviation, seen.deviation if seen else None),
            effect,
            units,
            power,
            asked.higher_is_better,
            alpha,
            shares_of(split) if split else {"control": 0.5, "b": 0.5},
            control,
            comparisons,
            "sequential" if sequential else "fixed",
            units_a_day,
            _given(covariate_correlation, seen.correlation if seen else None) or 0.0,
            _given(cluster_size, seen.cluster_size if seen else None) or 1.0,
            _given(icc, seen.intraclass_correlation if seen else None) or 0.0,
        )
        outlook = plan_of(question)
    except BadData as error:
        raise BadInput(str(error)) from error
    if as_json:
        print_json(asdict(outlook) | {"history": asdict(seen) if seen else None})
        return
    say(outlook.sentences[0], style="bold")
    for sentence in outlook.sentences[1:]:
        say(f"- {sentence}")
    if seen:
        remark(
            f"From {seen.units:,} units of {table}: baseline {seen.baseline:.4g}, deviation {seen.deviation:.4g}, "
            f"correlation {seen.correlation:.2f}, clusters of {seen.cluster_size:.3g} with an intraclass correlation "
            f"of {seen.intraclass_correlation:.3f}."
        )


def _metric(
    spec: str, table: Path | None, unit: str | None, covariates: Sequence[str], cluster: str | None
) -> "tuple[Metric, History | None]":
    from gateway.analysis import columns_of, read_rows
    from processors.experiments.history import history_of
    from processors.experiments.metrics import parse

    if table is None:
        if unit or covariates or cluster:
            raise BadInput("--unit, --covariate and --cluster name columns of a table: give it by --from.")
        name = spec.split(":", 1)[0]
        return parse(spec, [name, *name.split("/", 1)]), None
    columns = columns_of(table)
    for option, column in [("--unit", unit), ("--cluster", cluster), *(("--covariate", name) for name in covariates)]:
        if column is not None and column not in columns:
            raise BadInput(f'{table} has no column "{column}" ({option}). Its columns are: {", ".join(columns)}.')
    metric = parse(spec, columns)
    rows = read_rows(table, unit=unit, variant=None, cluster=cluster, numbers=[*metric.columns, *covariates])
    return metric, history_of(rows, metric, covariates)


def _given(option: float | None, seen: float | None) -> float | None:
    return seen if option is None else option
