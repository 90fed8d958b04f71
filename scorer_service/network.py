"""The network while it is trained. What it computes is what `processors.learning.mlp` computes of its arrays."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


class Drops(NamedTuple):
    """Shares of what is left out in training."""

    inputs: float
    """Of the numbers of a task."""
    hidden: float
    """Of what a layer makes of them."""
    names: float
    """Of the own vectors of options that have a description."""


class Net(nn.Module):
    def __init__(
        self, width: int, descriptions: NDArray[np.float32], hidden: Sequence[int], own: int, drops: Drops
    ) -> None:
        """`descriptions`: of the options, in the scale of the points."""
        super().__init__()
        self.descriptions: Tensor
        self.described: Tensor
        options, size = descriptions.shape
        first, second, third = hidden
        together = width + size + 5 + own
        self.register_buffer("descriptions", torch.from_numpy(descriptions))
        self.register_buffer("described", torch.from_numpy(descriptions).abs().sum(1) > 0)
        self.task = _uniform(together, width, first)
        self.text = _uniform(together, size, first)
        self.features = _uniform(together, 5, first)
        self.own = nn.Parameter(torch.randn(options, own))
        self.from_own = _uniform(together, own, first)
        self.bias1 = _uniform(together, first)
        self.layer2, self.bias2 = _uniform(first, first, second), _uniform(first, second)
        self.layer3, self.bias3 = _uniform(second, second, third), _uniform(second, third)
        self.layer4, self.bias4 = _uniform(third, third), _uniform(third, 1)
        self._drops = drops

    def forward(self, points: Tensor, option: Tensor, features: Tensor) -> Tensor:
        """Logits, (k,)"""
        own = self.own[option]
        if self.training:
            points = functional.dropout(points, self._drops.inputs)
            unnamed = (torch.rand(len(option), device=own.device) < self._drops.names) & self.described[option]
            own = own * (~unnamed)[:, None]
        texts = (self.descriptions @ self.text)[option] if bool(self.described.any()) else 0.0
        x = self._active(points @ self.task + texts + features @ self.features + own @ self.from_own + self.bias1)
        x = self._active(x @ self.layer2 + self.bias2)
        x = self._active(x @ self.layer3 + self.bias3)
        return x @ self.layer4 + self.bias4

    def loss(self, points: Tensor, option: Tensor, features: Tensor, label: Tensor, weight: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(self(points, option, features), label, weight)

    def tensors(self, arrays: Sequence[NDArray[np.float32 | np.int64]]) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(np.ascontiguousarray(one)).to(self.own.device) for one in arrays)

    def state(self) -> dict[str, NDArray[np.float32]]:
        return {name: one.detach().cpu().numpy().copy() for name, one in self.named_parameters()}

    def _active(self, x: Tensor) -> Tensor:
        return functional.dropout(torch.relu(x), self._drops.hidden, self.training)


class Smooth:
    """A running mean of a network's weights."""

    def __init__(self, net: Net, share: float) -> None:
        """`share`: of the old mean in the new one."""
        self._weights = list(net.parameters())
        self._means = [one.detach().clone() for one in self._weights]
        self._share = share
        self._steps = 0

    def update(self) -> None:
        self._steps += 1
        # The first of them reach further back than there is anything: then it is the mean of what there is.
        share = min(self._share, self._steps / (self._steps + 9))
        with torch.no_grad():
            torch._foreach_lerp_(self._means, [*self._weights], 1 - share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the network has the mean weights."""
        now = [one.detach().clone() for one in self._weights]
        self._set(self._means)
        try:
            yield
        finally:
            self._set(now)

    def _set(self, values: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for one, value in zip(self._weights, values, strict=True):
                one.copy_(value)


def _uniform(inputs: int, *shape: int) -> nn.Parameter:
    """As torch begins a layer with so many inputs."""
    return nn.Parameter((2 * torch.rand(*shape) - 1) / inputs**0.5)


@contextmanager
def deterministic(seed: int) -> Iterator[torch.device]:
    """Where to compute. Inside, the same seed gives the same numbers: sums are made in one order, by one thread."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    try:
        yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
