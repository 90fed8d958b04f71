"""The desk of the lab: obeys commands, has one run executed at a time, and alone writes lab.runs.

What is written goes in transactions under one name: whoever takes the desk over ends those of the one before, so a
process that slept through its replacement writes nothing. A command that is read again is one that is known already.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaException, Producer

from infra import kafka, metrics, registry
from infra.front_matter import BadFile
from infra.scenario_file import plan_of
from infra.settings import Settings
from lab.scale.scenario import FOLDER, Scenario, load, parse
from lab.service.execution import Execution
from processors.lab_runs import OVER, Runs, problem_of
from schemas.codec import encode
from schemas.events import LabAsked, LabCommand, LabRun, LabScenario

TOLD_S = 1.0
"""How often it is told how far a run has come."""

log = structlog.get_logger()


class Desk:
    def __init__(self, settings: Settings) -> None:
        """Takes over from whoever had it, with what stands on the topics."""
        self._settings = settings
        self._producer: Producer = kafka.producer(
            settings, transactional_id=kafka.LAB_GROUP, transaction_timeout_ms=30_000
        )
        _patiently(self._producer.init_transactions)
        self._scenarios = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
        self._runs = Runs(registry.newest(settings, registry.LAB_RUNS).values())
        self._execution: Execution | None = None
        self._told_at = 0.0
        self._publish()
        self._write(self._runs.take_over(_now_us()))
        log.info("the lab is open", scenarios=len(self._scenarios), runs=len(self._runs.known))

    def close(self) -> None:
        """A run that goes on ends with us, and whoever takes over starts it anew."""
        if self._execution is not None:
            self._execution.stop()
        self._execution = None

    def give_back(self) -> None:
        """The process ends as it was told to: the run that goes on waits for the next one."""
        self.close()
        self._write(self._runs.give_back())

    def obey(self, command: LabCommand) -> None:
        now, running = _now_us(), self._runs.running
        if command["kind"] == "start" and command["asked"] is not None:
            plan, problem = None, problem_of(command["asked"])
            try:
                plan = None if problem else plan_of(self._scenario(command["asked"]))
            except BadFile as bad:
                problem = str(bad)
            changed = self._runs.start(command, plan, problem, now)
        else:
            changed = self._runs.stop(command, now) if command["kind"] == "stop" else []
        if running is not None and self._runs.running is None:
            self.close()
        self._write(changed)

    def look(self) -> None:
        """Begins the next run when none goes on, and tells how the one does that goes on."""
        if self._execution is None:
            run = self._runs.next(_now_us())
            if run is not None:
                self._write([run])
                self._execution = Execution(self._settings, run["asked"], self._text_of(run["asked"]))
                log.info("run begins", run=run["run_id"], scenario=run["asked"]["scenario"], starts=run["starts"])
            return
        over = self._execution.over()
        if over is not None:
            self._step()
            self._execution = None
            if over.report is not None:
                self._write(self._runs.ended(over.report, _now_us()))
            else:
                self._write(self._runs.failed(over.problem, _now_us()))
        elif time.monotonic() - self._told_at >= TOLD_S:
            self._told_at = time.monotonic()
            self._write(self._step())

    def _step(self) -> list[LabRun]:
        """Remembers how far the run has come."""
        step = self._execution.progress() if self._execution is not None else None
        return [] if step is None else self._runs.progressed(step.minutes, step.handed_in, step.series)

    def _scenario(self, asked: LabAsked) -> Scenario:
        """As far as it is to be run. Raises BadFile."""
        name, text = asked["scenario"], asked["text"]
        if text is None and name not in self._scenarios:
            raise BadFile(f"There is no scenario {name!r}; there are {', '.join(self._scenarios)}.")
        return parse(name, self._text_of(asked), name).cut(asked["minutes"])

    def _text_of(self, asked: LabAsked) -> str:
        return self._scenarios[asked["scenario"]] if asked["text"] is None else asked["text"]

    # --- writing

    def _publish(self) -> None:
        """The scenarios that are new or others than were published, and that some are gone."""
        known = registry.newest(self._settings, registry.LAB_SCENARIOS)
        news: list[Any] = [self._published(name) for name in self._scenarios]
        news += [{**known[name], "removed": True} for name in known.keys() - self._scenarios.keys()]
        changed = [one for one in news if known.get(one["scenario"], {}) | {"updated_at": 0} != one | {"updated_at": 0}]
        self._commit([(registry.LAB_SCENARIOS, one["scenario"], encode("LabScenario", one)) for one in changed])

    def _published(self, name: str) -> LabScenario:
        plan = plan_of(load(FOLDER / f"{name}.yaml"))
        return {
            "scenario": name,
            "text": self._scenarios[name],
            "plan": plan,
            "removed": False,
            "updated_at": _now_us(),
        }

    def _write(self, changed: list[LabRun]) -> None:
        records: list[tuple[str, str, bytes | None]] = [
            (registry.LAB_RUNS, run["run_id"], encode("LabRun", run)) for run in changed
        ]
        records += [(registry.LAB_RUNS, run_id, None) for run_id in self._runs.forget()]
        self._commit(records)
        for run in changed:
            if run["state"] in OVER:
                metrics.LAB_RUNS.labels(run["state"]).inc()
                log.info("run is over", run=run["run_id"], state=run["state"], reason=run["reason"])

    def _commit(self, records: Sequence[tuple[str, str, bytes | None]]) -> None:
        if not records:
            return
        self._producer.begin_transaction()
        for topic, key, value in records:
            self._producer.produce(topic, value, key.encode())
            metrics.EVENTS_WRITTEN.labels(topic).inc()
        _patiently(self._producer.commit_transaction)


def _patiently(step: Callable[[float], None]) -> None:
    """A step of a transaction, again while Kafka is away. Raises when somebody took over: a new start reads anew."""
    while True:
        try:
            return step(kafka.ANSWER_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def _now_us() -> int:
    return time.time_ns() // 1000
