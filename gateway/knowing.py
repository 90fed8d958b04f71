"""The knowledge base in memory, in step with its topics: searched by meaning, for the API and for the commands.

Notes come from whoever follows their registry; the samples of the line are followed here. Vectors are those of the
`static` table whatever the setting `embedder` says: a thousand wordings take an eighth of a second, and nothing that
takes seconds to import is needed.
"""

from collections.abc import Mapping
from threading import Event, Lock, Thread
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from gateway.history import QUIET
from infra import embedding, kafka, metrics
from infra.settings import Settings
from processors.knowledge import LIMIT, REMEMBERED_MAX, SOLVED, Hit, Notes, Solved, best_of
from schemas.codec import BadMessage, decode_as
from schemas.events import NoteDefinition, TrainingSample

SAMPLES = "training.samples"
EMBEDDER = "static"
WORDS_CHARS_MAX = 2_000

_READ_BACK = 2 * REMEMBERED_MAX
"""Offsets that are read at the start, over all partitions: a transaction of few samples takes an offset itself."""
_BATCH = 1_000
_LOOK_S = 0.2
_LEARNED_AT_ONCE = 200
"""Wordings that are made vectors while nothing comes, so that a search hardly has any left to make."""
_TROUBLE_S = 1.0

log = structlog.get_logger()


class Known(NamedTuple):
    hits: list[Hit]
    """The most alike first."""
    notes: int
    """Looked through, as are these:"""
    problems: int
    caught_up: bool
    """False while the past is still read: more may be found soon."""


class Knowledge:
    """May be asked by several threads. `start` follows the topic in a thread of its own; `read` reads it once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._solved: Solved | None = None
        self._notes: Notes | None = None
        self._caught_up = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="knowledge", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def find(
        self, words: str, notes: Mapping[str, NoteDefinition], tenant: str | None, kind: str | None, limit: int = LIMIT
    ) -> Known:
        """What is like these words. `tenant`: the one whose solved problems may be told; null: all of them."""
        caught_up = self._caught_up.is_set()
        with self._lock:
            solved, by_note = self._made()
            vector = embedding.load(EMBEDDER).embed([words])[0]
            problems = [] if kind not in (None, SOLVED) else solved.near(vector, tenant, limit)
            count = solved.count(tenant)
            told = [] if kind == SOLVED else by_note.near(vector, notes, kind)
        return Known(best_of(told, problems, limit), len(notes), count, caught_up)

    def read(self) -> None:
        """All there is by now. Raises `KafkaTrouble`."""
        self._read(_newest(self._settings))

    # -- details ----------------------------------------------------------------------------------------------------

    def _made(self) -> tuple[Solved, Notes]:
        """Made when they are first needed, as the table takes a moment to load."""
        if self._solved is None or self._notes is None:
            embedder = embedding.load(EMBEDDER)
            self._solved, self._notes = Solved(embedder), Notes(embedder)
        return self._solved, self._notes

    def _run(self) -> None:
        reader = kafka.consumer(self._settings, "headway-knowledge", **QUIET)
        try:
            while not self._stopping.is_set():
                try:
                    self._follow(reader)
                except (KafkaException, kafka.KafkaTrouble) as error:
                    # Read anew from further back: what was seen already changes nothing.
                    log.warning("solved problems cannot be read now, what is known stays", error=str(error))
                    self._stopping.wait(_TROUBLE_S)
        finally:
            reader.close()

    def _follow(self, reader: Consumer) -> None:
        ranges = _newest(self._settings)
        self._read(ranges)
        self._caught_up.set()
        reader.assign([TopicPartition(SAMPLES, partition, end) for partition, (_, end) in ranges.items()])
        while not self._stopping.is_set():
            messages = _next(reader)
            for message in messages:
                error = message.error()
                if error is None:
                    self._see(message)
                elif error.fatal() or not error.retriable():
                    raise KafkaException(error)
            if not messages:
                with self._lock:
                    self._made()[0].learn(_LEARNED_AT_ONCE)

    def _read(self, ranges: Mapping[int, tuple[int, int]]) -> None:
        for message in kafka.read_between(self._settings, SAMPLES, ranges):
            if self._stopping.is_set():
                return
            self._see(message)

    def _see(self, message: Message) -> None:
        try:
            sample: TrainingSample = decode_as("TrainingSample", message.value())
        except BadMessage:
            metrics.BAD_MESSAGES.labels(SAMPLES).inc()
            return
        with self._lock:
            self._made()[0].see(sample)


def _next(reader: Consumer) -> list[Message]:
    first = reader.poll(_LOOK_S)
    return [] if first is None else [first, *reader.consume(_BATCH, 0)]


def _newest(settings: Settings) -> dict[int, tuple[int, int]]:
    """Where the newest samples begin and end in each partition. They are spread evenly, as their key is the task."""
    bounds = kafka.bounds(settings, SAMPLES, **QUIET)
    return {p: (max(low, high - _READ_BACK // len(bounds)), high) for p, (low, high) in bounds.items()}
