"""`headway route-eval`: what it tells of a router, and what it says to tables that do not fit each other."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from scorer_service.evaluating import Asked, evaluate, main
from scorer_service.tables import BadTable, Table

WORDS = {
    "maths": "sum integral number equation proof",
    "code": "python function bug class test",
    "verse": "rhyme moon love",
}
MODELS = ("dear", "good", "poet")
PRICES = np.array([1e-3, 2e-4, 1e-4])
KEYS = {"score", "best_single", "oracle", "random", "gain", "gain_ci95", "cost", "cost_at_best_single", "ece"}


def world(count: int, seed: int, models: tuple[str, ...] = MODELS, special: bool = True) -> Table:
    """`special`: each model is best at one kind of question; else the first is best at all."""
    chance = np.random.default_rng(seed)
    texts, scores = [], []
    for i in range(count):
        kind = int(chance.integers(3))
        words = list(WORDS.values())[kind].split()
        texts.append(f"{' '.join(chance.choice(words, 4))} {seed}-{i}")
        rates = np.where(np.arange(3) == kind, 0.9, [0.5, 0.3, 0.2]) if special else np.array([0.8, 0.5, 0.3])
        scores.append((chance.random(3) < rates).astype(float))
    return Table(texts, models, np.array(scores), np.tile(PRICES, (count, 1)))


LEARN, TEST = world(200, 1), world(300, 2)


@pytest.mark.parametrize("router", ["clusters", "knn"])
def test_a_router_finds_who_is_good_at_what(router: str) -> None:
    found = evaluate(LEARN, TEST, Asked(router))
    assert found.keys() >= KEYS | {"latency_ms_p50", "latency_ms_p99"}
    assert found["random"] < found["best_single"] < found["score"] <= found["oracle"]
    assert found["gain"] == pytest.approx(found["score"] - found["best_single"], abs=1e-6)
    low, high = found["gain_ci95"]
    assert 0 < low < found["gain"] < high
    assert found["cost_at_best_single"] <= found["cost"] < PRICES[0]
    assert found["ece"] < 0.08
    assert [point["answered"] for point in found["abstention"]] == pytest.approx(np.linspace(0, 1, 11), abs=0.01)
    assert 0 < found["latency_ms_p50"] <= found["latency_ms_p99"]


def test_rules_choose_the_best_single_model_and_say_so() -> None:
    found = evaluate(LEARN, TEST, Asked("rules"))
    assert found["score"] == found["best_single"]
    assert found["gain_ci95"] == [0.0, 0.0]
    assert "best single" in found["notes"][0]


def test_the_best_single_is_the_one_of_the_training_table() -> None:
    better = replace(TEST, scores=TEST.scores * [0.1, 1, 1])
    learn = world(300, 3, special=False)
    found = evaluate(learn, better, Asked("rules"))
    assert found["best_single_model"] == "dear"
    assert found["best_single"] == pytest.approx(better.scores[:, 0].mean(), abs=1e-6)


def test_a_router_is_not_worse_than_a_model_that_dominates() -> None:
    found = evaluate(world(300, 5, special=False), world(300, 6, special=False), Asked("clusters"))
    assert found["gain"] >= 0


def test_cost_counts_as_much_as_one_wants() -> None:
    costs = [evaluate(LEARN, TEST, Asked("clusters", alpha=alpha))["cost"] for alpha in (1.0, 0.0)]
    assert costs[0] > costs[1]
    assert costs[1] == pytest.approx(PRICES.min())


def test_the_same_seed_gives_the_same_figures() -> None:
    few = world(60, 1)
    one, again = (evaluate(few, TEST, Asked("clusters", seed=4)) for _ in range(2))
    timed = {"latency_ms_p50", "latency_ms_p99", "training_s"}
    assert {k: v for k, v in one.items() if k not in timed} == {k: v for k, v in again.items() if k not in timed}


def test_a_router_chooses_only_what_has_a_score() -> None:
    scores = TEST.scores.copy()
    scores[:, 0] = np.nan
    scores[::2, 2] = np.nan
    found = evaluate(LEARN, replace(TEST, scores=scores), Asked("clusters"))
    assert found["score"] <= np.nanmax(scores, 1).mean()
    assert any("some models have no score" in note for note in found["notes"])


def test_models_nobody_could_learn_of_and_texts_on_both_sides_are_told() -> None:
    test = replace(TEST, models=("dear", "good", "unheard"), texts=[LEARN.texts[0], *TEST.texts[1:]])
    notes = " ".join(evaluate(LEARN, test, Asked("clusters"))["notes"])
    assert "unheard" in notes
    assert "1 texts stand in both" in notes


def test_two_models_have_a_gap_to_recover_and_groups_their_own_figures() -> None:
    two = [replace(t, models=MODELS[:2], scores=t.scores[:, :2], costs=None) for t in (LEARN, TEST)]
    groups = ["x" if i % 2 else "y" for i in range(len(TEST.texts))]
    found = evaluate(two[0], replace(two[1], groups=groups), Asked("clusters"))
    assert found["recovered_gap"] > 1
    assert found["cost"] is None
    assert found["by"]["x"]["queries"] == 150
    assert found["by"]["x"]["score"] > found["by"]["x"]["best_single"]


@pytest.mark.parametrize("router", ["hybrid", "clusters", "rules"])
def test_too_few_queries_to_learn_from_are_told_in_a_note_and_in_no_warning(router: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(world(2, 1), TEST, Asked(router))
    assert found["score"] == found["best_single"]
    assert np.isfinite([found["ece"], found["ece_chosen"]]).all()
    said = "rules know agents" if router == "rules" else "2 queries are too few to learn a router from, it takes 10:"
    assert [note[: len(said)] for note in found["notes"]] == [said]


@pytest.mark.parametrize(("weak", "told"), [((0.0, 0.9), True), ((0.0, 0.2), False)])
def test_a_gap_above_one_is_explained_where_it_is_told(
    weak: tuple[float, float], told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [f"{kind} {i}" for i in range(100) for kind in ("sum of numbers", "love and moon")]
    scores = np.tile([[0.9, weak[0]], [0.3, weak[1]]], (100, 1))
    learn = written(Table(texts, ("dear", "good"), scores, None), tmp_path / "learn.parquet")
    turned = written(Table(texts, ("dear", "good"), scores[:, ::-1], None), tmp_path / "turned.parquet")
    assert main([f"--train={learn}", f"--test={learn}", "--router=clusters"]) == 0
    said = capsys.readouterr().out
    assert "is recovered (0.5: chance" in said
    assert ("above 1: the two models complement each other" in said) is told
    assert main([f"--train={learn}", f"--test={turned}", "--router=rules"]) == 0
    assert "which says nothing here: dear was the better one to learn from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("learn", "test", "over", "told"),
    [
        (LEARN, replace(TEST, models=("x", "y", "z")), {}, "No model of the test is in the training table"),
        (replace(LEARN, costs=None), TEST, {"alpha": 0.5}, "none in common"),
        (world(1, 1), TEST, {}, "Nothing can be learned"),
    ],
)
def test_tables_that_do_not_fit_are_refused(learn: Table, test: Table, over: dict[str, float], told: str) -> None:
    with pytest.raises(BadTable, match=told):
        evaluate(learn, test, Asked("clusters", **over))  # type: ignore[arg-type]


def written(table: Table, path: Path) -> Path:
    count, width = table.scores.shape
    columns = {
        "query_id": np.repeat([f"q{i}" for i in range(count)], width),
        "text": np.repeat(table.texts, width),
        "model": np.tile(table.models, count),
        "score": table.scores.ravel(),
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_the_command_speaks_to_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learn, test = written(world(60, 1), tmp_path / "a.parquet"), written(world(60, 2), tmp_path / "b.parquet")
    asked = [f"--train={learn}", f"--test={test}", "--router=clusters"]
    assert main(asked) == 0
    assert "over the best single, 95 %" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost_at_best_single"] is None
    assert main([f"--train={learn}", f"--test={tmp_path / 'none.parquet'}"]) == 2
    assert "There is no file" in capsys.readouterr().err
