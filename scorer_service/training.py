"""Training: labels in, a model out. The network is trained here, in torch; all else is `processors.learning.fitting`.

The same data and seed give the same arrays, bit for bit, on the same machine with as many threads.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from processors.learning import fitting
from processors.learning.blend import Blend
from processors.learning.labels import Labels
from processors.learning.mlp import HIDDEN, OWN, SCALE, SHAPES, Network, scaled
from processors.learning.model import Labelled, Options
from processors.learning.space import Points
from processors.learning.stored import Floats

__all__ = ["KINDS", "Labelled", "train"]

KINDS: tuple[str, ...] = ("clusters", "mlp", "blend")
"""Those for the line; all of them are small. `processors.learning.blend.MEMBERS` has more, for tables."""

BATCH = 64
RATE = 0.001
EPOCHS_MAX = 100
PATIENCE = 10
"""Epochs without a smaller loss on what is held out, after which training ends."""
VALIDATION = 0.2
DROPOUT = 0.2
INPUT_DROPOUT = 0.5
"""Of the numbers of a task. Examples are few and have hundreds of numbers: without this the smallest error on what is
held out comes after the first epoch, and is a twentieth larger."""
SMOOTHING = 0.998
"""The weights that are kept are a running mean over about 500 batches: batches of 64 are noisy. Another hundredth."""
EPOCH_STEPS_MAX = 625
"""Batches after which an epoch counts as over however much data there is (40,000 labels), so that a million labels
train in minutes and their points are never all in memory; the next epoch goes on with those not seen yet."""
STEPS_MAX = 12_500
"""A hundred epochs of 10,000 labels, less the validation: more data may be seen less often each."""
VALIDATION_MAX = 20_000
NAMELESS = 0.15
"""Share of the labels at which a described option's own vector is left out, so that the network learns to judge one it
does not know by its description."""


_REMEMBERED = 4
_networks: dict[bytes, Network] = {}
"""The newest networks by what they were made from: the kinds `mlp` and `blend` need the same ones."""


def train(kind: str, data: Labelled, seed: int) -> Blend:
    """Raises ValueError for data that nothing can be learned from."""
    return fitting.fit(kind, data, seed, train_network)


def train_network(labels: Labels, points: Points, options: Options, features: Floats, seed: int) -> Network:
    """`labels.excess` holds the labels themselves; `features` those of each label's option."""
    columns = (labels.task, labels.option, labels.excess, labels.weight, features, options.vectors)
    key = points.digest(*columns, np.array([seed]))
    if key not in _networks:
        while len(_networks) >= _REMEMBERED:
            del _networks[next(iter(_networks))]
        _networks[key] = _train_network(labels, points, options, features, seed)
    return _networks[key]


def _train_network(labels: Labels, points: Points, options: Options, features: Floats, seed: int) -> Network:
    import torch

    from scorer_service.network import Drops, Net, Smooth, deterministic

    chance = np.random.default_rng(seed)
    tasks = chance.permutation(np.unique(labels.task))
    held_tasks = np.zeros(labels.tasks, np.bool_)
    held_tasks[tasks[: max(1, int(VALIDATION * len(tasks)))]] = True
    held = np.flatnonzero(held_tasks[labels.task])
    held = held[:: max(1, -(-len(held) // VALIDATION_MAX))]
    learn = np.flatnonzero(~held_tasks[labels.task])
    logs = np.log1p(np.maximum(features[learn], 0))
    spread = logs.std(0)
    mean, scale = logs.mean(0).astype(np.float32), np.where(spread > 1e-6, spread, 1).astype(np.float32)

    def batch_of(rows: NDArray[np.int64]) -> tuple[NDArray[np.float32 | np.int64], ...]:
        return (
            SCALE * points[labels.task[rows]],
            labels.option[rows],
            scaled(features[rows], mean, scale),
            labels.excess[rows],
            labels.weight[rows],
        )

    with deterministic(seed) as device:
        net = Net(points.space.width, SCALE * options.vectors, HIDDEN, OWN, Drops(INPUT_DROPOUT, DROPOUT, NAMELESS))
        net.to(device)
        smooth = Smooth(net, SMOOTHING)
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
        judged = net.tensors(batch_of(held))
        best, since, steps = float("inf"), 0, 0
        kept = net.state()
        for block in _epochs(learn, chance):
            net.train()
            columns = net.tensors(batch_of(block))
            for at in range(0, len(block), BATCH):
                optimizer.zero_grad()
                net.loss(*(one[at : at + BATCH] for one in columns)).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                smooth.update()
            steps += -(-len(block) // BATCH)
            net.eval()
            with smooth.in_place(), torch.no_grad():
                loss = float(net.loss(*judged))
                since += 1
                if loss < best:
                    best, since, kept = loss, 0, net.state()
            if since >= PATIENCE or steps >= STEPS_MAX:
                break
    weights = {name: kept[name] for name in SHAPES if name in kept}
    return Network(weights | {"features_mean": mean, "features_scale": scale})


def _epochs(rows: NDArray[np.int64], chance: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """The labels of one epoch after the other, each time round in a new order."""
    size = BATCH * EPOCH_STEPS_MAX
    left = np.zeros(0, np.int64)
    for _ in range(EPOCHS_MAX):
        if len(left) == 0:
            left = chance.permutation(rows)
        yield left[:size]
        left = left[size:]
