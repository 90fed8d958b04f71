"""Hosts that buy from a model, on a real broker and Redis: what is paid, what is not paid twice, what is refused.

The real client of the API runs here, against a local server in the API's place.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from infra.settings import Settings
from infra.stack import redis_server
from tests.support.executor import Dispatch, host_settings, hosts_at_work, running_host
from tests.support.messages_api import NAMED, Behaviour, MessagesApi
from tests.support.running import running_part
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def dispatch(broker: Settings) -> Iterator[Dispatch]:
    playing = Dispatch(broker)
    yield playing
    playing.close()


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with MessagesApi().serving() as serving:
        yield serving


@pytest.fixture
def with_model(broker: Settings, tmp_path: Path, api: MessagesApi) -> Iterator[Settings]:
    """A Redis of our own, empty, and the local server in place of Anthropic's."""
    settings = host_settings(broker, tmp_path)
    with running_part(redis_server.prepare(settings), settings.state / "redis.log"):
        yield dataclasses.replace(settings, anthropic_api_key="test-key", anthropic_base_url=api.url)


def test_a_model_answers(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    dispatch.agent("asks", runner="anthropic", prompt="You are brief.", model="claude-haiku-4-5")
    with running_host(with_model):
        dispatch.await_instances("asks")
        dispatch.run("asks-1", "asks", task={"text": "Name a queue"}, feedback="too long")
        done = dispatch.await_result("asks-1")
    (request,) = api.requests
    assert request["system"] == "You are brief."
    assert (request["model"], request["max_tokens"]) == ("claude-haiku-4-5", 50)
    assert "Name a queue" in request["messages"][0]["content"] and "too long" in request["messages"][0]["content"]
    (step,) = dispatch.results("asks-1", "step")
    assert (step["tokens_in"], step["tokens_out"], step["cost_usd_micros"]) == (20, 30, 170)
    assert step["steps"][0]["output"] == done["output"]
    assert done["kind"] == "completed" and done["cost_usd_micros"] == 0  # told with the step already

    def streamed() -> str:
        dispatch.hear()
        return "".join(p["message"] for p in dispatch.progress("asks-1") if p["kind"] == "text")

    until(lambda: streamed() == done["output"], 10, "all that was streamed has come")


def test_a_model_costs_what_the_settings_say(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    dispatch.agent("priced", runner="anthropic", model="mine")
    with running_host(dataclasses.replace(with_model, model_prices={"mine": (2.0, 10.0)})):
        dispatch.await_instances("priced")
        dispatch.run("priced-1", "priced")
        assert dispatch.await_result("priced-1", "step")["cost_usd_micros"] == 20 * 2 + 30 * 10


def test_a_step_is_not_bought_twice_by_a_crash(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    dispatch.agent("pays", runner="anthropic")
    with running_host(with_model) as first:
        dispatch.await_instances("pays")
        dispatch.run("pays-1", "pays")
        step = dispatch.await_result("pays-1", "step")
        first.kill()
    with running_host(with_model):
        dispatch.await_instances("pays")
        dispatch.run("pays-1", "pays", attempt=2, steps=step["steps"])
        until(lambda: dispatch.hear() or [r for r in dispatch.results("pays-1", "completed") if r["attempt"] == 2])
    assert len(api.requests) == 1
    again = dispatch.results("pays-1", "completed")[-1]
    assert again["output"] == step["steps"][0]["output"]
    assert again["cost_usd_micros"] == 0


def test_the_cap_refuses_before_the_call(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    """Also after Redis has been emptied: the day's spending is summed from the topic."""
    poor = dataclasses.replace(with_model, cost_cap_usd=0.0)
    dispatch.agent("poor", runner="anthropic")
    with running_host(poor):
        dispatch.await_instances("poor")
        dispatch.run("poor-1", "poor")
        refused = dispatch.await_result("poor-1")
    assert (refused["kind"], refused["retryable"]) == ("failed", False)
    assert refused["error"].startswith("cost cap of $0 a day reached: raise HEADWAY_COST_CAP_USD")
    assert api.requests == []


def test_spending_survives_the_loss_of_redis(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    store = redis.Redis.from_url(with_model.redis)
    dispatch.agent("spends", runner="anthropic")
    with running_host(with_model):
        dispatch.await_instances("spends")
        dispatch.run("spends-1", "spends")
        dispatch.await_result("spends-1")
        (key,) = [k for k in store.keys("*") if b"spent" in k]
        before = int(store.get(key))
        store.flushall()
        dispatch.run("spends-2", "spends")
        dispatch.await_result("spends-2")
        assert int(store.get(key)) == before + 170
    assert before >= 170


def test_429_holds_every_host(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    dispatch.agent("held", runner="anthropic", instances=8)
    api.script.append(Behaviour(status=429, retry_after_s=2.0))
    with running_host(with_model), running_host(with_model, 1):
        dispatch.await_instances("held", 8)
        until(lambda: dispatch.hear() or hosts_at_work(dispatch, "held", 8) == 2, 20, "both hosts at work")
        dispatch.run("held-first", "held")
        until(lambda: api.requests, what="the first call")
        until(lambda: redis.Redis.from_url(with_model.redis).keys("*pause*"), what="the pause")
        for n in range(8):
            dispatch.run(f"held-{n}", "held", instance=n)
        for n in range(8):
            assert dispatch.await_result(f"held-{n}")["kind"] == "completed"
        assert dispatch.await_result("held-first", "completed")
    assert min(api.times[1:]) - api.times[0] >= 1.9
    assert len({r["host_id"] for r in dispatch.heard["tasks.results"] if r["task_id"].startswith("held-")}) == 2


def test_trouble_of_the_api_is_told_with_its_remedy(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    expected = {
        "401": (False, "set ANTHROPIC_API_KEY to a valid key"),
        "404": (False, "correct the model"),
        "garbage": (True, "broke off"),
        "cut": (True, "broke off"),
        "overloaded": (True, "scripted overload"),
    }
    dispatch.agent("trouble", runner="anthropic")
    with running_host(with_model):
        dispatch.await_instances("trouble")
        for name, (retryable, words) in expected.items():
            api.script.append(NAMED[name])
            dispatch.run(f"trouble-{name}", "trouble")
            result = dispatch.await_result(f"trouble-{name}")
            assert (result["kind"], result["retryable"]) == ("failed", retryable), result
            assert words in result["error"]
            # A stream that broke may have been paid for, so its worst case is counted; a refusal costs nothing.
            assert (result["cost_usd_micros"] > 0) == retryable


def test_overload_before_the_answer_is_waited_out(with_model: Settings, dispatch: Dispatch, api: MessagesApi) -> None:
    dispatch.agent("patient", runner="anthropic")
    api.script.extend([NAMED["529"], NAMED["500"]])
    with running_host(with_model):
        dispatch.await_instances("patient")
        dispatch.run("patient-1", "patient")
        assert dispatch.await_result("patient-1")["kind"] == "completed"
    assert len(api.requests) == 3


def test_without_redis_no_model_is_called(
    broker: Settings, tmp_path: Path, dispatch: Dispatch, api: MessagesApi
) -> None:
    settings = host_settings(broker, tmp_path)
    blind = dataclasses.replace(settings, anthropic_api_key="test-key", anthropic_base_url=api.url)
    dispatch.agent("blind", runner="anthropic")
    with running_host(blind):
        dispatch.await_instances("blind")
        dispatch.run("blind-1", "blind")
        result = dispatch.await_result("blind-1", timeout_s=30)
    assert (result["kind"], result["retryable"]) == ("failed", True)
    assert "no model is called without it" in result["error"]
    assert api.requests == []
