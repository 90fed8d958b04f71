"""What a learned router is: tasks and options as numbers in, calibrated probabilities of success out."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from processors import features
from processors.learning.marks import MARKS, marks

FEATURES = "features/1"
TASK_FEATURES = (
    "task_length",
    "item_count",
    "has_code_keywords",
    "has_research_keywords",
    "has_test_keywords",
    "complexity_score",
    *MARKS,
)
"""The columns of `Tasks.features`: those that R0.1 lists, then the marks that tell how a text is written."""
OPTION_FEATURES = (
    "capability_count",
    "perspective_count",
    "past_success_rate",
    "recent_task_count",
    "avg_task_duration_s",
)


class BadModel(ValueError):
    """The arrays are no model of their kind; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """m tasks."""

    vectors: NDArray[np.float32]
    """(m, size); float16 will do, and halves the memory."""
    features: NDArray[np.float32]
    """(m, len(TASK_FEATURES)), as `task_features` makes them."""


@dataclass(frozen=True, slots=True)
class Options:
    """n agents, or models of a table."""

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    """(n, size): embedded descriptions; a zero row where there is none."""
    features: NDArray[np.float32]
    """(n, len(OPTION_FEATURES)); zeros where they are not known."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """k labels, each of one option at one task."""

    tasks: Tasks
    options: Options
    task: NDArray[np.int64]
    option: NDArray[np.int64]
    label: NDArray[np.float32]
    """0–1."""
    weight: NDArray[np.float32]
    """1, or by the inverse of the propensity, clipped."""
    option_features: NDArray[np.float32] | None = None
    """(k, len(OPTION_FEATURES)): those at the decision, where they differ from label to label."""


@dataclass(frozen=True, slots=True)
class Prediction:
    quality: NDArray[np.float32]
    """(m, n) calibrated probability of success; also of an option without any label, by its description."""
    known: NDArray[np.float32]
    """(m,) 0–1: the share of the training tasks that were no more like the others than this one is."""
    abstains: NDArray[np.bool_]
    """(m,): known is below the model's own threshold."""


class Model(Protocol):
    @property
    def kind(self) -> str: ...

    def predict(self, tasks: Tasks, options: Options) -> Prediction: ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything it needs, as plain arrays."""


def task_features(text: str, item_count: int) -> NDArray[np.float32]:
    """One row of `Tasks.features`, the same for training and routing: of a long text its ends, and so of these ends."""
    text = features.ends(text)
    words = features.read(text)
    points = features.skill_points(_SKILLS.find(words))
    found = features.task_features(text, item_count, words, points)
    return np.array(
        [
            found.task_length,
            found.item_count,
            found.has_code_keywords,
            found.has_research_keywords,
            found.has_test_keywords,
            found.complexity_score,
            *marks(text),
        ],
        dtype=np.float32,
    )


_SKILLS = features.skill_lexicon({})
