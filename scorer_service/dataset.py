"""Samples of the topic as numbers: what was asked, who was chosen, how good it turned out.

Memory is bounded whatever the range holds: texts are embedded in batches and only their vectors kept, and of more than
`SAMPLES_MAX` tasks those with the smallest hashes are taken, an even sample that is the same each time.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from infra import kafka
from infra.settings import Settings
from processors.features import ends
from processors.learning.model import TASK_FEATURES, Labelled, Options, Tasks, task_features
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition, SampleRange, TrainingSample
from scorer_service import ranges as sample_ranges

SAMPLES_MAX = 100_000
"""Tasks that one training learns from. With vectors of 384 numbers they are 77 MB here, and the network is done with
them in minutes."""
BATCH = 1024
WEIGHT_MAX = 10.0
"""A choice that was made with a probability of 2 % stands for many that were not made, but for ten at most: otherwise
a handful of samples would decide everything."""
HELD_SHARE = 5
"""One in so many is held out."""
_KNOWN_MAX = (1.0, 1e12, 1e12)
"""An agent's success rate, runs, and mean time of a run [ms]: beyond these somebody makes things up."""
TEXTS_MIN = 100
"""With fewer different texts than this, one text can be in training and held-out alike: there is nothing else to
hold out, and on such a line the same texts come again tomorrow."""


class Embedder(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    def embed(self, texts: list[str]) -> NDArray[np.float32]: ...


@dataclass
class Dataset:
    """k tasks in the order of their hashes, each with its one label."""

    vectors: NDArray[np.float16]
    features: NDArray[np.float32]
    options: Options
    working: NDArray[np.bool_]
    """(n,) whether an option could be chosen today."""
    option: NDArray[np.int64]
    label: NDArray[np.float32]
    propensity: NDArray[np.float32]
    by_rules: NDArray[np.bool_]
    """Whether no learned model was asked."""
    ended: NDArray[np.float64]
    """When each task did [µs]."""
    option_features: NDArray[np.float32]
    """(k, 5), of the chosen agent at the decision."""
    task_hash: NDArray[np.uint64]
    text_hash: NDArray[np.uint64]
    ranges: list[SampleRange]
    read: int = 0
    superseded: int = 0
    """Records in whose place a later revision of the same task counts."""
    left_out: int = 0
    """Records of tasks beyond `SAMPLES_MAX`."""
    malformed: Counter[str] = field(default_factory=Counter)
    """By reason."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def weight(self) -> NDArray[np.float32]:
        return np.minimum(1 / self.propensity, WEIGHT_MAX).astype(np.float32)

    def held_out(self) -> tuple[NDArray[np.bool_], bool]:
        """Which are held out, and whether no text of theirs is in training. The same ones whatever the range."""
        by_text = len(np.unique(self.text_hash)) >= TEXTS_MIN
        hashes = self.text_hash if by_text else self.task_hash
        return (hashes // np.uint64(1 << 20)) % np.uint64(HELD_SHARE) == 0, by_text

    def labelled(self, rows: NDArray[np.bool_]) -> Labelled:
        """These rows as a trainer takes them."""
        vectors: Any = self.vectors[rows]  # of half precision, which a trainer takes as well
        return Labelled(
            tasks=Tasks(vectors, self.features[rows]),
            options=self.options,
            task=np.arange(len(vectors)),
            option=self.option[rows],
            label=self.label[rows],
            weight=self.weight[rows],
            option_features=self.option_features[rows],
        )


def load(
    settings: Settings,
    ranges: list[SampleRange],
    agents: Mapping[str, AgentDefinition],
    embedder: Embedder,
    samples_max: int = SAMPLES_MAX,
) -> Dataset:
    """Raises KafkaTrouble."""
    wanted = {one["partition"]: (one["from_offset"], one["to_offset"]) for one in ranges}
    most = None
    if sample_ranges.count(ranges) > samples_max:
        keys = (m.key() for m in kafka.read_between(settings, sample_ranges.TOPIC, wanted))
        most = _threshold(keys, samples_max)
    return gathered(kafka.read_between(settings, sample_ranges.TOPIC, wanted), ranges, agents, embedder, most)


def gathered(
    messages: Iterable[Message],
    ranges: list[SampleRange],
    agents: Mapping[str, AgentDefinition],
    embedder: Embedder,
    most: int | None = None,
) -> Dataset:
    """`most`: tasks with a larger hash than this are left out."""
    rows = _Rows(embedder)
    read = left_out = 0
    malformed: Counter[str] = Counter()
    for message in messages:
        read += 1
        if most is not None and hash_of(message.key()) > most:
            left_out += 1
            continue
        try:
            rows.take(_sample(message))
        except BadMessage as error:
            malformed[str(error)[:80]] += 1
    found = rows.finished(agents)
    found.ranges, found.read, found.left_out, found.malformed = ranges, read, left_out, malformed
    found.superseded = read - left_out - malformed.total() - len(found)
    return found


def hash_of(key: bytes | None) -> int:
    return int.from_bytes(hashlib.blake2b(key or b"", digest_size=8).digest(), "little")


def _threshold(keys: Iterable[bytes | None], count: int) -> int | None:
    """The hash of the `count`-th task by hash; None when there are no more than that."""
    hashes = np.unique(np.fromiter(map(hash_of, keys), np.uint64))
    return int(hashes[count - 1]) if len(hashes) > count else None


def _sample(message: Message) -> TrainingSample:
    """Raises BadMessage for one that nothing can be learned from."""
    sample: TrainingSample = decode_as("TrainingSample", message.value())
    decided = sample["decided"]
    if (message.key() or b"").decode(errors="replace") != sample["task_id"]:
        raise BadMessage("its key is not its task")
    if not sample["text"].strip() or not sample["agent_id"]:
        raise BadMessage("it has no text, or no agent")
    if not 0 <= sample["label"] <= 1:
        raise BadMessage("its label is not between 0 and 1")
    if not 0 < decided["propensity"] <= 1:
        raise BadMessage("its propensity is not between 0 and 1")
    known = (decided["past_success_rate"], decided["recent_task_count"], decided["avg_task_duration_ms"])
    if not all(0 <= value <= most for value, most in zip(known, _KNOWN_MAX, strict=True)) or sample["item_count"] < 0:
        raise BadMessage("what was known at the decision is not possible")
    return sample


class _Rows:
    """The samples so far, in columns that grow."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._index: dict[int, int] = {}
        self._ids: dict[str, int] = {}
        self._revision: list[int] = []
        self._columns: list[tuple[float, ...]] = []
        self._text_hash: list[int] = []
        self._vectors = np.zeros((BATCH, embedder.size), np.float16)
        self._waiting: dict[int, tuple[str, int]] = {}
        self._features = np.zeros((BATCH, len(TASK_FEATURES)), np.float32)

    def take(self, sample: TrainingSample) -> None:
        key = hash_of(sample["task_id"].encode())
        row = self._index.get(key)
        if row is None:
            row = self._index[key] = len(self._columns)
            self._columns.append(())
            self._revision.append(-1)
            self._text_hash.append(0)
        elif sample["revision"] < self._revision[row]:
            return
        decided = sample["decided"]
        self._revision[row] = sample["revision"]
        self._columns[row] = (
            self._ids.setdefault(sample["agent_id"], len(self._ids)),
            sample["label"],
            decided["propensity"],
            decided["scorer"] is None,
            decided["past_success_rate"],
            decided["recent_task_count"],
            decided["avg_task_duration_ms"] / 1000,
            sample["finished_at"],
        )
        text_hash = hash_of(f"{sample['item_count']} {sample['text']}".encode(errors="replace"))
        if text_hash != self._text_hash[row]:
            self._text_hash[row] = text_hash
            self._waiting[row] = (ends(sample["text"]), sample["item_count"])
            if len(self._waiting) >= BATCH:
                self._embed()

    def _embed(self) -> None:
        if not self._waiting:
            return
        while len(self._vectors) < len(self._columns):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._features = np.concatenate([self._features, np.zeros_like(self._features)])
        rows = list(self._waiting)
        self._vectors[rows] = self._embedder.embed([text for text, _ in self._waiting.values()])
        self._features[rows] = [task_features(text, items) for text, items in self._waiting.values()]
        self._waiting.clear()

    def finished(self, agents: Mapping[str, AgentDefinition]) -> Dataset:
        self._embed()
        keys = np.fromiter(self._index, np.uint64, len(self._index))
        order = np.argsort(keys)  # of how many partitions the samples come then makes no difference
        columns = np.array(self._columns, np.float64).reshape(-1, 8)[order]
        ids = sorted({*agents, *self._ids})
        place = np.array([ids.index(name) for name in self._ids], np.int64)
        option = place[columns[:, 0].astype(np.int64)] if len(columns) else np.zeros(0, np.int64)
        options, counts = _options(ids, agents, self._embedder, option, columns[:, 4:7])
        return Dataset(
            vectors=self._vectors[: len(keys)][order],
            features=self._features[: len(keys)][order],
            options=options,
            working=np.array([name in agents and agents[name]["instances"] > 0 for name in ids], np.bool_),
            option=option,
            label=columns[:, 1].astype(np.float32),
            propensity=np.maximum(columns[:, 2], 1e-6).astype(np.float32),
            by_rules=columns[:, 3].astype(np.bool_),
            ended=columns[:, 7],
            option_features=np.concatenate([counts[option], columns[:, 4:7]], 1).astype(np.float32),
            task_hash=keys[order],
            text_hash=np.array(self._text_hash, np.uint64)[order],
            ranges=[],
        )


def _options(
    ids: list[str],
    agents: Mapping[str, AgentDefinition],
    embedder: Embedder,
    option: NDArray[np.int64],
    states: NDArray[np.float64],
) -> tuple[Options, NDArray[np.float64]]:
    """The agents, each as it was on average when it was chosen, and their counts of capabilities and perspectives. One
    that has gone has no description any more, but its samples still tell of the tasks."""
    known = [agents.get(name) for name in ids]
    texts = [agent["description"] if agent else "" for agent in known]
    counts = np.array([(len(a["capabilities"]), len(a["perspectives"])) if a else (0, 0) for a in known], np.float64)
    counts = counts.reshape(-1, 2)
    sums = np.zeros((len(ids), 3))
    np.add.at(sums, option, states)
    means = sums / np.maximum(np.bincount(option, minlength=len(ids)), 1)[:, None]
    vectors = embedder.embed(texts) if texts else np.zeros((0, embedder.size), np.float32)
    features = np.concatenate([counts, means], 1).astype(np.float32)
    return Options(tuple(ids), np.asarray(vectors, np.float32), features), counts
