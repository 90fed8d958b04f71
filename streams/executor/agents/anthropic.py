"""The agent that asks a model of the Anthropic API: one durable step, streamed, within the budget of all hosts."""

import time
from typing import Any, NamedTuple

import anthropic

from infra import metrics
from infra.budget import Budget, Busy, CapReached, Reservation, StoreDown
from infra.settings import Settings
from processors.conversation import alternating
from processors.pricing import cost_usd_micros, tokens_in_at_most, with_own
from streams.executor.work import Answer, Permanent, Retryable, Work

_SILENCE_S = 60.0
"""Longest silence of the API within a call."""
_WAIT_S = 60.0
"""How long an attempt waits in all for rates and pauses before it gives its slot back."""
_STORE_RETRY_MS = 5_000

_REMEDIES = {
    400: "change the task, or the agent's prompt or max_tokens",
    401: "set ANTHROPIC_API_KEY to a valid key",
    402: "the account of ANTHROPIC_API_KEY needs credit",
    403: "use a key that may use this model, or another model",
    404: "correct the model of the task or the agent, or HEADWAY_MODEL_DEFAULT",
    413: "shorten the task",
    422: "change the task, or the agent's prompt or max_tokens",
}


class _Call(NamedTuple):
    """One request and the most it can cost."""

    request: dict[str, Any]
    model: str
    at_most: Answer


class Anthropic:
    def __init__(self, settings: Settings) -> None:
        if not settings.anthropic_api_key:
            raise Permanent("no key for the Anthropic API: set ANTHROPIC_API_KEY, or the agent's runner to simulated")
        self._prices = with_own(settings.model_prices)
        self._budget = Budget(settings)
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key,
            base_url=settings.anthropic_base_url or None,
            max_retries=0,  # every call must pass the budget, so the client may not repeat one by itself
            timeout=_SILENCE_S,
        )

    async def run(self, work: Work) -> Answer:
        return await work.step("answer", lambda: self._answer(work))

    async def _answer(self, work: Work) -> Answer:
        call = self._call(work)
        until = time.monotonic() + _WAIT_S
        while True:
            reservation = await self._reserve(call, until - time.monotonic())
            try:
                message = await self._stream(call, work)
            except BaseException as error:  # a cancelled call may have cost something too
                bill = call.at_most if _may_cost(error) else Answer("")
                await self._settle(reservation, bill)
                work.spending.add(bill)
                if not isinstance(error, Exception):
                    raise
                await self._pause_or_give_up(call.model, error)
                continue
            answer = self._answer_of(call.model, message)
            await self._settle(reservation, answer)
            await self._budget.answered(call.model)
            if message.stop_reason == "refusal":
                work.spending.add(answer)
                raise Permanent("the model declined this task: word it otherwise, or choose another model")
            return answer

    def _call(self, work: Work) -> _Call:
        definition, feedback = work.definition, work.assigned["feedback"]
        model = work.model
        tokens_out = definition["max_tokens"] if definition["max_tokens"] > 0 else work.settings.max_tokens
        text = work.task["text"]
        if feedback:
            text += f"\n\nYour last answer was not good enough: {feedback}\nAnswer again, and mend this."
        said = alternating(work.task["conversation"], text)
        messages = [{"role": role, "content": part} for role, part in said]
        request = {"model": model, "max_tokens": tokens_out, "messages": messages}
        prompt = "\n\n".join(part for part in (definition["prompt"], work.settings.prompt_extra) if part)
        if prompt:
            request["system"] = prompt
        tokens_in = tokens_in_at_most(prompt, *(part for _, part in said))
        cost = cost_usd_micros(model, tokens_in, tokens_out, self._prices)
        return _Call(request, model, Answer("", model, tokens_in, tokens_out, cost))

    # -- the budget -------------------------------------------------------------------------------------------------

    async def _reserve(self, call: _Call, wait_s: float) -> Reservation:
        most = call.at_most
        try:
            return await self._budget.reserve(
                call.model, most.cost_usd_micros, most.tokens_in + most.tokens_out, wait_s
            )
        except CapReached as error:
            raise Permanent(str(error)) from error
        except Busy as error:
            raise Retryable(str(error), error.retry_after_ms) from error
        except StoreDown as error:
            raise _store_down(error) from error

    async def _settle(self, reservation: Reservation, bill: Answer) -> None:
        await self._budget.settle(reservation, bill.cost_usd_micros, bill.tokens_in + bill.tokens_out)
        if bill.model:
            label = self._label(bill.model)
            metrics.MODEL_TOKENS.labels(label, "input").inc(bill.tokens_in)
            metrics.MODEL_TOKENS.labels(label, "output").inc(bill.tokens_out)
            metrics.MODEL_COST.labels(label).inc(bill.cost_usd_micros / 1e6)

    async def _pause_or_give_up(self, model: str, error: Exception) -> None:
        """Returns when the call may be made again once the pause is over: it was refused before it cost anything."""
        status = error.status_code if isinstance(error, anthropic.APIStatusError) else 0
        if status in _REMEDIES:
            raise Permanent(f"the Anthropic API refused ({status}): {_words(error)}; {_REMEDIES[status]}") from error
        if status or not _may_cost(error):
            try:
                await self._budget.pause(model, _retry_after_s(error))
            except StoreDown as down:
                raise _store_down(down) from error
        if _may_cost(error):
            raise Retryable(f"the model's answer broke off: {_words(error)}") from error

    # -- the API ----------------------------------------------------------------------------------------------------

    async def _stream(self, call: _Call, work: Work) -> Any:
        """The whole message; its text is told as it comes."""
        started = time.monotonic()
        outcome = "broken"
        try:
            async with self._client.messages.stream(**call.request) as stream:
                async for event in stream:
                    if event.type == "text":
                        await work.text(event.text)
                message = await stream.get_final_message()
            if message.stop_reason is None:
                raise ConnectionError("it ended before its end")
            outcome = "200"
            return message
        except anthropic.APIStatusError as error:
            outcome = str(error.status_code)
            raise
        finally:
            metrics.MODEL_REQUESTS.labels(self._label(call.model), outcome).inc()
            metrics.MODEL_REQUEST.labels(self._label(call.model)).observe(time.monotonic() - started)

    def _answer_of(self, model: str, message: Any) -> Answer:
        usage = message.usage
        # Reading and writing the API's cache is priced like plain input; we do not ask for it.
        tokens_in = usage.input_tokens + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
        text = "".join(block.text for block in message.content if block.type == "text")
        cost = cost_usd_micros(model, tokens_in, usage.output_tokens, self._prices)
        return Answer(text, model, tokens_in, usage.output_tokens, cost)

    def _label(self, model: str) -> str:
        """The model for a metric; anybody may name any model in a task, so unknown ones are one."""
        return model if model in self._prices else "other"


def _may_cost(error: BaseException) -> bool:
    """Whether the API may have begun to answer. An HTTP error is told before that; so is a failed connect."""
    if isinstance(error, anthropic.APIStatusError):
        return error.status_code < 400  # an error within the stream carries the stream's 200
    if isinstance(error, anthropic.APIConnectionError):
        return "Connect" not in type(error.__cause__).__name__
    return True


def _retry_after_s(error: Exception) -> float | None:
    if not isinstance(error, anthropic.APIStatusError):
        return None
    try:
        return min(float(error.response.headers["retry-after"]), 3600.0)
    except (KeyError, ValueError):
        return None


def _words(error: Exception) -> str:
    text = getattr(error, "api_message", None) or str(error) or type(error).__name__
    return text[:500]


def _store_down(error: StoreDown) -> Retryable:
    return Retryable(f"{error}; no model is called without it", _STORE_RETRY_MS)
