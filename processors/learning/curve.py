"""Calibration: a rising curve that turns what a model says into how often it comes true. It changes no ranking."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import BadModel
from processors.learning.stored import Floats, Stored

KNOTS = 65
_BINS = 100
_LEAST = 1e-3
"""Nothing is surer than this, nor more impossible."""
_TILT = 0.01
"""Share of a straight line in every curve, so that of two unlike values one stays the greater."""


class Curve:
    """Straight lines between points; the first and last of them lie beyond what a model can say."""

    def __init__(self, at: Floats, value: Floats) -> None:
        self.at = at
        self.value = value

    def __call__(self, raw: NDArray[Any]) -> Floats:
        found: Floats = np.interp(raw, self.at, self.value).astype(np.float32)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"curve.at": self.at, "curve.value": self.value}


def _curve(at: NDArray[Any], value: NDArray[Any]) -> Curve:
    """A curve through these points, level beyond them but for the tilt."""
    knots = np.concatenate([[-1.0], at, [2.0]])
    values = np.concatenate([[value[0]], value, [value[-1]]])
    line = (knots + 1) / 3
    values = np.clip((1 - _TILT) * values + _TILT * line, 0, 1)
    knots, apart = np.unique(knots.astype(np.float32), return_index=True)  # as it is stored, none twice
    return Curve(knots, np.maximum.accumulate(values[apart]).astype(np.float32))


def identity() -> Curve:
    return _curve(np.array([_LEAST, 1 - _LEAST]), np.array([_LEAST, 1 - _LEAST]))


def temperature(raw: NDArray[Any], label: NDArray[Any], weight: NDArray[Any]) -> Curve:
    """The logistic curve of two parameters, heat and shift, that makes the labels most likely."""
    x = _logit(raw)
    heat, shift = 1.0, 0.0
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(heat * x + shift, -30, 30)))
        slope, w = weight * (p - label), weight * p * (1 - p)
        gradient = np.array([(slope * x).sum() + 1e-2 * (heat - 1), slope.sum() + 1e-2 * shift])
        cross = (w * x).sum()
        step = np.linalg.solve([[(w * x * x).sum() + 1e-2, cross], [cross, w.sum() + 1e-2]], gradient)
        heat, shift = heat - np.clip(step[0], -1, 1), shift - np.clip(step[1], -1, 1)
        if np.abs(step).max() < 1e-6:
            break
    heat = max(heat, 0.0)  # a curve that falls would turn the ranking round
    at = np.linspace(_LEAST, 1 - _LEAST, KNOTS)
    return _curve(at, 1 / (1 + np.exp(-np.clip(heat * _logit(at) + shift, -30, 30))))


def isotonic(raw: NDArray[Any], label: NDArray[Any], weight: NDArray[Any]) -> Curve:
    """The rising steps nearest to the labels, joined by straight lines."""
    # What was said alike has one place, and so one mean.
    raw, places = np.unique(raw, return_inverse=True)
    total = np.bincount(places, weight)
    label, weight = np.bincount(places, weight * label) / np.maximum(total, 1e-9), total
    blocks: list[list[float]] = []  # weight, mean of the labels, and from where to where it reaches
    for rows in np.array_split(np.arange(len(raw)), min(_BINS, len(raw))):
        blocks.append(_mean_of(raw[rows], label[rows], weight[rows]))
        while len(blocks) > 1 and blocks[-2][1] >= blocks[-1][1]:
            (w1, y1, start, _), (w2, y2, _, end) = blocks[-2:]
            blocks[-2:] = [[w1 + w2, y1 + w2 / (w1 + w2) * (y2 - y1), start, end]]
    found = np.array(blocks)
    # A block of one bin is a point; a longer one is level from the middle of its first bin to that of its last.
    at, first = np.unique(np.clip(found[:, 2:], -0.99, 1.99), return_index=True)
    return _curve(at, np.clip(found[first // 2, 1], _LEAST, 1 - _LEAST))


def best(raw: NDArray[Any], label: NDArray[Any], weight: NDArray[Any], part: NDArray[Any]) -> Curve:
    """Whichever does better on labels that it was not made from. `part`: 0 or 1, of each label: its half."""
    makers = (lambda *_: identity(), temperature, isotonic)
    losses = [0.0] * len(makers)
    for half in (0, 1):
        mine, other = part == half, part != half
        if not mine.any() or not other.any():
            return identity()
        for place, make in enumerate(makers):
            said = make(raw[mine], label[mine], weight[mine])(raw[other])
            losses[place] += float((weight[other] * (said - label[other]) ** 2).sum())
    return makers[int(np.argmin(losses))](raw, label, weight)


def _mean_of(raw: NDArray[Any], label: NDArray[Any], weight: NDArray[Any]) -> list[float]:
    w = weight + 1e-9
    middle = float((w * raw).sum() / w.sum())
    return [float(w.sum()), float((w * label).sum() / w.sum()), middle, middle]


def _logit(p: NDArray[Any]) -> NDArray[np.float64]:
    sure = np.clip(p, _LEAST, 1 - _LEAST).astype(np.float64)
    found: NDArray[np.float64] = np.log(sure / (1 - sure))
    return found


def read(stored: Stored) -> Curve:
    at = stored.floats("curve.at", None)
    value = stored.floats("curve.value", len(at))
    if len(at) < 2 or (np.diff(at) <= 0).any() or (np.diff(value) < 0).any() or value[0] < 0 or value[-1] > 1:
        raise BadModel("the arrays curve.at and curve.value are no rising curve between 0 and 1")
    return Curve(at, value)
