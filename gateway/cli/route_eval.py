"""`headway route-eval`: judges a router on a table, in a process of its own that has what learning takes."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from gateway.cli.output import json_option
from gateway.errors import GatewayError
from infra.settings import EMBEDDERS

ROUTERS = ("hybrid", "mlp", "clusters", "knn", "rules")


@click.command(name="route-eval")
@click.option("--train", "learn", type=click.Path(path_type=Path), required=True, help="Table to learn from, parquet.")
@click.option("--test", type=click.Path(path_type=Path), required=True, help="Table to be judged on, parquet.")
@click.option("--router", type=click.Choice(ROUTERS), default="hybrid", show_default=True, help="Which router.")
@click.option("--embedder", type=click.Choice(EMBEDDERS), default="static", show_default=True, help="Of the texts.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything left to chance.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Weight of quality; the rest weighs cost.",
)
@click.option("--by", metavar="COLUMN", help="Figures also for each value of this column of the test.")
@json_option
def route_eval(
    learn: Path, test: Path, router: str, embedder: str, seed: int, alpha: float, by: str | None, as_json: bool
) -> None:
    """Judge a router on a table of queries, models and scores that it has not seen.

    A table is parquet with a row for each query and model: query_id, text, model, score (0 to 1), and cost_usd if
    known; further columns do not matter. The best single model is the one that is best in the table to learn from.

    Example: headway route-eval --train train.parquet --test test.parquet --router hybrid --json
    """
    if find_spec("scorer_service") is None:
        raise GatewayError("The scorer is not installed here; run `make setup`, or evaluate where it is.")
    command = [sys.executable, "-m", "scorer_service", "evaluate", f"--train={learn}", f"--test={test}"]
    command += [f"--router={router}", f"--embedder={embedder}", f"--seed={seed}", f"--alpha={alpha}"]
    command += [f"--by={by}"] if by else []
    command += ["--json"] if as_json else []
    # Sums of several threads come in another order, and the same seed would give other figures on another machine.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    sys.stdout.flush()
    sys.exit(subprocess.run(command, env={**os.environ, **one, "TOKENIZERS_PARALLELISM": "false"}).returncode)
