"""`headway ask`: the list of questions, their answers, and whether a figure is normal."""

import json

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra.settings import as_env
from infra.warehouse.questions import Question, questions
from tests.gateway.events import example
from tests.support.warehouse import running_warehouse, store


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with running_warehouse(tmp_path_factory.mktemp("ask")) as settings:
        waits = (10, 100)
        base = example("TaskOutcome", submitted_at=0)
        store(settings, [("TaskOutcome", base | {"task_id": f"t-{w}", "started_at": w * 1_000_000}) for w in waits])
        yield settings


@pytest.fixture
def ask(settings):
    return lambda *words: CliRunner(env=as_env(settings)).invoke(headway, ["ask", *words])


def test_the_list_names_every_question(ask):
    said = ask()
    assert said.exit_code == 0
    assert "mean_wait" in said.stdout and "How long does a task wait on the mean" in said.stdout
    listed = list(map(json.loads, ask("--json").stdout.splitlines()))
    assert [row["name"] for row in listed] == list(questions())
    assert {"question", "normal", "parameters"} < set(listed[0])


def test_a_figure_out_of_its_range_is_said_and_is_exit_code_1(ask):
    said = ask("mean_wait")
    assert said.exit_code == 1
    assert said.stdout.split() == ["mean_wait_s", "started", "55", "2"]
    assert said.stderr.splitlines()[-1] == "NOT normal: mean_wait_s is 55, and < 30 is normal."


def test_a_figure_in_its_range_is_exit_code_0_in_every_format(ask):
    said = ask("completion", "--format", "json")
    assert (said.exit_code, json.loads(said.stdout)) == (0, [{"completed": 1, "ended": 2}])
    assert said.stderr.splitlines()[-1] == "Normal: completed >= 0.95."


def test_without_a_figure_nothing_is_wrong(ask):
    said = ask("queue_length")
    assert (said.exit_code, said.stderr.splitlines()[-1]) == (0, "There is no figure yet; < 0.8 is normal.")


def test_parameters_are_set_by_name(ask):
    assert ask("slowest_tasks", "--set", "rows=1", "--json").stdout.count("\n") == 1
    assert ask("slowest_tasks", "--json").stdout.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mean_wai"], "There is no question mean_wai; did you mean mean_wait? `headway ask` lists them."),
        (["mean_wait", "--set", "days=2"], "--set days=2 is not accepted; mean_wait takes hours"),
        (["mean_wait", "--set", "hours"], "--set hours is not accepted"),
        (
            ["mean_wait", "--set", "hours=soon"],
            "hours=soon is not accepted: it takes a whole number that is not negative.",
        ),
        (["--format", "csv"], "Name a question"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(ask, words, said):
    result = ask(*words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("normal", "inside", "outside"),
    [("< 30", 29, 30), ("<= 30", 30, 31), ("> 0.75", 0.76, 0.75), (">= 0.95", 0.95, 0.9), ("0.5–0.8", 0.8, 0.81)],
)
def test_a_range_has_its_edges(normal, inside, outside):
    question = Question("q", "?", normal, {}, "")
    assert question.is_normal(inside) and not question.is_normal(outside)
