"""The scorer: follows the samples, and has a new model trained when enough have come.

Training happens in a process of its own, at low priority: torch is loaded there and goes with it, and what is followed
here goes on meanwhile. A repeat does no harm: how far the newest model has come stands in the model itself.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra import kafka, memory, metrics
from infra.models import RULES
from infra.registry import MODELS, Registry
from infra.settings import Settings, as_env
from infra.stack.child import SHIM
from processors.learning.drift import Calibration, Feedback
from schemas.codec import BadMessage, decode_as
from schemas.events import RoutingModel, TrainingSample
from scorer_service.ranges import TOPIC

POLL_S = 0.5
BATCH = 500
STOP_S = 5.0
AGAIN_S, AGAIN_S_MAX = 60.0, 3600.0
"""How long a training that failed is not tried again; twice as long each time."""
NICE = "10"
BY = "scorer"

log = structlog.get_logger()


def newest(known: Mapping[str, RoutingModel]) -> RoutingModel | None:
    """The one that was trained last, whoever had it trained, and whatever became of it."""
    trained = [model for model in known.values() if model["name"] != RULES]
    return max(trained, key=lambda model: (model["created_at"], model["name"]), default=None)


def is_due(settings: Settings, last: RoutingModel | None, new: int) -> bool:
    """Whether so many samples after the last training are reason for the next."""
    seen = last["samples"] if last else 0
    return seen + new >= settings.train_min_samples and new >= max(1, settings.retrain_growth * seen)


class Scorer:
    def __init__(self, settings: Settings, command: tuple[str, ...] = (sys.executable, "-m", "scorer_service")) -> None:
        """`command`: what trains, when `train` and its options are put after it."""
        self._settings = settings
        self._command = command
        self._registry = Registry(settings, (MODELS,))
        self._reader: Consumer = kafka.consumer(settings, f"headway-scorer-{os.getpid()}")
        self._last: RoutingModel | None = None
        self._new = 0
        self._drift = _Drift()
        self._training: _Training | None = None
        self._failures = 0
        self._not_before = 0.0
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            self.start()
            while not self._stopping.is_set():
                self.step()
        finally:
            self.close()

    def start(self) -> None:
        """Goes on after what the newest model has seen."""
        self._registry.wait_ready()
        self._begin_after(newest(self._registry.models))

    def close(self) -> None:
        """Ends a training that is under way."""
        if self._training is not None:
            self._training.stop()
        self._reader.close()
        self._registry.close()

    def step(self) -> None:
        """Reads what has come, and starts or ends a training when it is time."""
        last = newest(self._registry.models)
        if last is not None and (self._last is None or last["name"] != self._last["name"]):
            self._begin_after(last)
        messages = self._reader.consume(BATCH, POLL_S)
        for sample in filter(None, map(_sample_of, messages)):
            self._new += sample["revision"] == 0  # late feedback to a task that is known makes no new sample
            self._drift.take(sample)
        metrics.SAMPLES_NEW.set(self._new)
        self._drift.show()
        if self._training is not None:
            if (ended := self._training.ended()) is not None:
                self._finish(*ended)
        elif self._may_begin(caught_up=len(messages) < BATCH):
            log.info("training begins", new=self._new)
            self._training = _Training(self._settings, (*self._command, "train", "--json", "--by", BY))

    def _may_begin(self, caught_up: bool) -> bool:
        rested = time.monotonic() >= self._not_before
        return caught_up and rested and is_due(self._settings, self._last, self._new)

    def _begin_after(self, model: RoutingModel | None) -> None:
        """What comes after this model's samples is new."""
        self._last, self._new = model, 0
        done = {one["partition"]: one["to_offset"] for one in model["ranges"]} if model else {}
        self._reader.assign([TopicPartition(TOPIC, p, done.get(p, 0)) for p in kafka.bounds(self._settings, TOPIC)])

    def _finish(self, code: int, said: str, seconds: float) -> None:
        self._training = None
        metrics.TRAINING.observe(seconds)
        status = _status(said) if code == 0 else None
        metrics.TRAININGS.labels(status or "failed").inc()
        if status is None:
            self._not_before = time.monotonic() + min(AGAIN_S_MAX, AGAIN_S * 2**self._failures)
            self._failures += 1
            log.warning("training failed, the models stay as they are; tried again later", code=code)
        else:
            self._failures = 0
            # Its event comes back through the registry, and with it where the next samples begin.
            self._wait_for(lambda: newest(self._registry.models) is not self._last)
            log.info("training ended", status=status, s=round(seconds, 1))
        memory.give_back()

    def _wait_for(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + STOP_S
        while not is_so() and time.monotonic() < until and not self._stopping.wait(0.05):
            pass


class _Training:
    """A process that trains. It ends with us, whatever ends us."""

    def __init__(self, settings: Settings, command: tuple[str, ...]) -> None:
        self._began = time.monotonic()
        shim = (sys.executable, "-I", "-S", SHIM, str(os.getpid()), "nice", "-n", NICE)
        self._process = subprocess.Popen(
            (*shim, *command),
            env={**os.environ, **as_env(settings)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ended(self) -> tuple[int, str, float] | None:
        """Exit code, what it said, and how long it took; None while it works. What it says fits into a pipe."""
        if self._process.poll() is None:
            return None
        said, _ = self._process.communicate()
        return self._process.returncode, said, time.monotonic() - self._began

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.communicate()


def _status(said: str) -> str | None:
    try:
        return str(json.loads(said)["status"])
    except (ValueError, KeyError, TypeError):
        return None


class _Drift:
    """Whether what models expected of late still comes true, and what people say of the answers."""

    def __init__(self) -> None:
        self._expected = Calibration()
        self._feedback = Feedback()

    def take(self, sample: TrainingSample) -> None:
        expected, label = sample["decided"]["expected"], sample["label"]
        if expected is not None and 0 <= expected <= 1 and 0 <= label <= 1:
            self._expected.add(expected, label)
        self._feedback.add(sample["feedback"])

    def show(self) -> None:
        if (error := self._expected.ece()) is not None:
            metrics.DRIFT_ECE.set(error)
        for kind, rate in self._feedback.rates().items():
            metrics.FEEDBACK_RATE.labels(kind).set(rate)


def _sample_of(message: Message) -> TrainingSample | None:
    """Null for what is none."""
    error = message.error()
    if error is not None:
        if error.fatal() or not error.retriable():
            raise KafkaException(error)
        return None
    metrics.EVENTS_READ.labels(TOPIC).inc()
    try:
        sample: TrainingSample = decode_as("TrainingSample", message.value())
        return sample
    except BadMessage as bad:
        metrics.BAD_MESSAGES.labels(TOPIC).inc()
        log.warning("passed over", topic=TOPIC, at=f"{message.partition()}/{message.offset()}", error=str(bad))
        return None


def main(settings: Settings, index: int) -> None:
    metrics.serve(settings, metrics.port_offset("scorer", index))
    Scorer(settings).run()
