"""The attempts a host has in hand: takes what is assigned, runs or refuses it, stops it, reports its end.

An assignment may come twice (after a move of its partition or a crash): one in hand is not started again, and one that
an owner before us had read is told as lost, for nobody can know how far it came.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from confluent_kafka import Message

from infra import log, metrics
from infra.per_task import PerTask
from infra.settings import Settings
from processors.dead_letters import dead_letter
from processors.placing import zone_of
from processors.watermark import Watermark
from schemas.codec import BadMessage, decode_as
from schemas.events import ProgressKind, Step, TaskAssigned, TaskSubmitted
from schemas.trace import headers
from streams.executor.agents import Agents
from streams.executor.attempt import Attempt
from streams.executor.clock import now_us
from streams.executor.intake import TOPIC, Start
from streams.executor.outbox import Outbox
from streams.executor.registry import Registry
from streams.executor.reports import End, Identity, cut, progress, result
from streams.executor.work import Permanent, Retryable, Work

Key = tuple[str, int]
"""Task id and attempt: the name of a run."""

_FIND_S = 5.0
"""How long work for an agent we never heard of waits for its definition."""

LOST = {
    "crash": "the host stopped before this attempt was finished",
    "stale": "the assignment waited for a host longer than its lease",
    "drain": "the host was told to stop and could not finish in time",
}


class Attempts:
    """A Desk for the intake and a Reporter for the agents. Lives in one event loop."""

    def __init__(
        self,
        settings: Settings,
        host: Identity,
        outbox: Outbox,
        registry: Registry,
        agents: Agents,
        on_move: Callable[[dict[int, int]], None],
    ) -> None:
        self.in_hand: dict[Key, Attempt] = {}
        """Every run that was taken and whose end the broker does not have yet."""
        self.settled = 0
        """Records that need no more, ever counted."""
        self.watermarks: dict[int, Watermark] = {}
        """By partition that is ours."""
        self.draining = False
        self._starts: dict[int, Start] = {}
        self._running = 0
        self._waiting: deque[Attempt] = deque()
        """Taken and not started, for the host is full."""
        self._settings = settings
        self._per_task = PerTask(settings, lambda own: own)
        self._host = host
        self._outbox = outbox
        self._registry = registry
        self._agents = agents
        self._on_move = on_move
        self._loop = asyncio.get_running_loop()
        self._read = metrics.EVENTS_READ.labels(TOPIC)
        self._log = log.bind(topic=TOPIC)

    # -- what comes in ----------------------------------------------------------------------------------------------

    def assigned(self, starts: dict[int, Start]) -> None:
        self._starts |= starts
        self.watermarks |= {p: self._watermark(p, start.position) for p, start in starts.items()}
        self._on_move({})

    def revoked(self, positions: dict[int, int]) -> None:
        """Work in hand goes on; only its offsets are no longer ours to commit."""
        for partition in positions:
            self._starts.pop(partition, None)
            self.watermarks.pop(partition, None)
        self._on_move(positions)

    def take(self, messages: list[Message]) -> None:
        self._read.inc(len(messages))
        for message in messages:
            partition, offset = message.partition(), message.offset()
            watermark = self.watermarks.get(partition)
            if watermark is not None:
                watermark.take(offset)
            try:
                assigned: TaskAssigned = decode_as("TaskAssigned", message.value())
                self._take(assigned, partition, offset)
            except BadMessage as error:
                self._set_aside(message, str(error))
            except Exception as error:  # one record must never stop the others
                self._log.exception("cannot be handled", partition=partition, offset=offset)
                self._set_aside(message, f"{type(error).__name__}: {error}")

    def cancel(self, assigned: TaskAssigned) -> None:
        """Stops a run that is in hand; another is no matter."""
        attempt = self.in_hand.get((assigned["task_id"], assigned["attempt"]))
        if attempt is not None:
            self._halt(attempt, End("cancelled", error=assigned["reason"] or "cancelled"))

    def cancel_rest(self) -> None:
        """Ends what is still in hand at the end of a drain."""
        for attempt in list(self.in_hand.values()):
            self._halt(attempt, End("lost", error=LOST["drain"], retryable=True))

    def _take(self, assigned: TaskAssigned, partition: int, offset: int) -> None:
        attempt = self.in_hand.get((assigned["task_id"], assigned["attempt"]))
        if assigned["kind"] == "cancel":
            self.cancel(assigned)
            self._settle(partition, offset)
        elif assigned["kind"] != "run":
            raise BadMessage(f"kind {assigned['kind']!r} is not known to this host: update it")
        elif attempt is not None:
            metrics.REPEATS.labels(TOPIC).inc()
            self._take_again(attempt, partition, offset)
        else:
            self._take_run(assigned, partition, offset)

    def _take_again(self, attempt: Attempt, partition: int, offset: int) -> None:
        """The partition came back to us: what is in hand holds its watermark again. Else it is a plain repeat."""
        if attempt.partition == partition and attempt.offset == offset:
            self.settled += 1
        else:
            self._settle(partition, offset)

    def _take_run(self, assigned: TaskAssigned, partition: int, offset: int) -> None:
        definition = self._registry.definitions.get(assigned["agent_id"])
        elsewhere = zone_of(assigned["instance_id"]) != self._host.zone
        if elsewhere or (definition is not None and definition["runner"] == "external"):
            self._settle(partition, offset)
            return
        attempt = Attempt(assigned, partition, offset)
        self.in_hand[(assigned["task_id"], assigned["attempt"])] = attempt
        refusal = self._refusal(assigned, partition, offset)
        if refusal is not None:
            self._finish(attempt, refusal, None)
        elif self._running < self._settings.in_hand_max:
            self._start(attempt)
        else:
            self._waiting.append(attempt)

    def _refusal(self, assigned: TaskAssigned, partition: int, offset: int) -> End | None:
        """Why the attempt must not start here, if so."""
        start = self._starts.get(partition)
        if start is not None and offset < start.end:
            if not start.closed:
                return End("lost", error=LOST["crash"], retryable=True)
            # Nobody has started it, but without a heartbeat its lease is over: it runs elsewhere by now.
            if now_us() - assigned["assigned_at"] > self._settings.lease_s * 1e6:
                return End("lost", error=LOST["stale"], retryable=True)
        if self.draining:
            return End("lost", error=LOST["drain"], retryable=True)
        return None

    def _set_aside(self, message: Message, reason: str) -> None:
        metrics.BAD_MESSAGES.labels(TOPIC).inc()
        partition, offset = message.partition(), message.offset()
        key = message.key()
        letter = dead_letter("executor", TOPIC, partition, offset, key, message.value(), reason, now_us())
        self._log.warning("bad message set aside", partition=partition, offset=offset, reason=reason)
        self._outbox.send(
            "dead.letters", letter["event_id"], "DeadLetter", letter, None, lambda: self._settle(partition, offset)
        )

    # -- one run ----------------------------------------------------------------------------------------------------

    def _start(self, attempt: Attempt) -> None:
        self._running += 1
        attempt.task = self._loop.create_task(self._run(attempt))

    def _halt(self, attempt: Attempt, end: End) -> None:
        """Stops a run for good; the first reason counts."""
        if attempt.ended or attempt.stop is not None:
            return
        attempt.stop = end
        if attempt.task is None:  # it waits for room, so nobody else ends it
            self._waiting.remove(attempt)
            self._finish(attempt, end, None)
        elif attempt.begun:
            attempt.task.cancel()

    async def _run(self, attempt: Attempt) -> None:
        end, work = await self._outcome(attempt)
        self._running -= 1
        while self._waiting and self._running < self._settings.in_hand_max:
            self._start(self._waiting.popleft())
        self._finish(attempt, end, work)

    async def _outcome(self, attempt: Attempt) -> tuple[End, Work | None]:
        """Runs the agent; never raises."""
        attempt.begun = True
        early = attempt.stop or attempt.too_late()
        if early is not None:
            return early, None
        work: Work | None = None
        timer = self._loop.call_later(attempt.timeout_s, self._halt, attempt, attempt.timed_out())
        try:
            work = await self._begin(attempt)
            answer = await self._agents.of(work.definition).run(work)
            work.spending.add(answer)
            output = cut(answer.output, self._settings.text_bytes_max)
            end = End("completed", output, model=work.spending.model)
        except Retryable as error:
            end = End("failed", error=str(error), retryable=True, retry_after_ms=error.retry_after_ms)
        except Permanent as error:
            end = End("failed", error=str(error))
        except asyncio.CancelledError:
            end = End("lost", error=LOST["drain"], retryable=True)
        except Exception as error:  # a fault of the agent's code: told, and tried again
            self._log.exception("agent failed", task_id=attempt.assigned["task_id"])
            end = End("failed", error=f"{type(error).__name__}: {error}", retryable=True)
        timer.cancel()
        if work is not None:
            work.close()
        return attempt.ending(end), work

    async def _begin(self, attempt: Attempt) -> Work:
        assigned = attempt.assigned
        try:
            task: TaskSubmitted = decode_as("TaskSubmitted", assigned["task"])
        except BadMessage as error:
            raise Permanent(f"the task in the assignment cannot be read: {error}") from error
        definition = await self._registry.find(assigned["agent_id"], _FIND_S)
        if definition is None:
            raise Retryable(f"agent {assigned['agent_id']} is not in the registry: publish it, or take its tasks back")
        attempt.started_at = now_us()
        work = Work(assigned, task, definition, self._per_task.of(assigned["settings"]), self)
        self.tell(work, "started", None, "")
        return work

    def _finish(self, attempt: Attempt, end: End, work: Work | None) -> None:
        attempt.ended = True
        assigned = attempt.assigned
        bought = None
        if work is not None:
            bought = work.spending.collect()
            metrics.STEPS_REUSED.inc(work.reused)
            seconds = (now_us() - (attempt.started_at or 0)) / 1e6
            metrics.ATTEMPT.labels(assigned["agent_id"], end.kind).observe(seconds)

        def delivered() -> None:
            del self.in_hand[(assigned["task_id"], assigned["attempt"])]
            self._settle(attempt.partition, attempt.offset)

        event = result(self._host, assigned, end, started_at=attempt.started_at, bought=bought)
        self._outbox.send("tasks.results", assigned["pool"], "TaskResult", event, attempt.trace, delivered)

    def _watermark(self, partition: int, position: int) -> Watermark:
        """Where a partition begins, held back by what we have in hand from an earlier time with it."""
        held = sorted(a.offset for a in self.in_hand.values() if a.partition == partition and a.offset < position)
        watermark = Watermark(min([*held, position]))
        for offset in held:
            watermark.take(offset)
        return watermark

    def _settle(self, partition: int, offset: int) -> None:
        self.settled += 1
        watermark = self.watermarks.get(partition)
        if watermark is not None:
            watermark.done(offset)

    # -- what an agent tells ----------------------------------------------------------------------------------------

    def tell(self, work: Work, kind: ProgressKind, fraction: float | None, message: str) -> None:
        attempt = self.in_hand.get((work.assigned["task_id"], work.assigned["attempt"]))
        if attempt is None:
            return
        text = cut(message, self._settings.text_bytes_max)
        event = progress(work.assigned, kind, attempt.sequence, fraction, text)
        attempt.sequence += 1
        self._outbox.tell("tasks.progress", work.assigned["session_id"], "TaskProgress", event, attempt.trace)

    async def step_finished(self, work: Work, step: Step) -> None:
        assigned = work.assigned
        kept: Step = {**step, "output": cut(step["output"], self._settings.text_bytes_max)}
        event = result(
            self._host, assigned, End("step", model=step["model"]), steps=[kept], bought=work.spending.collect()
        )
        arrived = self._loop.create_future()

        def delivered() -> None:
            if not arrived.done():  # its attempt may have been cancelled meanwhile
                arrived.set_result(None)

        trace = headers(assigned["task_id"])
        self._outbox.send("tasks.results", assigned["pool"], "TaskResult", event, trace, delivered)
        await arrived
        self.tell(work, "step", None, step["name"])
