"""What an agent is given to do its work, and the two ways it may fail. The whole interface between host and agents."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from infra.settings import Settings
from schemas.events import AgentDefinition, ProgressKind, Step, TaskAssigned, TaskSubmitted
from streams.executor.clock import now_us

_TELL_EVERY_S = 0.1
"""At most ten pieces of streamed output a second: more than a person reads, little for the line."""


class Retryable(Exception):
    """This attempt failed, another may not."""

    def __init__(self, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Permanent(Exception):
    """Trying again cannot help; the message says what would."""


@dataclass(frozen=True)
class Answer:
    """What a step or an agent produced. The figures are what it cost; zero where nothing was bought."""

    output: str
    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd_micros: int = 0


class Spending:
    """What has been bought and not yet reported: each report carries what came since the report before it."""

    def __init__(self) -> None:
        self.model: str | None = None
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost_usd_micros = 0

    def add(self, answer: Answer) -> None:
        self.model = answer.model or self.model
        self.tokens_in += answer.tokens_in
        self.tokens_out += answer.tokens_out
        self.cost_usd_micros += answer.cost_usd_micros

    def collect(self) -> dict[str, int]:
        """The figures, which then start anew."""
        figures = {
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd_micros": self.cost_usd_micros,
        }
        self.tokens_in = self.tokens_out = self.cost_usd_micros = 0
        return figures


class Reporter(Protocol):
    """Where a Work tells what happens; the host writes it to the topics."""

    def tell(self, work: "Work", kind: ProgressKind, fraction: float | None, message: str) -> None: ...

    async def step_finished(self, work: "Work", step: Step) -> None:
        """Returns when the broker has the step."""
        ...


class Agent(Protocol):
    async def run(self, work: "Work") -> Answer:
        """Does the work or raises Retryable or Permanent. Cancellation stops it at its next await."""
        ...


class Work:
    """One attempt, as its agent sees it."""

    def __init__(
        self,
        assigned: TaskAssigned,
        task: TaskSubmitted,
        definition: AgentDefinition,
        settings: Settings,
        reporter: Reporter,
    ) -> None:
        self.assigned = assigned
        self.task = task
        self.definition = definition
        self.settings = settings
        """As this task has them: an experiment may have put other values in place."""
        self.spending = Spending()
        self.reused = 0
        """Steps that an earlier attempt had paid for."""
        self._steps: Mapping[str, Step] = {step["name"]: step for step in assigned["steps"]}
        self._reporter = reporter
        self._pieces: list[str] = []
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def model(self) -> str:
        """Which model is to answer. The router has looked at everything that names one, the task first; what it leaves
        open, or an older one never looked at, is up to the agent's file and then to the line."""
        named = self.task["model"] or self.assigned["model"] or self.definition["model"]
        return named or self.settings.model_default

    async def progress(self, fraction: float | None, message: str) -> None:
        """Tells how far the work is. May be dropped when it comes too often."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._reporter.tell(self, "progress", fraction, message)

    async def text(self, piece: str) -> None:
        """Streams the next piece of the output. Pieces that come fast travel together; none is lost."""
        self._pieces.append(piece)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            due = max(0.0, self._told_at + _TELL_EVERY_S - loop.time())
            self._timer = loop.call_later(due, self._tell_text)

    async def step(self, name: str, produce: Callable[[], Awaitable[Answer]]) -> Answer:
        """Runs a step at most once over all attempts: an attempt after a crash gets the answer that was paid for."""
        finished = self._steps.get(name)
        if finished is not None:
            self.reused += 1
            return Answer(finished["output"], finished["model"])
        answer = await produce()
        self.spending.add(answer)
        step: Step = {
            "name": name,
            "output": answer.output,
            "model": answer.model,
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "cost_usd_micros": answer.cost_usd_micros,
            "finished_at": now_us(),
        }
        await self._reporter.step_finished(self, step)
        return Answer(answer.output, answer.model)

    def close(self) -> None:
        """Tells the text that still waits."""
        if self._timer is not None:
            self._tell_text()

    def _tell_text(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        message, self._pieces = "".join(self._pieces), []
        self._reporter.tell(self, "text", None, message)
