"""Whether the tasks of today are those a model was trained on, and whether its probabilities still hold.

Everything is kept in sums that forget (a decision counts half after HALF_LIFE further ones), so a task costs the same
however many came before: inputs as shares of the bins that the training data fill evenly (PSI), probabilities as what
was expected and what came of it (ECE), feedback as shares of the samples.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning.model import TASK_FEATURES

NAMES = TASK_FEATURES[:6]
"""The features that are watched: those with a meaning that a person can act on."""
HALF_LIFE = 500
BINS = 10
FLOOR = 1e-3
"""Least share of a bin: an empty one would be infinitely far from any other."""
PSI_MAX, ECE_MAX, NEGATIVE_MAX = 0.25, 0.1, 0.3
"""Thresholds of the alerts: inputs have moved; probabilities are off by twice what a model is promoted with; people
reject nearly every third answer that they judge."""
LEAST = 200.0
"""Decisions, or judged ones, below which nothing is said: chance alone would move the figures as far."""

_FORGET = 0.5 ** (1 / HALF_LIFE)
_WORTH_MAX = 1e9


@dataclass(frozen=True)
class Reference:
    """How the inputs of the training data were spread: of each feature the inner bounds of bins, and their shares."""

    bounds: tuple[tuple[float, ...], ...]
    shares: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, features: NDArray[np.float32]) -> "Reference":
        """Of `Tasks.features` of the training data: bins of like fill, fewer where values repeat."""
        features = features[:, : len(NAMES)]
        bounds = [
            tuple(np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])).tolist()) for column in features.T
        ]
        shares = []
        for column, inner in zip(features.T, bounds, strict=True):
            counts = np.bincount(np.searchsorted(inner, column, side="left"), minlength=len(inner) + 1)
            shares.append(tuple((counts / max(1, counts.sum())).tolist()))
        return cls(tuple(bounds), tuple(shares))

    def told(self) -> dict[str, Any]:
        """As a model's notes carry it."""
        return {"bounds": [list(b) for b in self.bounds], "shares": [list(s) for s in self.shares]}

    @classmethod
    def read(cls, told: Any) -> "Reference | None":
        """What `told` made; None for anything else, for nothing of the routing depends on it."""
        try:
            bounds = tuple(tuple(map(float, inner)) for inner in told["bounds"])
            shares = tuple(tuple(map(float, each)) for each in told["shares"])
        except (TypeError, ValueError, KeyError):
            return None
        whole = len(bounds) == len(shares) == len(NAMES) and all(
            len(each) == len(inner) + 1 and all(map(isfinite, (*inner, *each)))
            for inner, each in zip(bounds, shares, strict=True)
        )
        return cls(bounds, shares) if whole else None


class Inputs:
    """The inputs of late, beside those of the training data."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._counts = [[0.0] * len(shares) for shares in reference.shares]
        self._total = 0.0
        self._worth = 1.0
        """What the next task counts: more than the one before, which is the same as if those before counted less."""

    def add(self, features: Sequence[float]) -> None:
        """One task's, in the order of NAMES."""
        worth = self._worth
        for counts, inner, value in zip(self._counts, self._reference.bounds, features, strict=True):
            counts[bisect_left(inner, value)] += worth
        self._total += worth
        self._worth = worth / _FORGET
        if worth > _WORTH_MAX:
            self._counts = [[count / worth for count in counts] for counts in self._counts]
            self._total /= worth
            self._worth = 1 / _FORGET

    def psi(self) -> dict[str, float]:
        """The population stability index of each feature: 0 when nothing moved, above 0.25 when it did. Empty while
        there are too few."""
        if self._total / self._worth < LEAST:
            return {}
        return {
            name: round(_psi(np.array(counts) / self._total, np.array(shares)), 4)
            for name, counts, shares in zip(NAMES, self._counts, self._reference.shares, strict=True)
        }


def _psi(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    now, then = np.maximum(now, FLOOR), np.maximum(then, FLOOR)
    return float(((now - then) * np.log(now / then)).sum())


class Calibration:
    """How far the probabilities of late were from what came of them."""

    def __init__(self) -> None:
        self._expected = [0.0] * BINS
        self._label = [0.0] * BINS
        self._count = [0.0] * BINS
        self._at = [0] * BINS
        self._seen = 0

    def add(self, expected: float, label: float) -> None:
        place = min(BINS - 1, max(0, int(expected * BINS)))
        self._seen += 1
        self._forget(place)
        self._expected[place] += expected
        self._label[place] += label
        self._count[place] += 1

    def _forget(self, place: int) -> None:
        """Brings one bin to now: each is touched only when something comes into it, or when it is read."""
        faded = _FORGET ** (self._seen - self._at[place])
        self._expected[place] *= faded
        self._label[place] *= faded
        self._count[place] *= faded
        self._at[place] = self._seen

    def ece(self) -> float | None:
        """The expected calibration error; None while there are too few."""
        for place in range(BINS):
            self._forget(place)
        total = sum(self._count)
        if total < LEAST:
            return None
        return sum(abs(e - label) for e, label in zip(self._expected, self._label, strict=True)) / total


class Feedback:
    """How much of late people said of the answers, and what."""

    def __init__(self) -> None:
        self._samples = 0.0
        self._said = dict.fromkeys(("positive", "neutral", "negative"), 0.0)

    def add(self, feedback: str | None) -> None:
        """One sample's; None when nobody judged it."""
        self._samples = self._samples * _FORGET + 1
        for kind in self._said:
            self._said[kind] = self._said[kind] * _FORGET + (kind == feedback)

    def rates(self) -> Mapping[str, float]:
        """Share of the samples by kind; empty while there are too few."""
        return {kind: said / self._samples for kind, said in self._said.items()} if self._samples >= LEAST else {}


def alerts(psi: Mapping[str, float], ece: float | None, feedback: Mapping[str, float]) -> list[str]:
    """What is beyond its threshold, each a sentence with what to do."""
    found = [
        f"{name} of the tasks has moved (PSI {value:.2f}, at most {PSI_MAX}): train anew, `headway train`."
        for name, value in psi.items()
        if value > PSI_MAX
    ]
    if ece is not None and ece > ECE_MAX:
        found.append(f"What the model expects is off by {ece:.2f} (at most {ECE_MAX}): train anew, `headway train`.")
    judged = sum(feedback.values())
    if judged and (rejected := feedback.get("negative", 0.0) / judged) > NEGATIVE_MAX:
        found.append(f"People reject {rejected:.0%} of the answers they judge (at most {NEGATIVE_MAX:.0%}).")
    return found
