"""The network: a task and an option in, the probability that it goes well out. It is trained in torch; this is what is
left of it, in numpy.

Its first layer is a sum of what it makes of the task and of the option, so that the latter is worked out once for many
tasks. An option is its description, its features, and a vector of its own; one that is not known has no such vector,
which the network met in training often enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.kin import Kin
from processors.learning.model import OPTION_FEATURES, BadModel, Options
from processors.learning.remembering import OfOptions
from processors.learning.space import FAR
from processors.learning.stored import Floats, Stored, half, rounded

HIDDEN = (256, 128, 64)
OWN = 16
"""Size of an option's own vector."""
SCALE = np.float32(1.5)
"""Points and descriptions are about one long, their entries far below one, and a network begins as if they were about
one. Fully made up for (16) it learns its few examples by heart within an epoch."""
_PAIRS = 8192
"""Pairs of task and option that are worked out at a time, so that memory stays bounded."""

SHAPES: Mapping[str, tuple[str | int, ...]] = {
    "task": ("width", HIDDEN[0]),
    "text": ("size", HIDDEN[0]),
    "features": (len(OPTION_FEATURES), HIDDEN[0]),
    "own": ("options", OWN),
    "from_own": (OWN, HIDDEN[0]),
    "bias1": (HIDDEN[0],),
    "layer2": (HIDDEN[0], HIDDEN[1]),
    "bias2": (HIDDEN[1],),
    "layer3": (HIDDEN[1], HIDDEN[2]),
    "bias3": (HIDDEN[2],),
    "layer4": (HIDDEN[2],),
    "bias4": (1,),
    "features_mean": (len(OPTION_FEATURES),),
    "features_scale": (len(OPTION_FEATURES),),
}


class Network:
    name = "mlp"

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        """`weights`: the arrays of SHAPES."""
        self._weights = {name: rounded(weights[name]) for name in SHAPES}
        self._fixed = OfOptions()

    def quality(self, points: Floats, options: Options, kin: Kin) -> Floats:
        """(m, n)"""
        of_options = self._of_options(options, kin)
        of_tasks = np.asarray((SCALE * points) @ self._weights["task"], np.float32)
        step = max(1, _PAIRS // max(1, len(of_options)))
        parts = [self._pairs(of_tasks[at : at + step], of_options) for at in range(0, len(points), step)]
        return np.concatenate(parts) if parts else np.zeros((0, len(of_options)), np.float32)

    def labelled(
        self, points: Floats, options: Options, kin: Kin, option: NDArray[np.int64], features: Floats
    ) -> Floats:
        """(k,) one option each: `option` of the `options`, with these features instead of its own."""
        w = self._weights
        fixed = self._fixed.of(options, lambda some: self._of_descriptions(some, kin))
        hidden = np.asarray((SCALE * points) @ w["task"] + fixed[option], np.float32)
        hidden += scaled(features, w["features_mean"], w["features_scale"]) @ w["features"]
        return self._upper(hidden)

    def _of_options(self, options: Options, kin: Kin) -> Floats:
        """(n, 256); what does not change from task to task is remembered."""
        w = self._weights
        fixed = self._fixed.of(options, lambda some: self._of_descriptions(some, kin))
        found: Floats = fixed + scaled(options.features, w["features_mean"], w["features_scale"]) @ w["features"]
        return found

    def _of_descriptions(self, options: Options, kin: Kin) -> Floats:
        w, places = self._weights, kin.places(options)
        own = np.where(places[:, None] >= 0, w["own"][places], 0.0).astype(np.float32)
        found: Floats = (SCALE * options.vectors) @ w["text"] + own @ w["from_own"] + w["bias1"]
        return found

    def _pairs(self, of_tasks: Floats, of_options: Floats) -> Floats:
        hidden: Floats = (of_tasks[:, None, :] + of_options).reshape(-1, HIDDEN[0])
        return self._upper(hidden).reshape(len(of_tasks), -1)

    def _upper(self, hidden: Floats) -> Floats:
        """(pairs, 256), overwritten, to (pairs,)"""
        w = self._weights
        np.maximum(hidden, 0, out=hidden)
        for layer in ("2", "3"):
            hidden = hidden @ w[f"layer{layer}"]
            hidden += w[f"bias{layer}"]
            np.maximum(hidden, 0, out=hidden)
        logits = hidden @ w["layer4"] + w["bias4"]
        found: Floats = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        return found

    def arrays(self, prefix: str = name) -> dict[str, NDArray[Any]]:
        return {f"{prefix}.{name}": half(array) for name, array in self._weights.items()}


class Networks:
    """Several, made from different parts of the labels: what one learned by heart the others did not. For tables."""

    name = "mlps"

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    def quality(self, points: Floats, options: Options, kin: Kin) -> Floats:
        """(m, n)"""
        found: Floats = np.mean([one.quality(points, options, kin) for one in self._networks], 0)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {k: v for i, one in enumerate(self._networks) for k, v in one.arrays(f"{self.name}.{i}").items()}


def scaled(features: Floats, mean: Floats, scale: Floats) -> Floats:
    """Features of options as the network sees them: counts and times by their logarithm, all about one large."""
    found: Floats = np.clip((np.log1p(np.maximum(features, 0)) - mean) / scale, -FAR, FAR)
    return found.astype(np.float32, copy=False)


def read_several(stored: Stored, width: int, size: int, options: int) -> Networks:
    found: list[Network] = []
    while not found or stored.has(f"{Networks.name}.{len(found)}.task"):
        found.append(read(stored, width, size, options, f"{Networks.name}.{len(found)}"))
    return Networks(found)


def read(stored: Stored, width: int, size: int, options: int, prefix: str = Network.name) -> Network:
    sizes = {"width": width, "size": size, "options": options}
    shapes = {name: [sizes[one] if isinstance(one, str) else one for one in shape] for name, shape in SHAPES.items()}
    weights = {name: stored.floats(f"{prefix}.{name}", *shape) for name, shape in shapes.items()}
    if (weights["features_scale"] <= 0).any():
        raise BadModel(f"the array {prefix}.features_scale must be above zero")
    return Network(weights)
