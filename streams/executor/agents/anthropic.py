"""The agent that asks a model of the Anthropic API: one durable step, streamed, within the shared budget."""

import asyncio
import time
from typing import Any

import anthropic

from infra import metrics
from infra.budget import Budget, Busy, CapReached, Reservation, StoreDown
from infra.settings import Settings
from processors.pricing import PRICES, cost_usd_micros, tokens_in_at_most
from streams.executor.work import Answer, Permanent, Retryable, Work

_SILENCE_S = 60.0
"""Longest silence of the API within a call."""
_WAIT_S = 60.0
"""How long an attempt waits in all for rates and pauses before it gives its slot back."""
_STORE_RETRY_MS = 5_000

_REMEDIES = {
    400: "change the task or the agent's prompt and max_tokens",
    401: "set ANTHROPIC_API_KEY to a valid key",
    402: "the account behind ANTHROPIC_API_KEY needs credit",
    403: "use a key that may use this model, or another model",
    404: "correct the model of the task or agent, or HEADWAY_MODEL_DEFAULT",
    413: "shorten the task",
    422: "change the task or the agent's prompt and max_tokens",
}


class Anthropic:
    def __init__(self, settings: Settings) -> None:
        if not settings.anthropic_api_key:
            raise Permanent("no key for the Anthropic API: set ANTHROPIC_API_KEY, or the agent's runner to simulated")
        self._settings = settings
        self._budget = Budget(settings)
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key,
            base_url=settings.anthropic_base_url or None,
            max_retries=0,  # we retry ourselves: every call must pass the budget
            timeout=_SILENCE_S,
        )

    async def run(self, work: Work) -> Answer:
        return await work.step("answer", lambda: self._answer(work))

    async def _answer(self, work: Work) -> Answer:
        call = _Call(self._settings, work)
        until = time.monotonic() + _WAIT_S
        while True:
            reservation = await self._reserve(call, until)
            try:
                answer = await self._ask(call, work)
            except BaseException as error:
                retry_after_s = await self._settle_failure(call, work, reservation, error)
                await self._wait_or_give_up(call, error, retry_after_s, until)
                continue
            await self._budget.settle(reservation, answer.cost_usd_micros, answer.tokens_in + answer.tokens_out)
            return answer

    async def _reserve(self, call: "_Call", until: float) -> Reservation:
        try:
            return await self._budget.reserve(
                call.model, call.cost_at_most, call.tokens_in + call.tokens_out, until - time.monotonic()
            )
        except CapReached as error:
            raise Permanent(str(error)) from error
        except Busy as error:
            raise Retryable(str(error), error.retry_after_ms) from error
        except StoreDown as error:
            raise Retryable(f"{error}; no model is called without it", _STORE_RETRY_MS) from error

    async def _ask(self, call: "_Call", work: Work) -> Answer:
        """One request. `call.sent` says whether it may cost something when it fails."""
        started = time.monotonic()
        async with self._client.messages.stream(**call.request) as stream:
            call.sent = True
            async for event in stream:
                if event.type == "text":
                    await work.text(event.text)
            message = await stream.get_final_message()
        metrics.MODEL_REQUESTS.labels(call.label, "200").inc()
        metrics.MODEL_REQUEST.labels(call.label).observe(time.monotonic() - started)
        if message.stop_reason is None:
            raise ConnectionError("the answer broke off")
        answer = call.priced(message)
        if message.stop_reason == "refusal":
            work.spending.add(answer)
            call.sent = False  # counted already
            raise Permanent("the model declined this task: word it otherwise, or choose another model")
        return answer
