"""An experiment on a running line: units get their arms, the judge says what came of it, and the winner is adopted."""

import json
import uuid
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra import experiments, kafka, warehouse
from infra.settings import Settings, as_env
from infra.warehouse.exposed import SETTLED_US, settled_until
from processors.experiments import lifecycle
from processors.experiments.assignment import arm_of
from schemas.codec import decode_as
from tests.support.running import running_line, settings_in
from tests.support.tasks import Submitter
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

SLOW, QUICK = "10.0", "4000"
"""Speeds of the simulated agents: a light task takes half a second, or a millisecond."""


@pytest.fixture(scope="module")
def judged_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("judged")
    with running_line(
        settings_in(folder, sinks=1, verdict_s=1.0, sim_speed=float(SLOW), sim_failure_rate=0.0)
    ) as running:
        yield running


@pytest.fixture
def tasks(judged_line: Settings) -> Iterator[Submitter]:
    submitter = Submitter(judged_line)
    yield submitter
    submitter.close()


def command(settings: Settings, *words: str, code: int = 0) -> str:
    done = CliRunner(env=as_env(settings)).invoke(headway, ["experiment", *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def decisions(settings: Settings, prefix: str) -> dict[str, Any]:
    found = (decode_as("RoutingDecision", m.value()) for m in kafka.read_all(settings, "routing.decisions"))
    return {decision["task_id"]: decision for decision in found if decision["task_id"].startswith(prefix)}


def test_from_the_question_to_the_adopted_answer(judged_line, tasks):
    draft = (
        "create",
        "speed",
        "--parameter",
        "sim_speed",
        "--arm",
        f"quick={QUICK}",
        "--unit",
        "task",
        "--adopt-winner",
    )
    assert "control 50%" in command(judged_line, *draft)
    before = tasks.submit("before", text="Say hello")
    tasks.outcome(before, 30)
    command(judged_line, "start", "speed", "--reason", "we want to know")
    one = experiments.read(judged_line)["speed"]
    until(lambda: _takes_part(judged_line, tasks), 30, "the router knows the experiment")
    ids = []
    for wave in range(8):  # no more at once than there are slots: how long a task waits says nothing of its arm
        sent = [tasks.submit(f"t{wave}-{n}", text=f"Say hello {n}") for n in range(20)]
        for task_id in sent:
            assert tasks.outcome(task_id, 60)["status"] == "completed"
        ids += sent

    decided = decisions(judged_line, tasks.prefix)
    assert decided[before]["exposures"] == []
    for task_id in ids:
        (exposure,) = decided[task_id]["exposures"]
        assert exposure["arm"] == arm_of(one, task_id)["name"]
        value = QUICK if exposure["arm"] == "quick" else SLOW
        assert decided[task_id]["settings"] == [{"name": "sim_speed", "value": value}]

    def adopted() -> bool:
        """A machine at work blurs the times: then it takes more tasks to tell."""
        more = [tasks.submit(uuid.uuid4().hex, text="Say hello once more") for _ in range(8)]
        for task_id in more:
            tasks.outcome(task_id, 60)
        return bool(experiments.read(judged_line)["speed"]["adopted"])

    until(adopted, SETTLED_US / 1e6 + 180, "the winner is adopted")
    verdict = experiments.verdicts(judged_line)["speed"]
    assert (verdict["verdict"], verdict["winner"]) == ("winner", "quick")
    # Computed again from the range that it names, it rests on the same data and says the same.
    words = ("report", "speed", "--as-of", str(verdict["to_at"]), "--format", "json")
    report = json.loads(command(judged_line, *words))
    assert (report["data_hash"], report["winner"]) == (verdict["data_hash"], "quick")
    assert [change["change"] for change in report["history"]] == ["created", "started", "adopted"]
    for form in ("text", "markdown", "html"):
        assert "quick" in command(judged_line, "report", "speed", "--format", form)

    def works_with_it() -> bool:
        tasks.outcome(task := tasks.submit(uuid.uuid4().hex, text="Say hello again"), 30)
        return bool(decisions(judged_line, task)[task]["settings"] == [{"name": "sim_speed", "value": QUICK}])

    until(works_with_it, 30, "the line works with the winner")
    assert f"sim_speed={SLOW}" in command(judged_line, "adopt", "speed", "--none")


def _takes_part(settings: Settings, tasks: Submitter) -> bool:
    task = tasks.submit(uuid.uuid4().hex, text="Say hello")
    tasks.outcome(task, 30)
    return bool(decisions(settings, task)[task]["exposures"])


def test_of_two_who_change_experiments_at_once_the_slower_decides_anew(judged_line):
    command(judged_line, "create", "contested", "--parameter", "redos_max", "--arm", "two=2")
    looks: list[int] = []

    def slowly(known: Any) -> Any:
        looks.append(known["contested"]["version"])
        if len(looks) == 1:  # another is faster
            other = Thread(target=command, args=(judged_line, "start", "contested"))
            other.start()
            other.join()
        return lifecycle.stopped(known["contested"], known["contested"]["at"] + 1, "the slower")

    made = experiments.change(judged_line, slowly)
    assert looks == [1, 2]
    assert [(e["version"], e["change"]) for e in experiments.history(judged_line, "contested")] == [
        (1, "created"),
        (2, "started"),
        (3, "stopped"),
    ]
    assert made["version"] == 3


def test_there_is_a_look_while_the_line_never_rests(judged_line, tasks):
    over = Event()

    def feed() -> None:
        while not over.wait(0.01):
            tasks.submit(uuid.uuid4().hex, text="Say hello")

    feeding = Thread(target=feed)
    feeding.start()
    try:
        with warehouse.client(judged_line) as client:
            until(lambda: settled_until(judged_line, client), 90, "a look at what never rests")
    finally:
        over.set()
        feeding.join()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "x", "--parameter", "balancr", "--arm", "b=adaptive"), "did you mean balancer?"),
        (("create", "x", "--parameter", "balancer", "--arm", "b=fastest"), "it takes one of"),
        (("create", "x", "--parameter", "balancer", "--arm", "b"), "write each once, as in --arm fast=adaptive"),
        (("create", "x", "--parameter", "balancer", "--arm", "b=adaptive", "--metric", "joy"), 'no column "joy"'),
        (("create", "x", "--parameter", "balancer", "--arm", "b=adaptive", "--bandit"), "use --unit task"),
        (("create", "x", "--parameter", "balancer", "--arm", "b=adaptive", "--split", "b=1.0"), "not accepted"),
        (("create", "No Name", "--parameter", "balancer", "--arm", "b=adaptive"), "is no name for an experiment"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would(judged_line, words, said):
    assert said in command(judged_line, *words, code=2)
    assert "x" not in experiments.read(judged_line)


def test_a_name_that_nothing_has_is_not_there_and_no_wrong_usage(judged_line):
    assert "There is no experiment nobody." in command(judged_line, "start", "nobody", code=1)
