"""The command line on a whole running line: what a person types, and what a script gets.

Tasks that must complete have fixed ids: the simulated agents fail now and then, but the same id always fares the same.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway as command
from infra import kafka, stack
from infra.settings import Settings, as_env
from schemas.codec import encode
from schemas.examples import examples
from tests.support.running import settings_in
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

ANY = -1
"""Whatever exit code comes of it."""


class Headway:
    """The command, for one line."""

    def __init__(self, settings: Settings) -> None:
        self.env = as_env(settings)

    def __call__(self, *arguments: str, code: int = 0, stdin: str | None = None) -> str:
        """What the command prints, in this process because that is quick."""
        done = CliRunner().invoke(command, list(arguments), input=stdin, env=self.env)
        assert code in (done.exit_code, ANY), f"{arguments} → {done.exit_code} {done.exception!r}\n{done.output}"
        return done.stdout or done.stderr

    def json(self, *arguments: str, code: int = 0, stdin: str | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, "--json", code=code, stdin=stdin).splitlines()]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A process of its own, for signals."""
        return subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *arguments],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def headway(line: Settings) -> Headway:
    return Headway(line)


@pytest.fixture(scope="module")
def nobody(line: Settings, headway: Headway) -> str:
    """An agent without instances: its tasks wait until somebody cancels them."""
    agent = {"agent_id": "nobody", "capabilities": [], "keywords": [], "runner": "external", "fallback": False}
    definition = examples("agent_definition", 1)[0] | agent | {"removed": False}
    producer = kafka.producer(line)
    producer.produce("agents.registry", encode("AgentDefinition", definition), b"nobody")
    assert producer.flush(20) == 0

    def known() -> bool:
        """To the router, which refuses tasks for an agent it does not know."""
        task_id = headway("submit", "Wait", "--agent", "nobody").strip()
        until(lambda: state_of(headway, task_id) != "submitted", 10, "the task is routed")
        return state_of(headway, task_id) == "queued" and bool(headway("cancel", task_id))

    until(known, 20, "the router knows the agent")
    return "nobody"


def state_of(headway: Headway, task_id: str) -> str:
    return next(str(task["state"]) for task in headway.json("tasks", "--limit", "1000") if task["task_id"] == task_id)


def names(story: dict[str, Any]) -> list[str]:
    return [event["event"] for event in story["events"]]


def test_a_task_waited_for_prints_its_answer_alone(headway: Headway) -> None:
    said = headway("submit", "Translate good morning", "--id", "cli-answer", "--wait")
    assert "Did the work for “Translate good morning”" in said


def test_a_task_tells_its_whole_story_in_order(headway: Headway) -> None:
    (ended,) = headway.json(
        *["submit", "Review the login module", "--id", "cli-story", "--priority", "2", "--tenant", "acme", "--wait"]
    )
    assert (ended["status"], ended["agent_id"]) == ("completed", "code-reviewer")
    (story,) = headway.json("task", ended["task_id"])
    told = [name for name in names(story) if name != "TaskProgress"]
    assert [n for i, n in enumerate(told) if n not in told[:i]] == [
        "TaskSubmitted",
        "RoutingDecision",
        "TaskAssigned",
        "TaskResult",
        "Evaluation",
        "TaskOutcome",
    ]
    assert "TaskProgress" in names(story)
    assert 0 <= story["to_start_ms"] <= story["to_finish_ms"]
    assert story["events"][0]["topic"] == "tasks.submitted"
    verbose = headway("task", ended["task_id"], "--verbose")
    assert "[tasks.outcomes/" in verbose and "priority 2, tenant acme" in verbose


def test_a_task_with_items_names_its_subtasks(headway: Headway) -> None:
    items = ["--item", "good morning", "--item", "good night"]
    (ended,) = headway.json("submit", "Translate each", "--id", "cli-items", *items, "--wait")
    assert [item["status"] for item in ended["items"]] == ["completed", "completed"]
    (story,) = headway.json("task", ended["task_id"])
    assert story["children"] == [
        {"task_id": f"{ended['task_id']}.{index}", "status": "completed"} for index in range(2)
    ]


def test_a_task_that_cannot_complete_ends_the_wait_with_1(headway: Headway) -> None:
    (expired,) = headway.json("submit", "Send it", "--deadline", "2020-01-01T00:00:00Z", "--wait", code=1)
    assert expired["status"] == "expired"
    (failed,) = headway.json("submit", "Paint it", "--agent", "house-painter", "--wait", code=1)
    assert failed["status"] == "failed" and "house-painter" in failed["error"]


def test_a_file_is_sent_whole_or_not_at_all(headway: Headway, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    texts = [{"text": f"Summarise page {i}", "session_id": f"file-{tmp_path.name}"} for i in range(20)]
    path.write_text("\n".join(map(json.dumps, texts)) + '\n{"text": ""}\n')
    assert "line 21" in headway("submit", "--file", str(path), code=2)
    assert headway.json("tasks", "--session", f"file-{tmp_path.name}") == []
    path.write_text("\n".join(map(json.dumps, texts)))
    ids = [task["task_id"] for task in headway.json("submit", "--file", str(path))]
    assert len(set(ids)) == 20

    def listed() -> bool:
        shown = headway.json("tasks", "--session", f"file-{tmp_path.name}")
        assert {task["task_id"] for task in shown} == set(ids)
        return all(task["finished_at"] for task in shown)

    until(listed, 30, "all tasks of the file ended")


def test_stdin_is_a_file_too_and_many_are_waited_for(headway: Headway) -> None:
    lines = "\n".join(json.dumps({"text": f"Translate word {i}", "task_id": f"cli-word-{i}"}) for i in range(30))
    ended = headway.json("submit", "-", "--wait", stdin=lines)
    assert {task["task_id"]: task["status"] for task in ended} == {f"cli-word-{i}": "completed" for i in range(30)}


def test_a_file_larger_than_the_queues_is_held_back_and_not_refused(headway: Headway, line: Settings) -> None:
    count = line.queue_max + 500
    lines = "\n".join(json.dumps({"text": f"Translate word {i}", "tenant_id": "bulk"}) for i in range(count))
    ended = headway.json("submit", "-", "--wait", "--no-resubmit", stdin=lines, code=ANY)
    assert len(ended) == count
    assert {task["status"] for task in ended} <= {"completed", "failed"}


def test_the_same_id_twice_is_the_same_task(headway: Headway) -> None:
    for _ in range(2):  # the second finds the outcome of the first
        (ended,) = headway.json("submit", "Translate good night", "--id", "cli-twice", "--wait")
        assert (ended["task_id"], ended["status"]) == ("cli-twice", "completed")
    (story,) = headway.json("task", "cli-twice")
    assert names(story).count("TaskOutcome") == 1


def test_cancelling_says_what_came_of_it(headway: Headway, nobody: str) -> None:
    task_id = headway("submit", "Wait", "--agent", nobody).strip()
    (first,) = headway.json("cancel", task_id, "--reason", "wrong branch")
    assert first == {"task_id": task_id, "status": "cancelled", "already": False}
    assert headway.json("cancel", task_id)[0]["already"] is True
    assert "wrong branch" in headway("task", task_id)
    headway("submit", "Translate yes", "--id", "cli-done", "--wait")
    assert "was completed already" in headway("cancel", "cli-done", code=1)
    assert "was ever handed in" in headway("cancel", "never-heard-of", code=1)


def test_ctrl_c_stops_the_waiting_not_the_task(headway: Headway, nobody: str) -> None:
    waiting = headway.start("submit", "Wait", "--agent", nobody, "--id", "cli-interrupted", "--wait")
    until(lambda: "cli-interrupted" in headway("tasks", "--state", "queued"), 20, "the task is open")
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 130
    assert "1 of 1 tasks go on" in said and "Traceback" not in said
    assert state_of(headway, "cli-interrupted") == "queued"
    headway("cancel", "cli-interrupted")


def test_the_wait_has_a_limit_of_its_own(headway: Headway, nobody: str) -> None:
    wait = ["--wait", "--timeout-wait", "100ms"]
    (left,) = headway.json("submit", "Wait", "--agent", nobody, *wait, code=1)
    assert left["status"] == "open"
    headway("cancel", left["task_id"])


def test_a_proof_that_waited_in_vain_says_so(headway: Headway, nobody: str) -> None:
    task_id = headway("submit", "Wait", "--agent", nobody).strip()
    (verdict,) = headway.json("verify", "--wait", "1s", code=1)
    assert (verdict["open"], verdict["lost"]) == (1, 0)
    headway("cancel", task_id)


def test_a_part_of_an_id_names_its_task(headway: Headway) -> None:
    task_id = headway("submit", "Translate part").strip()
    (ended,) = headway.json("task", task_id[-12:], "--follow")
    assert (ended["task_id"], ended["status"]) == (task_id, "completed")
    assert headway.json("task", task_id[:-2])[0]["task_id"] == task_id
    assert headway.json("cancel", task_id[-12:], code=1)[0]["task_id"] == task_id


def test_an_id_used_before_tells_whose_text_counts_and_keeps_to_its_session(headway: Headway) -> None:
    headway("submit", "Translate one", "--id", "cli-again", "--wait")
    again = headway.start("submit", "Translate two", "--id", "cli-again", "--wait")
    answer, said = again.communicate(timeout=20)
    assert "handed in before with another text" in said and "Translate one" in answer
    assert "in session cli-again" in headway("submit", "x", "--id", "cli-again", "--session", "other", code=2)


def test_a_task_for_an_agent_that_is_gone_says_so_until_the_agent_is_taken_out(headway: Headway, nobody: str) -> None:
    waiting = headway.start("submit", "Wait", "--agent", nobody, "--wait", "--timeout-wait", "8s")
    answer, said = waiting.communicate(timeout=30)
    assert (waiting.returncode, f"waits: no instance of {nobody} is alive" in said) == (1, True)
    task_id = answer.strip()
    assert f"no instance of {nobody} is alive" in headway("task", task_id)
    headway("cancel", task_id)
    assert "runner        external" in headway("agents", "show", nobody)
    assert "is defined by a file" in headway("agents", "remove", "code-writer", code=1)
    assert headway("agents", "publish") == "Nothing has changed.\n"


def test_who_waits_waits_for_a_broker_that_is_restarted(headway: Headway, line: Settings) -> None:
    def broker() -> int:
        return next(int(row["pid"] or 0) for row in stack.status(line)["processes"] if row["name"] == "kafka")

    for words in (["verify", "--wait", "60s"], ["submit", "Translate on", "--id", "cli-through", "--wait"]):
        os.kill(broker(), signal.SIGKILL)
        until(lambda: stack.status(line)["state"] == "recovering", 5, "the broker is missed")
        headway(*words)


def test_a_dead_letter_is_shown_and_redriven_once(headway: Headway) -> None:
    hopeless = ["submit", "Run the tests", "--agent", "test-runner", "--timeout", "1ms", "--retries", "0", "--wait"]
    (dead,) = headway.json(*hopeless, code=1)
    assert dead["status"] == "dead_lettered"
    assert dead["task_id"] in headway("dlq", "list")
    (letter,) = headway.json("dlq", "show", dead["task_id"])
    assert letter["task"]["text"] == "Run the tests"
    (first,) = headway.json("dlq", "redrive", dead["task_id"])
    (second,) = headway.json("dlq", "redrive", dead["task_id"][-12:])
    assert "was handed in again at" in headway("dlq", "redrive", dead["task_id"])
    assert headway.json("dlq", "show", dead["task_id"])[0]["redriven_at"]
    assert first == second == {"task_id": letter["redrive_id"], "redrive_of": dead["task_id"]}

    def outcomes() -> int:
        return names(headway.json("task", first["task_id"])[0]).count("TaskOutcome")

    until(outcomes, 20, "the redriven task ended")
    assert headway.json("verify", "--wait", "30s")[0]["duplicates"] == 0


def test_bytes_that_make_no_sense_are_set_aside_and_cannot_be_redriven(headway: Headway, line: Settings) -> None:
    producer = kafka.producer(line)
    producer.produce("tasks.submitted", value=b"{not avro", key=b"k")
    assert producer.flush(20) == 0

    def letters() -> Sequence[dict[str, Any]]:
        return [letter for letter in headway.json("dlq", "list") if letter["payload"] == b"{not avro".hex()]

    letter = until(letters, 20, "the message is in dead.letters")[0]
    assert "correct them at their producer" in headway("dlq", "redrive", letter["event_id"], code=1)
    assert letter["payload"] in headway("dlq", "show", letter["event_id"])


def test_the_proof_holds_for_all_that_these_tests_did(headway: Headway) -> None:
    (verdict,) = headway.json("verify", "--wait", "60s")
    assert (verdict["open"], verdict["lost"], verdict["duplicates"]) == (0, 0, 0)
    assert verdict["accepted"] == verdict["terminal"] == sum(verdict["by_status"].values())
    assert "0 lost, 0 duplicated outcomes" in headway("verify")


def test_a_skill_is_added_changed_and_removed_by_its_file(headway: Headway, tmp_path: Path) -> None:
    file = tmp_path / "contract_check.md"
    file.write_text("---\ndescription: Checking contracts.\ncost_weight: much\n---\n")
    refused = headway("skills", "add", "contract_check", "--file", str(file), code=2)
    assert f"{file}, line 3: `cost_weight` is 'much'; accepted: a number from 0 to 1." in refused
    text = "---\ndescription: Checking contracts.\npreferred: [claude-opus-5-5, claude-haiku-5-5]\n---\n"
    (made,) = headway.json("skills", "add", "contract_check", "--file", "-", stdin=text)
    assert (made["skill"], made["cost_weight"]) == ("contract_check", 0.3)
    assert "already" in headway("skills", "add", "contract_check", "--file", "-", stdin=text, code=2)
    dearer = text.replace("preferred", "cost_weight: 1\npreferred")
    headway("skills", "edit", "contract_check", "--file", "-", stdin=dearer)
    (shown,) = headway.json("skills", "show", "contract_check")
    assert (shown["model"], shown["agents"]) == ("claude-haiku-5-5", [])
    assert {"code_review", "contract_check"} <= {row["skill"] for row in headway.json("skills", "list")}
    assert headway("skills", "remove", "contract_check") == "contract_check is taken out.\n"
    assert "There is no skill contract_check" in headway("skills", "show", "contract_check", code=1)
    assert "is defined by a file" in headway("skills", "remove", "code_review", code=1)


def test_an_agent_of_a_user_is_found_by_meaning_and_follows_its_file(headway: Headway, line: Settings) -> None:
    text = "---\ndescription: Reads agreements between companies and warns of risks.\n---\nYou read.\n"
    headway("agents", "add", "counsel", "--user", "ann", "--file", "-", stdin=text)
    assert "A user's id is" in headway("agents", "add", "x", "--user", "..", "--file", "-", stdin=text, code=2)
    (best, *_) = headway.json("agents", "find", "contract between two companies")
    assert (best["agent_id"], best["fit"] > 0) == ("counsel", True)
    file = line.state / "agents" / "user" / "ann" / "counsel.md"
    file.write_text(text.replace("---\nYou", "instances: 0\n---\nYou"))
    until(lambda: headway.json("agents", "show", "counsel")[0]["instances"] == 0, 15, "the file is taken over")
    file.write_text("nonsense")
    assert f"{file}:1: the file begins with" in CliRunner().invoke(command, ["skills"], env=headway.env).stderr
    file.write_text(text)
    assert headway("agents", "remove", "counsel") == "counsel is taken out.\n"
    assert not file.exists()


def test_agents_and_topics_show_the_line_at_work(headway: Headway) -> None:
    agents = until(
        lambda: [a for a in headway.json("agents") if a["instances_live"] == a["instances"]], 20, "instances are live"
    )
    assert {"code-writer", "code-reviewer"} <= {agent["agent_id"] for agent in agents}
    topics = {topic["topic"]: topic for topic in headway.json("topics")}
    assert topics["tasks.submitted"]["end_offsets"] > 0
    assert set(topics["routing.decisions"]["behind"]) == {"dispatcher"}
    assert "tasks.outcomes" in headway("topics")


def test_an_outside_agent_that_is_gone_can_be_taken_out(headway: Headway, nobody: str) -> None:
    assert headway("agents", "remove", nobody) == f"{nobody} is taken out.\n"
    assert nobody not in {agent["agent_id"] for agent in headway.json("agents")}
    assert "There is no agent nobody." in headway("agents", "remove", nobody, code=1)


def test_status_is_for_scripts_too(headway: Headway) -> None:
    (status,) = headway.json("status")
    assert status["state"] == "ready"
    assert {process["state"] for process in status["processes"]} == {"ready"}
    assert "runs already" in headway("up", "--detach", code=1)


def test_the_demo_starts_reports_and_stops_what_it_started(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    headway = Headway(settings)
    report = headway("demo", "--once")
    assert "66 tasks: " in report and "1 expired" in report
    assert "0 open, 0 lost, 0 duplicated outcomes" in report
    for agent in ("code-writer", "test-runner", "code-reviewer", "doc-writer", "quick-helper"):
        assert agent in report
    assert stack.status(settings)["state"] == "stopped"


def test_the_demo_interrupted_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    demo = Headway(settings).start("demo")
    until(lambda: stack.status(settings)["state"] == "starting", 20, "the line starts")
    demo.send_signal(signal.SIGINT)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "Traceback" not in said
    assert stack.status(settings)["state"] == "stopped"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_the_demo_stays_until_it_is_told_to_go_and_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    settings = settings_in(tmp_path)
    demo = Headway(settings).start("demo")
    assert demo.stdout is not None
    for said in demo.stdout:
        if "stays up until Ctrl-C" in said:
            break
    assert stack.status(settings)["state"] == "ready"
    demo.send_signal(number)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == code, said
    assert "Traceback" not in said
    assert stack.status(settings)["state"] == "stopped"
