"""The whole line with agents that buy from a model: the real client, a local server in the API's place."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import stack
from infra.settings import Settings
from tests.support.messages_api import MessagesApi
from tests.support.running import running_line, settings_in
from tests.support.tasks import Submitter
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

ITEMS = ["Ann", "Bob", "Cleo", "Dan", "Eve", "Finn"]


@pytest.fixture(scope="module")
def api() -> Iterator[MessagesApi]:
    with MessagesApi().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def line(api: MessagesApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    over = {"anthropic_api_key": "test-key", "anthropic_base_url": api.url, "requests_per_min": 1000}
    settings = settings_in(tmp_path_factory.mktemp("models"), slots_per_instance=1, tokens_per_min=10**7, **over)
    with running_line(settings) as running:
        yield running


@pytest.fixture
def tasks(line: Settings) -> Iterator[Submitter]:
    submitter = Submitter(line)
    yield submitter
    submitter.close()


def asked(api: MessagesApi, word: str) -> Counter[str]:
    """How often each item was asked of the model, in requests that hold the word."""
    texts = [str(r["messages"]) for r in api.requests if word in str(r["messages"])]
    return Counter(name for text in texts for name in ITEMS if f": {name}" in text)


def test_a_task_is_answered_by_the_model_and_its_cost_is_in_the_outcome(tasks, api):
    outcome = tasks.outcome(tasks.submit("hello", text="Say hello to the harbour master"))
    assert outcome["status"] == "completed" and outcome["model"].startswith("claude-")
    assert (outcome["tokens_in"], outcome["tokens_out"]) == (20, 30) and outcome["cost_usd_micros"] > 0
    assert any("harbour master" in str(r["messages"]) for r in api.requests)


def test_items_finished_before_a_crash_are_not_bought_again(tasks, line: Settings, api: MessagesApi, tmp_path: Path):
    """One agent with four slots works at six slow items; its host is killed when some have their outcome."""
    parent = tasks.submit("many", text="Greet crash-proof [[slow]]", items=ITEMS, agent_id="quick-helper")
    children = [f"{parent}.{index}" for index in range(len(ITEMS))]

    def ended() -> list[str]:
        return [o["task_id"] for o in tasks.of("tasks.outcomes") if o["task_id"] in children]

    until(ended, 60, "first items ended")
    finished = {ITEMS[int(task_id.rsplit(".", 1)[1])] for task_id in ended()}
    pid = next(row["pid"] for row in stack.status(line)["processes"] if row["name"] == "executor-0")
    os.kill(pid, signal.SIGKILL)
    outcome = tasks.outcome(parent, 90)
    assert outcome["status"] == "completed" and len(outcome["items"]) == len(ITEMS)
    counts = asked(api, "crash-proof")
    assert set(counts) == set(ITEMS)
    assert all(counts[name] == 1 for name in finished), (counts, finished)
    assert max(counts.values()) <= 2  # what was being bought at the kill is bought again, and only that
    assert outcome["cost_usd_micros"] == sum(item["cost_usd_micros"] for item in outcome["items"])
