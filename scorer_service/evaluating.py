"""`headway route-eval`: a router learns from one table and is judged on another that it has not seen."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra import embedding
from infra.embedding import Embedder, kept
from infra.settings import EMBEDDERS, load_settings
from processors.learning import metrics
from processors.learning.model import OPTION_FEATURES, Labelled, Model, Options, Tasks, task_features
from scorer_service import tables
from scorer_service.tables import BadTable, Table
from scorer_service.training import train

ROUTERS = {"hybrid": "wide", "mlp": "mlp", "clusters": "clusters", "knn": "knn", "rules": None}
"""What people call them, and the kind of model each is. The rules know agents, and a table has none."""
LEARN_MIN = 10
"""Queries to learn from: with fewer there is nothing left to find out by what a router has not seen."""
TIMED_MAX, TIMED_S = 500, 5.0
"""Queries that are timed one by one, and for how long at most."""
WRONG_USAGE = 2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    router: str = "hybrid"
    embedder: str = "static"
    seed: int = 0
    alpha: float = 1.0
    vectors: Path = Path()
    """Where vectors of a slow embedder are kept."""


@dataclass(frozen=True)
class Judged:
    """What a router makes of the queries of a test."""

    quality: Floats
    """(m, n)"""
    abstains: NDArray[np.bool_]
    expected_cost: Floats | None
    latency_ms: Floats
    """Of single queries, embedding and features included."""
    about: dict[str, Any]


def evaluate(learn: Table, test: Table, asked: Asked) -> dict[str, Any]:
    """All figures, for programs. Raises BadTable."""
    test, notes = _comparable(learn, test)
    kind, queries = ROUTERS[asked.router], len(learn.texts)
    if kind is not None and 1 < queries < LEARN_MIN:
        kind = None
        few = f"{queries} queries are too few to learn a router from, it takes {LEARN_MIN}"
        notes.append(f"{few}: the best single model is chosen.")
    elif kind is None:
        notes.append("rules know agents by their words, and a table has none: they choose the best single model.")
    mean = np.nan_to_num(np.nanmean(learn.scores, 0))
    judged = _best_single(learn, test, mean) if kind is None else _learned(kind, learn, test, asked)
    return _figures(test, judged, mean, asked) | {
        "router": asked.router,
        "embedder": asked.embedder,
        "seed": asked.seed,
        "alpha": asked.alpha,
        "queries": {"train": len(learn.texts), "test": len(test.texts)},
        "models": len(learn.models),
        "best_single_model": learn.models[int(mean.argmax())],
        "notes": notes,
        **judged.about,
    }


def _comparable(learn: Table, test: Table) -> tuple[Table, list[str]]:
    """The test in terms of the models that could be learned, and what had to be left out for that."""
    notes = []
    shared = [name for name in test.models if name in learn.models]
    if not shared:
        raise BadTable(
            f"No model of the test is in the training table. They have {', '.join(test.models[:5])} and "
            f"{', '.join(learn.models[:5])}."
        )
    if len(shared) < len(test.models):
        missing = sorted(set(test.models) - set(shared))
        notes.append(f"left out, as they are not in the training table: {', '.join(missing)}.")
    places = [test.models.index(name) for name in shared]
    scores = np.full((len(test.texts), len(learn.models)), np.nan)
    columns = [learn.models.index(name) for name in shared]
    scores[:, columns] = test.scores[:, places]
    costs = None
    if test.costs is not None and learn.costs is not None:
        costs = np.full(scores.shape, np.nan)
        costs[:, columns] = test.costs[:, places]
    elif test.costs is not None or learn.costs is not None:
        notes.append("only one of the two tables has costs: they are left out.")
    rows = np.isfinite(scores).any(1)
    if not rows.all():
        notes.append(f"{int((~rows).sum()):,} queries have no score of a model that could be learned: left out.")
    if np.isnan(scores[rows]).any():
        notes.append("some models have no score for some queries: a router chooses among those that have.")
    texts = [test.texts[row] for row in np.flatnonzero(rows)]
    groups = None if test.groups is None else [test.groups[row] for row in np.flatnonzero(rows)]
    both = len(set(learn.texts) & set(texts))
    if both:
        notes.append(f"{both:,} texts stand in both tables: the figures are better than they should be.")
    return Table(texts, learn.models, scores[rows], None if costs is None else costs[rows], groups), notes


# --- routers


def _best_single(learn: Table, test: Table, mean: Floats) -> Judged:
    quality = np.tile(mean, (len(test.texts), 1))
    cost = None
    if learn.costs is not None and test.costs is not None:
        cost = np.tile(np.nan_to_num(np.nanmean(learn.costs, 0)), (len(test.texts), 1))
    taken = _timed(test.texts, lambda text: mean.argmax())
    return Judged(quality, np.zeros(len(test.texts), np.bool_), cost, taken, {"trust": 0.0})


def _learned(kind: str, learn: Table, test: Table, asked: Asked) -> Judged:
    try:
        embedder = embedding.load(asked.embedder)
    except ValueError as error:
        raise BadTable(str(error)) from None
    options = Options(
        learn.models,
        np.zeros((len(learn.models), embedder.size), np.float32),
        np.zeros((len(learn.models), len(OPTION_FEATURES)), np.float32),
    )
    seen, unseen = (_tasks(table, embedder, asked.vectors) for table in (learn, test))
    began = time.monotonic()
    try:
        model = train(kind, _labelled(seen, options, learn.scores), asked.seed)
        cost = None
        if learn.costs is not None and test.costs is not None:
            cost = _expected_costs(seen, unseen, options, learn.costs, asked.seed)
    except ValueError as error:
        raise BadTable(f"Nothing can be learned from the training table: {error}") from None
    took = time.monotonic() - began

    def route(text: str) -> Any:
        task = Tasks(embedder.embed([text]), task_features(text, 0)[None])
        return model.predict(task, options).quality.argmax()

    quality, abstains = _predicted(model, unseen, options)
    taken = _timed(test.texts, route)
    about = {"training_s": round(took, 2), "trust": model.trust, "shares": _rounded(model.shares)}
    return Judged(quality, abstains, cost, taken, about)


def _tasks(table: Table, embedder: Embedder, folder: Path) -> Tasks:
    features = np.stack([task_features(text, 0) for text in table.texts])
    return Tasks(kept.vectors(table.texts, embedder, folder), features)


def _labelled(tasks: Tasks, options: Options, values: Floats) -> Labelled:
    task, option = np.nonzero(np.isfinite(values))
    return Labelled(
        tasks, options, task, option, values[task, option].astype(np.float32), np.ones(len(task), np.float32)
    )


def _predicted(model: Model, tasks: Tasks, options: Options) -> tuple[Floats, NDArray[np.bool_]]:
    parts = [
        model.predict(Tasks(tasks.vectors[at : at + 2048], tasks.features[at : at + 2048]), options)
        for at in range(0, len(tasks.vectors), 2048)
    ]
    return np.concatenate([p.quality for p in parts]).astype(np.float64), np.concatenate([p.abstains for p in parts])


def _expected_costs(seen: Tasks, unseen: Tasks, options: Options, costs: Floats, seed: int) -> Floats:
    """What each model will cost for each query: learned as quality is, with the dearest answer as 1."""
    dearest = max(float(np.nanmax(costs)), 1e-12)
    model = train("clusters", _labelled(seen, options, costs / dearest), seed)
    return _predicted(model, unseen, options)[0] * dearest


def _timed(texts: Sequence[str], route: Callable[[str], Any]) -> Floats:
    """Milliseconds of single queries, the first few left out."""
    for text in texts[:3]:
        route(text)
    found: list[float] = []
    began = time.perf_counter()
    for text in texts[:TIMED_MAX]:
        before = time.perf_counter()
        route(text)
        after = time.perf_counter()
        found.append(1000 * (after - before))
        if after - began > TIMED_S:
            break
    return np.array(found)


# --- figures


def _figures(test: Table, judged: Judged, mean: Floats, asked: Asked) -> dict[str, Any]:
    scores, allowed = test.scores, np.isfinite(test.scores)
    values, cost = judged.quality, judged.expected_cost
    if asked.alpha < 1:
        if cost is None:
            raise BadTable("--alpha weighs cost, and these tables have none in common (cost_usd).")
        values = metrics.weighed(values, cost, asked.alpha)
    single = metrics.best_of(np.tile(mean, (len(scores), 1)), allowed)
    choice = metrics.best_of(values, allowed)
    choice = np.where(judged.abstains, single, choice) if asked.alpha == 1 else choice
    chosen, of_single = metrics.earned(scores, choice), metrics.earned(scores, single)
    chance = np.random.default_rng(asked.seed)
    said = metrics.earned(judged.quality, choice)
    lead = said - metrics.earned(judged.quality, single)
    curve = metrics.abstention(np.where(judged.abstains, -1.0, lead), chosen, of_single)
    gain = chosen - of_single
    found = {
        "score": float(chosen.mean()),
        "best_single": float(of_single.mean()),
        "oracle": float(np.nanmax(scores, 1).mean()),
        "random": float(np.nanmean(scores, 1).mean()),
        "gain": float(gain.mean()),
        "gain_ci95": list(metrics.interval(gain, chance)) if gain.any() else [0.0, 0.0],
        **_costs(test, judged, choice, single, float(of_single.mean()), allowed),
        "ece": metrics.ece(judged.quality[allowed], scores[allowed]),
        "ece_chosen": metrics.ece(said, chosen),
        "abstained": float(judged.abstains.mean()),
        "abstention": [{"answered": point.answered, "score": point.score} for point in curve],
        "latency_ms_p50": float(np.quantile(judged.latency_ms, 0.5)),
        "latency_ms_p99": float(np.quantile(judged.latency_ms, 0.99)),
    }
    if scores.shape[1] == 2 and allowed.all():
        found["recovered_gap"] = _recovered(judged.quality, scores, int(mean.argmax()))
    if test.groups is not None:
        found["by"] = _by_group(test, judged, chosen, of_single, int(mean.argmax()))
    return dict(_rounded(found))


def _recovered(quality: Floats, scores: Floats, strong: int) -> float:
    lead = quality[:, strong] - quality[:, 1 - strong]
    return metrics.recovered_gap(lead, scores[:, strong], scores[:, 1 - strong])


def _by_group(test: Table, judged: Judged, chosen: Floats, single: Floats, strong: int) -> dict[str, Any]:
    found = {}
    groups = np.array(test.groups, dtype=object)
    for name in sorted(set(groups)):
        rows = groups == name
        scores, quality = test.scores[rows], judged.quality[rows]
        given = np.isfinite(scores)
        found[name] = {
            "queries": int(rows.sum()),
            "score": float(chosen[rows].mean()),
            "best_single": float(single[rows].mean()),
            "ece": metrics.ece(quality[given], scores[given]),
        }
        if scores.shape[1] == 2 and given.all():
            found[name]["recovered_gap"] = _recovered(quality, scores, strong)
    return found


def _costs(
    test: Table,
    judged: Judged,
    choice: NDArray[np.intp],
    single: NDArray[np.intp],
    score: float,
    allowed: NDArray[np.bool_],
) -> dict[str, Any]:
    if test.costs is None or judged.expected_cost is None:
        return dict.fromkeys(("cost", "cost_best_single", "cost_at_best_single", "alpha_at_best_single"))
    paid = np.where(np.isfinite(test.costs), test.costs, 0.0)
    curve = metrics.trade(judged.quality, judged.expected_cost, allowed, test.scores, paid)
    point = metrics.cheapest(curve, score)
    return {
        "cost": float(metrics.earned(paid, choice).mean()),
        "cost_best_single": float(metrics.earned(paid, single).mean()),
        "cost_at_best_single": None if point is None else point.cost,
        "alpha_at_best_single": None if point is None else point.alpha,
    }


def _rounded(value: Any) -> Any:
    """To seven digits that count."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


# --- for people


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="headway route-eval", description=__doc__)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--router", choices=list(ROUTERS), default="hybrid")
    parser.add_argument("--embedder", choices=EMBEDDERS, default="static")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--by")
    parser.add_argument("--json", action="store_true", dest="as_json")
    asked = parser.parse_args(arguments)
    if asked.seed < 0 or not 0 <= asked.alpha <= 1:
        parser.error("--seed is 0 or more, --alpha between 0 and 1")
    wanted = Asked(asked.router, asked.embedder, asked.seed, asked.alpha, load_settings().state / "vectors")
    try:
        found = evaluate(tables.read(asked.train), tables.read(asked.test, asked.by), wanted)
    except BadTable as error:
        print(f"Error: {error}", file=sys.stderr)
        return WRONG_USAGE
    print(json.dumps(found) if asked.as_json else "\n".join(_spoken(found)))
    return 0


def _meant(gap: float, found: dict[str, Any]) -> str:
    """What a recovered gap says, which is a share of how much more the better model of the training table earns."""
    if found["best_single"] <= found["random"]:
        return (
            f"which says nothing here: {found['best_single_model']} was the better one to learn from, and is not here"
        )
    more = "; above 1: the two models complement each other, so that together they do better than either alone"
    return f"0.5: chance{more if gap > 1 else ''}"


def _spoken(found: dict[str, Any]) -> list[str]:
    low, high = found["gain_ci95"]
    queries = found["queries"]
    curve = ", ".join(f"{p['answered']:.0%} {p['score']:.3f}" for p in found["abstention"][::2])
    cost = "not in the tables"
    if found["cost"] is not None:
        at = found["cost_at_best_single"]
        cost = f"${found['cost']:.7f} a query; best single ${found['cost_best_single']:.7f}; as good as it for "
        cost += "no weight of cost" if at is None else f"${at:.7f} (--alpha {found['alpha_at_best_single']:.4g})"
    gap = found.get("recovered_gap")
    return [
        f"{found['router']}, embedder {found['embedder']}, seed {found['seed']}: {queries['train']:,} queries to "
        f"learn from, {queries['test']:,} to judge by, {found['models']} models",
        f"score      {found['score']:.4f}",
        f"  best single {found['best_single']:.4f} ({found['best_single_model']}), oracle {found['oracle']:.4f}, "
        f"random {found['random']:.4f}",
        f"gain       {found['gain']:+.4f} over the best single, 95 % [{low:+.4f}, {high:+.4f}]",
        f"cost       {cost}",
        f"ECE        {found['ece']:.4f} of all probabilities, {found['ece_chosen']:.4f} of those of the chosen",
        f"answered   {curve} (the rest by the best single); abstained {found['abstained']:.1%}",
        *([] if gap is None else [f"gap        {gap:.3f} of the area is recovered ({_meant(gap, found)})"]),
        f"latency    p50 {found['latency_ms_p50']:.2f} ms, p99 {found['latency_ms_p99']:.2f} ms a query",
        *(
            f"{name}: score {one['score']:.4f}, best single {one['best_single']:.4f}, {one['queries']:,} queries"
            for name, one in found.get("by", {}).items()
        ),
        *(f"note       {note}" for note in found["notes"]),
    ]
