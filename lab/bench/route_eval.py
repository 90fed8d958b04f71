"""`python -m lab.bench.route_eval FOLDER`: our routers beside plain ones, on every table of a folder.

A table is two files, NAME_train.parquet and NAME_test.parquet, as `headway route-eval` takes them. Ours run as that
command does, each in a process of its own; the plain ones are in `plain.py`, in a few lines each, and see the same
MiniLM vectors. Nobody sees the test before it is judged by it. Tables of two models whose column `source` names several
benchmarks (what stands before a slash) are judged for each of them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from infra import embedding
from infra.embedding import kept
from infra.settings import load_settings
from lab.bench import plain
from lab.circumstances import circumstances, keep, write_section
from processors.learning import metrics

TITLE = "Learned routers on the table {}"
RESULTS = Path(".headway/bench.json")
OURS = (("hybrid", "static"), ("hybrid", "minilm"), ("clusters", "static"), ("knn", "static"), ("knn", "minilm"))
PART = "benchmark"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    texts: list[str]
    scores: Floats
    """(m, n)"""
    costs: Floats | None
    parts: list[str]
    """(m,) the benchmark of each query."""


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--table", metavar="NAME", help="Only this one of the folder.")
@click.option("--seeds", default=5, show_default=True, help="How many, from 0.")
@click.option("--docs/--no-docs", default=True, help="Write the result into docs/benchmarks.md.")
def main(folder: Path, table: str | None, seeds: int, docs: bool) -> None:
    about = circumstances()
    for train in sorted(folder.glob(f"{table or '*'}_train.parquet")):
        name = train.name.removesuffix("_train.parquet")
        test = folder / f"{name}_test.parquet"
        if not test.is_file():
            continue
        with TemporaryDirectory() as place:
            results = _table(name, train, _with_part(test, Path(place)), range(seeds))
        keep(RESULTS, {**about, f"route_eval_{name}": results})
        text = section(results, seeds)
        click.echo(f"{name}\n{text}")
        if docs:
            command = f"`python -m lab.bench.route_eval FOLDER --table {name} --seeds {seeds}`"
            where = f"{command} on {about['date']}, commit {about['commit']}, {about['machine']}."
            write_section(TITLE.format(name), f"{where}\n\n{text}")


def _table(name: str, train: Path, test: Path, seeds: Sequence[int]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {}
    for router, embedder in OURS:
        for seed in seeds:
            said = _ours(train, test, router, embedder, seed)
            click.echo(f"{name} {router} {embedder} seed {seed}: {said['score']:.4f}", err=True)
            found.setdefault(f"{router}, {embedder}", []).append(said)
    found |= _plain(_read(train), _read(test), seeds)
    return found


def _ours(train: Path, test: Path, router: str, embedder: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "scorer_service", "evaluate", f"--train={train}", f"--test={test}", "--json"]
    command += [f"--router={router}", f"--embedder={embedder}", f"--seed={seed}", f"--by={PART}"]
    told = subprocess.run(command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(told.stdout))


def _with_part(test: Path, place: Path) -> Path:
    """A copy of the test that says which benchmark a query is of."""
    table = pq.read_table(test)
    sources = table["source"].cast("string").to_pylist() if "source" in table.column_names else ["all"] * len(table)
    pq.write_table(table.append_column(PART, pa.array([one.partition("/")[0] for one in sources])), place / test.name)
    return place / test.name


def _read(path: Path) -> Part:
    table = pq.read_table(path)
    query, model = (pc.dictionary_encode(table[name].cast("string")).combine_chunks() for name in ("query_id", "model"))
    order = np.argsort(np.array(model.dictionary.to_pylist(), dtype=object))
    place = (query.indices.to_numpy(), np.argsort(order)[model.indices.to_numpy()])
    texts = dict(zip(place[0].tolist(), table["text"].to_pylist(), strict=True))
    grids = {}
    for name in ("score", "cost_usd"):
        if name in table.column_names:
            grids[name] = np.zeros((len(query.dictionary), len(order)))
            grids[name][place] = table[name].to_numpy()
    parts = ["all"] * len(texts)
    if PART in table.column_names:
        parts = [one for _, one in sorted(dict(zip(place[0].tolist(), table[PART].to_pylist(), strict=True)).items())]
    return Part([texts[i] for i in range(len(texts))], grids["score"], grids.get("cost_usd"), parts)


def _plain(learn: Part, test: Part, seeds: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    embedder, folder = embedding.load("minilm"), load_settings().state / "vectors"
    seen, unseen = (kept.vectors(part.texts, embedder, folder) for part in (learn, test))
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in seeds:
        said = {name: make(seen, learn.scores, unseen, seed) for name, make in plain.ROUTERS.items()}
        said["mean of these"] = np.mean(list(said.values()), 0)
        for name, quality in said.items():
            found.setdefault(name, []).append(_figures(quality, learn, test))
    return found


def _figures(quality: Floats, learn: Part, test: Part) -> dict[str, Any]:
    single = test.scores[:, learn.scores.mean(0).argmax()]
    chosen = metrics.earned(test.scores, quality.argmax(1))
    found = {
        "score": float(chosen.mean()),
        "gain": float((chosen - single).mean()),
        "gain_ci95": list(metrics.interval(chosen - single, np.random.default_rng(0))),
        "ece": metrics.ece(np.clip(quality, 0, 1).ravel(), test.scores.ravel()),
    }
    if learn.costs is not None and test.costs is not None:
        expected = np.tile(learn.costs.mean(0), (len(quality), 1))
        curve = metrics.trade(quality, expected, np.ones(quality.shape, bool), test.scores, test.costs)
        point = metrics.cheapest(curve, float(single.mean()))
        found["cost_at_best_single"] = None if point is None else point.cost
    if quality.shape[1] == 2:
        strong, parts = int(learn.scores.mean(0).argmax()), np.array(test.parts)
        lead, scores = quality[:, strong] - quality[:, 1 - strong], test.scores[:, [strong, 1 - strong]]
        found["by"] = {
            part: {"recovered_gap": metrics.recovered_gap(lead[rows], scores[rows, 0], scores[rows, 1])}
            for part, rows in ((part, parts == part) for part in sorted(set(parts)))
        }
    return found


def section(routers: dict[str, list[dict[str, Any]]], seeds: int) -> str:
    one = next(iter(routers.values()))[0]
    queries = one["queries"]
    return "\n".join(
        [
            f"{queries['train']:,} queries to learn from, {queries['test']:,} to judge by, {one['models']} models; "
            f"best single {one['best_single']:.4f}, random {one['random']:.4f}, oracle {one['oracle']:.4f}. Means over "
            f"{seeds} seeds on what was held out, the interval of the gain from seed 0. Plain routers see MiniLM "
            "vectors. Cost is what it costs a query to be as good as the best single model; gap is the area under "
            "the curve of the recovered performance gap, for tables of two models (0.5: chance).\n",
            "| router | score | gain [95 %] | ECE | cost | gap | p50, p99 ms |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *(_row(router, found) for router, found in routers.items()),
        ]
    )


def _row(router: str, found: list[dict[str, Any]]) -> str:
    def mean(name: str, form: str) -> str:
        values = [one[name] for one in found if one.get(name) is not None]
        return form.format(np.mean(values)) if values else "–"

    low, high = found[0]["gain_ci95"]
    gain = f"{mean('gain', '{:+.4f}')} [{low:+.4f}, {high:+.4f}]"
    took = ", ".join(mean(f"latency_ms_{part}", "{:.2f}") for part in ("p50", "p99"))
    figures = (
        mean("score", "{:.4f}"),
        gain,
        mean("ece", "{:.3f}"),
        mean("cost_at_best_single", "${:.3g}"),
        _gaps(found),
    )
    return f"| {' | '.join((router, *figures, took))} |"


def _gaps(found: list[dict[str, Any]]) -> str:
    gaps: dict[str, list[float]] = {}
    for one in found:
        for part, figures in one.get("by", {}).items():
            if "recovered_gap" in figures:
                gaps.setdefault(part, []).append(figures["recovered_gap"])
    return ", ".join(f"{part} {np.mean(values):.3f}" for part, values in gaps.items()) or "–"


if __name__ == "__main__":
    main()
