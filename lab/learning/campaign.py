"""The campaign: tasks by the rules, a training, tasks by what was learned, an experiment of both, and a newcomer."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra import kafka
from infra.registry import MODELS, Registry
from infra.settings import Settings
from lab.bench.load import Load
from lab.learning import world
from lab.own_line import OwnLine, until

RATE = 40.0
PATIENCE_S = 60.0
SETTLED_S = 17.0
"""How long an experiment's report waits for the warehouse."""


@dataclass(frozen=True)
class Ended:
    """One task, and what became of it."""

    subject: str
    agent_id: str | None
    completed: bool
    learned: bool
    """Whether a learned model was asked."""


@dataclass
class Result:
    phases: dict[str, list[Ended]] = field(default_factory=dict)
    trainings: list[dict[str, Any]] = field(default_factory=list)
    in_use_s: float = 0.0
    """From the promotion to the first decision that asked the model."""
    experiment: dict[str, Any] = field(default_factory=dict)


class Campaign:
    def __init__(self, line: OwnLine, agents_dir: Path, seed: int, say: Callable[[str], None]) -> None:
        self._line, self._agents_dir, self._seed, self._say = line, agents_dir, seed, say
        self._load = Load(line.settings)
        self._tasks = world.tasks(seed)
        self._result = Result()

    def run(self, count: int) -> Result:
        """`count`: tasks of a phase."""
        self._phase("rules", 2 * count)
        self._await_use(self._train())
        self._phase("learned", count)
        self._experiment(count)
        self._train()
        self._phase("learned again", count)
        self._newcomer()
        self._phase("with the newcomer", count)
        self._train()
        self._phase("learned of the newcomer", count)
        self._train()
        self._phase("learned once more", count)
        self._load.close()
        return self._result

    def _phase(self, name: str, count: int) -> None:
        done = self._result.phases.setdefault(name, [])
        done += self._work_off(count)
        self._say(f"{name}: {share(done):.1%} of {len(done)} tasks completed")

    def _work_off(self, count: int) -> Iterator[Ended]:
        """Hands tasks in at an even pace; when all have ended, what became of each, in the order handed in."""
        subjects: dict[str, str] = {}
        ended: dict[str, Ended] = {}
        began = time.monotonic()
        while len(ended) < count:
            if time.monotonic() > began + count / RATE + PATIENCE_S:
                raise RuntimeError(f"{count - len(ended)} of {count} tasks had no outcome in time")
            while len(subjects) < count and time.monotonic() >= began + len(subjects) / RATE:
                subject, text = next(self._tasks)
                subjects[self._load.submit(text=text, skill=world.CRAFT)] = subject
            for outcome in self._load.outcomes(0.02):
                ended[outcome["task_id"]] = _ended(subjects[outcome["task_id"]], outcome)
        return (ended[task_id] for task_id in subjects)

    def _train(self) -> dict[str, Any]:
        """From all samples until now; the gate decides what becomes of it."""
        wanted = sum(map(len, self._result.phases.values()))
        if not until(lambda: _samples(self._line.settings) >= wanted, PATIENCE_S):
            raise RuntimeError("not every task became a sample")
        told: dict[str, Any] = json.loads(self._done("train", "--seed", str(self._seed), "--json"))
        self._result.trainings.append(told)
        self._say(f"{told['name']}: {told['status']}: {told['reason']}")
        return told

    def _await_use(self, trained: dict[str, Any]) -> None:
        if trained["status"] != "promoted":
            self._done("models", "promote", trained["name"], "--force", "--reason", "for the campaign")
        began = time.monotonic()
        if not until(lambda: any(one.learned for one in self._work_off(10)), PATIENCE_S):
            raise RuntimeError("no decision asked the promoted model")
        self._result.in_use_s = time.monotonic() - began

    def _experiment(self, count: int) -> None:
        arm = ("--parameter", "routing", "--arm", "rules=rules", "--unit", "task")
        self._done("experiment", "create", "by-rules", *arm, "--metric", "completed:binary", "--start")
        time.sleep(2.0)  # for the router to hear of it; who comes before takes no part
        self._phase("in the experiment", count)
        time.sleep(SETTLED_S)
        self._result.experiment = json.loads(self._done("experiment", "report", "by-rules", "--format", "json"))
        self._done("experiment", "stop", "by-rules", "--reason", "seen enough")

    def _newcomer(self) -> None:
        """Its file is put beside the others; nothing is started again."""
        (self._agents_dir / f"{world.NEWCOMER}.md").write_text(world.newcomer(), encoding="utf-8")
        registry = Registry(self._line.settings, ("agents.registry", MODELS))
        try:
            if not until(lambda: world.NEWCOMER in registry.agents, PATIENCE_S):
                raise RuntimeError("the new agent's file was not noticed")
        finally:
            registry.close()

    def _done(self, *words: str) -> str:
        done = self._line.headway(*words)
        if done.returncode:
            raise RuntimeError(f"headway {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout


def share(ended: list[Ended]) -> float:
    return sum(one.completed for one in ended) / max(1, len(ended))


def _ended(subject: str, outcome: dict[str, Any]) -> Ended:
    decided = outcome["decided"]
    return Ended(subject, outcome["agent_id"], outcome["status"] == "completed", bool(decided and decided["scorer"]))


def _samples(settings: Settings) -> int:
    return sum(1 for _ in kafka.read_all(settings, "training.samples"))
