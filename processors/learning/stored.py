"""Reading a model's arrays with distrust: they may come from anywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import BadModel

Floats = NDArray[np.float32]


class Stored:
    """Hands out arrays by name, checked. Every failure is a BadModel."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = dict(arrays)
        self._taken: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self._arrays

    def floats(self, name: str, *shape: int | None) -> Floats:
        """As float32, whatever it is stored as. None stands for any length."""
        array = self._array(name, "fiu")
        fits = array.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, array.shape, strict=True))
        if not fits:
            wanted = " × ".join("any" if one is None else str(one) for one in shape)
            raise BadModel(f"the array {name} has the shape {array.shape}, and not {wanted or 'of one number'}")
        found: Floats = np.ascontiguousarray(array, np.float32).reshape(array.shape)
        if not np.isfinite(found).all():
            raise BadModel(f"the array {name} holds what is no number")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        array = self._array(name, "u")
        if array.ndim != 1 or array.dtype != np.uint8:
            raise BadModel(f"the array {name} is no text")
        try:
            return tuple(array.tobytes().decode().split("\0")) if array.size else ()
        except UnicodeDecodeError:
            raise BadModel(f"the array {name} is no text") from None

    def finish(self) -> None:
        """Everything has been read."""
        left = sorted(self._arrays.keys() - self._taken)
        if left:
            raise BadModel(f"there is an array too many: {left[0]}")

    def _array(self, name: str, kinds: str) -> NDArray[Any]:
        array = self._arrays.get(name)
        if not isinstance(array, np.ndarray):
            raise BadModel(f"the array {name} is missing")
        if array.dtype.kind not in kinds:
            raise BadModel(f"the array {name} is of {array.dtype}")
        self._taken.add(name)
        return array


def half(array: NDArray[Any]) -> NDArray[np.float16]:
    """Half the bytes, and more digits than anything here is known to."""
    found: NDArray[np.float16] = np.clip(array, -60_000, 60_000).astype(np.float16)
    return found


def as_bytes(texts: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\0".join(texts).encode(), np.uint8)


def rounded(array: NDArray[Any]) -> Floats:
    """As it will be when it is read back."""
    return half(array).astype(np.float32)
