"""The judge: looks at the running experiments from time to time, says what they say, and does what follows.

Several do no harm: an experiment is changed by one at a time, from its newest record, and a verdict that comes twice
says the same.
"""

import signal
import threading
import time

import structlog
from clickhouse_connect.driver.client import Client
from confluent_kafka import KafkaException

from infra import experiments, kafka, memory, metrics, warehouse
from infra.registry import EXPERIMENTS, Registry
from infra.settings import Settings
from infra.warehouse.errors import WarehouseDown
from processors.experiments.lifecycle import BadChange
from schemas.codec import encode
from schemas.events import Experiment, ExperimentVerdict

BY = "judge"

log = structlog.get_logger()


class Judge:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(settings, (EXPERIMENTS,))
        self._producer = kafka.producer(settings)
        self._told: dict[str, ExperimentVerdict] = {}
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self._registry.wait_ready()
        self._told = experiments.verdicts(self._settings)
        while not self._stopping.is_set():
            self._look()
            memory.give_back()
            self._stopping.wait(self._settings.verdict_s)
        self._producer.flush(5)
        self._registry.close()

    def _look(self) -> None:
        known = self._registry.experiments
        for status in ("draft", "running", "paused", "completed"):
            metrics.EXPERIMENTS.labels(status).set(sum(e["status"] == status for e in known.values()))
        running = [e for e in known.values() if e["status"] == "running"]
        if not running:
            return
        try:
            with warehouse.client(self._settings) as client:
                from infra.warehouse.exposed import settled_until  # with numpy: loaded when there is work for it

                until = settled_until(self._settings, client)
                if until is None:
                    log.warning("no look at the experiments: the sink is behind")
                    return
                for experiment in running:
                    self._judge(client, experiment, until)
        except (WarehouseDown, kafka.KafkaTrouble, KafkaException, *warehouse.TROUBLES) as error:
            log.warning("no look at the experiments, the next one tries again", error=str(error))

    def _judge(self, client: Client, experiment: Experiment, until: int) -> None:
        from infra.warehouse.exposed import COLUMNS, Asked, exposed
        from processors.experiments import line
        from processors.experiments.analysis import analyze
        from processors.experiments.estimates import BadData

        name, started_at = experiment["experiment"], experiment["started_at"] or 0
        until = max(until, started_at)
        columns, cluster = line.columns_of(experiment, COLUMNS), experiment["cluster"]
        arms, unit = line.live_arms(experiment), experiment["unit"]
        tasks = exposed(client, Asked(name, arms, unit, columns, cluster, started_at, until))
        report, why = None, ""
        try:
            rows, plan, notes = line.analyzed(experiment, tasks, until)
            report = analyze(rows, plan)
            report.notes.extend(notes)
        except BadData as error:
            why = str(error)
        now = time.time_ns() // 1000
        data = line.Range(started_at, until, len(tasks.arm), tasks.data_hash)
        verdict = line.verdict_of(experiment, report, why, data, now)
        _count(experiment, verdict)
        if line.worth_telling(verdict, self._told.get(name)):
            self._told[name] = verdict
            self._producer.produce(experiments.VERDICTS, encode("ExperimentVerdict", verdict), name)
            self._producer.poll(0)
            log.info("verdict", experiment=name, verdict=verdict["verdict"], tasks=data.rows)
        shares = line.bandit_shares(experiment, tasks)
        change = line.next_change(experiment, report, shares, now, BY)
        if change is not None:
            self._write(experiment, change)

    def _write(self, seen: Experiment, change: Experiment) -> None:
        """Only if the experiment is still as it was when we looked."""

        def unless_changed(known: dict[str, Experiment]) -> Experiment:
            newest = known.get(seen["experiment"])
            if newest is None or newest["version"] != seen["version"]:
                raise BadChange("somebody else changed it meanwhile")
            return change

        told = log.bind(experiment=seen["experiment"], change=change["change"])
        try:
            experiments.change(self._settings, unless_changed)
            told.info("experiment changed", reason=change["reason"])
        except BadChange as reason:
            told.info("experiment left as it is", reason=str(reason))


def _count(experiment: Experiment, verdict: ExperimentVerdict) -> None:
    for figure in verdict["figures"]:
        metrics.EXPERIMENT_UNITS.labels(experiment["experiment"], figure["arm"]).set(figure["units"])


def main(settings: Settings, index: int) -> None:
    metrics.serve(settings, metrics.port_offset("judge", index))
    Judge(settings).run()
