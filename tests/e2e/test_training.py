"""Learning on a real broker: samples on the topic, `headway train`, a model on the topic that can be looked at."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway as command
from infra import kafka, models
from infra.registry import AGENTS as AGENTS_TOPIC
from infra.settings import Settings, as_env
from schemas.codec import encode
from schemas.events import TrainingSample
from scorer_service.ranges import TOPIC
from scorer_service.service import Scorer
from tests.support.learning import AGENTS, KINDS_OF_WORK, history, sample
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

SAMPLES = 1200
WORK = dict(
    zip(KINDS_OF_WORK, ("Review the code of", "Translate the text of", "Research the market for", "Test"), strict=True)
)


class Held:
    """What was written, as options of the command."""

    def __init__(self, settings: Settings, samples: Sequence[TrainingSample]) -> None:
        self.settings = settings
        before = kafka.ends(settings, TOPIC)
        producer = kafka.producer(settings)
        for one in samples:
            producer.produce(TOPIC, encode("TrainingSample", one), one["task_id"].encode())
        for poison in (b"nonsense", encode("TrainingSample", sample("poison", label=float("nan")))):
            producer.produce(TOPIC, poison, b"poison")
        for one in AGENTS.values():
            producer.produce(AGENTS_TOPIC, encode("AgentDefinition", one), one["agent_id"].encode())
        assert producer.flush(10) == 0
        after = kafka.ends(settings, TOPIC)
        self.range = ["--from", _places(before), "--to", _places(after)]

    def train(self, *options: str, code: int = 0, **over: Any) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "train", *options],
            env={**os.environ, **as_env(dataclasses.replace(self.settings, **over))},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    def ask(self, *arguments: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(command, ["models", *arguments, "--json"], env=as_env(self.settings))
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]


def _places(offsets: dict[int, int]) -> str:
    return ",".join(f"{partition}:{offset}" for partition, offset in offsets.items())


@pytest.fixture(scope="module")
def held(broker: Settings) -> Held:
    told = [one | {"text": WORK[one["text"][:5]] + one["text"][5:]} for one in history(SAMPLES)]
    return Held(broker, told)  # type: ignore[arg-type]


def test_the_same_range_and_seed_give_the_same_weights_and_what_passes_is_in_use(held: Held) -> None:
    options = (*held.range, "--seed", "7", "--kind", "mlp", "--json")
    first = held.train(*options, "--dry-run")
    assert (first["samples"], sum(first["malformed"].values())) == (SAMPLES, 2)
    assert first["dry_run"]
    assert first["name"] not in {row["name"] for row in held.ask("list")}
    made = held.train(*options)
    assert made["weights_hash"] == first["weights_hash"]
    assert made["status"] == "promoted", made["reason"]
    row = next(row for row in held.ask("list") if row["name"] == made["name"])
    assert row["in_use"]
    assert (row["samples"], row["seed"], row["ranges"]) == (SAMPLES, 7, made["ranges"])
    (back,) = held.ask("rollback", "--reason", "only a test")
    assert held.ask("show", made["name"])[0]["reason"].startswith(
        f"Taken back for {back['name']}: only a test The gate said: "
    )


def test_what_cannot_be_trained_is_told_with_what_to_do(held: Held) -> None:
    for options, code, said in (
        (("--from", "soon"), 2, "--from: 'soon' is not accepted; it takes an offset"),
        (("--from", "2090-01-01"), 2, "There is no sample between these ends; training.samples holds"),
        ((*held.range[:2], "--to", held.range[3], "--dry-run"), 1, "learning takes 5,000 (train_min_samples)"),
        (("--kind", "oracle"), 2, "There is no kind 'oracle' of model; there are"),
    ):
        assert said in held.train(*options, code=code, train_min_samples=5000)


STAND_IN = """
import os, time
from infra import models
from infra.settings import load_settings
from scorer_service.ranges import chosen
from tests.support.learning import model
settings, now = load_settings(), time.time_ns() // 1000
made = model(f"stand-in-{os.getpid()}", status="rejected", created_at=now, ranges=chosen(settings, None, None))
models.write(settings, made)
print('{"status": "rejected"}')
"""
"""In place of a training: a model of all that there is. The real one is tried above."""


def test_the_scorer_trains_by_itself_once_for_what_has_come(held: Held) -> None:
    settings = dataclasses.replace(held.settings, train_min_samples=10, retrain_growth=0.01)
    scorer = Scorer(settings, (sys.executable, "-c", STAND_IN))

    def made() -> list[str]:
        scorer.step()
        return [name for name in models.all_models(settings) if name.startswith("stand-in")]

    try:
        scorer.start()
        Held(settings, history(30, seed=5))
        until(made, 40, "a model")
        for _ in range(5):
            assert len(made()) == 1
    finally:
        scorer.close()
