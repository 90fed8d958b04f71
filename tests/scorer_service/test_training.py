"""Training in torch: numpy computes what torch does, the same seed gives the same weights, and all stays small."""

import numpy as np
import pytest

from infra import models
from processors.learning.blend import restore
from processors.learning.model import OPTION_FEATURES, TASK_FEATURES, Labelled, Options, Tasks
from scorer_service import training
from tests.support.routing_worlds import SIZE, SPECIALISTS, choices, options, scores, table


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "EPOCHS_MAX", 15)
    monkeypatch.setattr(training, "_networks", {})


def test_the_network_learns_who_is_good_at_what() -> None:
    model = training.train("mlp", table(SPECIALISTS, 200, 1), 1)
    unseen = table(SPECIALISTS, 1000, 2)
    found, quality = scores(unseen), model.predict(unseen.tasks, unseen.options).quality
    assert found[np.arange(len(found)), quality.argmax(1)].mean() > found.mean(0).max() + 0.1


def test_the_same_data_and_seed_give_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    data = choices(SPECIALISTS, 200, 1)
    one = models.to_bytes(training.train("blend", data, 3).arrays(), {})
    monkeypatch.setattr(training, "_networks", {})
    assert models.to_bytes(training.train("blend", data, 3).arrays(), {}) == one
    assert models.to_bytes(training.train("blend", data, 4).arrays(), {}) != one


def test_numpy_computes_what_torch_does() -> None:
    import torch

    from processors.learning import kin, mlp
    from scorer_service.network import Drops, Net

    torch.manual_seed(1)
    among = options("a", "b", "c", vectors=np.eye(3, SIZE, dtype=np.float32))
    net = Net(20, mlp.SCALE * among.vectors, mlp.HIDDEN, mlp.OWN, Drops(0.5, 0.2, 0.1)).eval()
    points = np.random.default_rng(1).standard_normal((7, 20)).astype(np.float32)
    option, blank = np.arange(7) % 3, np.zeros((7, 5), np.float32)
    with torch.no_grad():
        logits = net(*net.tensors((mlp.SCALE * points, option, blank)))
    plain = {"features_mean": np.zeros(5, np.float32), "features_scale": np.ones(5, np.float32)}
    network = mlp.Network(net.state() | plain)
    said = network.quality(points, among, kin.fit(among))[np.arange(7), option]
    assert np.abs(said - torch.sigmoid(logits).numpy()).max() < 2e-3
    assert np.allclose(network.labelled(points, among, kin.fit(among), option, blank), said, atol=1e-6)


def test_an_agent_without_a_label_is_judged_by_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "EPOCHS_MAX", 60)
    described = np.zeros((3, SIZE), np.float32)
    described[np.arange(3), np.arange(3)] = 1
    model = training.train("mlp", choices(SPECIALISTS, 900, 1, options("a", "b", "c", vectors=described)), 1)
    whole = options("a", "b", "c", "new", vectors=np.concatenate([described, described[[1]]]))
    unseen = table(SPECIALISTS, 500, 2)
    quality = model.predict(unseen.tasks, whole).quality
    assert np.corrcoef(quality[:, 3], quality[:, 1])[0, 1] > 0.8


def test_a_model_of_two_hundred_agents_fits_into_a_message() -> None:
    chance, count, agents, size = np.random.default_rng(1), 400, 200, 256
    among = Options(
        tuple(f"agent-{i:03}" for i in range(agents)),
        chance.standard_normal((agents, size)).astype(np.float32) / 16,
        np.zeros((agents, len(OPTION_FEATURES)), np.float32),
    )
    given = Tasks(
        chance.standard_normal((count, size)).astype(np.float32) / 16,
        chance.random((count, len(TASK_FEATURES))).astype(np.float32),
    )
    label = (chance.random(count) < 0.5).astype(np.float32)
    data = Labelled(
        given, among, np.arange(count), chance.integers(agents, size=count), label, np.ones(count, np.float32)
    )
    for kind in training.KINDS:
        weights = models.to_bytes(training.train(kind, data, 1).arrays(), {"kind": kind})
        assert len(weights) <= models.WEIGHTS_BYTES_MAX
        arrays, _ = models.from_bytes(weights)
        assert restore(kind, arrays).predict(given, among).quality.shape == (count, agents)
