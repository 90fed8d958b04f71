"""The dispatcher's decisions for one partition: every task from its decision to its one outcome.

Events and the time go in; messages to send and log records to keep come out of `take`, and the caller commits them
together with the input positions in one Kafka transaction. So each input acts once, and whatever the process knew
can be read back from the log. A repeat (same task, same attempt) changes nothing: see the guard of each handler.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from processors import messages
from processors.backoff import retry_delay_us
from processors.balancing import Instance
from processors.evaluation import GOOD_ENOUGH, evaluate
from processors.joining import cut, finished, open_items, settle, subtasks, verdict
from processors.pool import Pool
from processors.primary import HIGH_PRIORITY, Primary, PrimaryOf, first_to_move, may_move
from processors.probing import Told
from processors.remembered import Remembered
from processors.task import Task, marker
from schemas.codec import decode_as
from schemas.events import (
    AgentHeartbeat,
    DispatchRecord,
    FleetEvent,
    FleetStep,
    ItemFinished,
    OutcomeStatus,
    Override,
    PoolStatus,
    RoutingDecision,
    Step,
    TaskCommand,
    TaskMoved,
    TaskResult,
)
from schemas.partition import partition_of

_OUTPUT_BYTES_MAX = 200_000
"""Output kept of one attempt: outcome and log record must fit a Kafka message."""
_STEPS_BYTES_MAX = 400_000
_ERROR_BYTES_MAX = 4_000
_STATUS_EVERY_US = 1_000_000
_CANCELS_MAX = 10_000
"""Cancellations remembered for tasks that have not arrived here; the oldest gives way."""
_CANCELS_KEPT_US = 600_000_000
_WAITING = ("queued", "delayed")
_IN_HAND = ("running", "cancelling")


class Send(NamedTuple):
    """One message to write. `partition` None: by key."""

    topic: str
    key: str
    event: str
    value: Any
    task_id: str | None = None
    partition: int | None = None


@dataclass(frozen=True)
class Limits:
    """The dispatcher's settings; times in microseconds. `partitions`: how many every topic of the line has."""

    partitions: int = 4
    queue_max: int = 1000
    queue_bytes_max: int = 256_000_000
    slots: int = 5
    balancer: str = "weighted_round_robin"
    aging_us: int = 60_000_000
    tenant_weights: Mapping[str, float] = field(default_factory=dict)
    timeout_us: int = 600_000_000
    retries_max: int = 3
    retry_base_us: int = 1_000_000
    retry_cap_us: int = 60_000_000
    redos_max: int = 1
    quality_min: float = GOOD_ENOUGH
    crashes_max: int = 5
    lease_us: int = 10_000_000
    primary_after_us: int = 30_000_000
    probe_us: int = 30_000_000
    remembered_max: int = 50_000


LimitsOf = Callable[[Sequence[Override]], Limits]
"""The limits of a task, given the settings that differ for it. Those of a whole pool or partition do not differ."""


class Dispatcher:
    def __init__(
        self,
        limits: Limits,
        limits_of: LimitsOf | None = None,
        partition: int = 0,
        primary_of: PrimaryOf = lambda failed: None,
    ) -> None:
        self.limits = limits
        self._partition = partition
        self._primary_of = primary_of
        self._limits_of = limits_of or (lambda settings: limits)
        self.tasks: dict[str, Task] = {}
        self.pools: dict[str, Pool] = {}
        self.done = Remembered(limits.remembered_max)
        """Newest ids that are finished or went to another partition: a repeat of one of them is not run again."""
        self.cancels: OrderedDict[str, int] = OrderedDict()
        """Cancelled before they arrived here, and when."""
        self.waiting_bytes = 0
        self._timers: list[tuple[int, str]] = []
        self._status_due = 0
        self._silent_until = 0
        self._away_until = 0
        """After a pause of our own: until then nobody is held failed, for nobody could be heard."""
        self._silent: dict[tuple[str, str], list[str]] = {}
        """By pool and instance: tasks that were just taken from one whose host says nothing."""
        self._ready: dict[str, None] = {}
        """Pools where something changed since the last dispatch, in that order: a replay sends the same."""
        self._stale: dict[tuple[str, str], set[tuple[str, str, int]]] = {}
        """By pool and host: instances with attempts that its last heartbeat listed and that are no longer in hand."""
        self._sends: list[Send] = []
        self._dirty: dict[str, DispatchRecord | Task | None] = {}

    # -- what comes in ----------------------------------------------------------------------------------------------

    def decision(self, event: RoutingDecision, now: int) -> None:
        """A routed task arrives. Known ids are repeats."""
        if event["task_id"] in self.tasks or event["task_id"] in self.done:
            return
        task = Task.arrived(event, now)
        if self.cancels.pop(task.task_id, None) is not None:
            self._end(task, "cancelled", now, error="cancelled before it was queued")
        elif event["refusal"] is not None:
            self._end(task, "failed", now, error=event["refusal"])
        elif event["agent_id"] is None:
            self._decompose(task, now)
        else:
            self._admit(task, now)

    def result(self, event: TaskResult, now: int) -> None:
        """A host reports. Only the attempt in hand counts; a step is kept whoever finished it."""
        task = self.tasks.get(event["task_id"])
        if task is None:
            return
        _spend(task, event)
        if event["kind"] == "step":
            self._keep_steps(task, event["steps"])
            return
        if event["attempt"] != task.attempt or task.phase not in _IN_HAND:
            return
        if event["kind"] == "lost" and not self._is_gone(task, event, now):
            return
        if event["started_at"] is not None and task.started_at is None:
            task.started_at = event["started_at"]
        self._release(task, event, now)
        if task.phase == "cancelling" and event["kind"] != "completed":
            self._end(task, "cancelled", now, error=task.error)
        else:
            self._attempt_ended(task, event, now)

    def heartbeat(self, event: AgentHeartbeat, now: int) -> None:
        """A host is alive: its instances can take work, and what it has in hand keeps its lease, wherever the instances
        are by now."""
        if now - event["at"] > self.limits.lease_us:
            if (late := self.pools.get(event["pool"])) is not None:
                late.heard_late_at = now
            return  # it says nothing about now, but that we are behind
        pool = self._pool(event["pool"], event["agent_id"])
        self._tell_steps(pool, pool.hear(event), now)
        if pool.failed and pool.is_alive(now, self.limits.lease_us):
            pool.failed = False
            self._tell(pool, None, "well", "an instance is heard again", now)
        stale: set[tuple[str, str, int]] = set()
        tasks, lease_until = self.tasks, event["at"] + self.limits.lease_us
        holder = (event["host_id"], event["incarnation"])
        for report in event["instances"] + event["strays"]:
            for run in report["running"]:
                task = tasks.get(run["task_id"])
                if task is not None and task.attempt == run["attempt"] and task.phase in _IN_HAND:
                    task.lease_until = lease_until
                    task.holder = holder
                else:
                    stale.add((report["instance_id"], run["task_id"], run["attempt"]))
        self._stop_stale(pool, event["host_id"], stale, now)
        self._probe(pool, event, now)
        self._ready[pool.name] = None

    def command(self, event: TaskCommand, now: int) -> None:
        """Somebody cancels a task. Every partition hears it; one that does not know the task remembers it a while."""
        task = self.tasks.get(event["task_id"])
        reason = event["reason"] or f"cancelled by {event['by']}"
        if task is None:
            if event["task_id"] not in self.done and event["task_id"] not in self.cancels:
                self._remember_cancel(event["task_id"], now)
        elif task.phase == "running":
            task.error = reason
            self._enter(task, "cancelling", now)
            task.stop_by = min(task.stop_by, now + self.limits.lease_us)
            self._set_timers(task)
            self._stop(task.task_id, task.attempt, task.instance_id or "", task.pool, task.agent_id or "", reason, now)
        elif task.phase != "cancelling":
            for item in task.items:
                if item["status"] == "open":
                    self._cancel_item(item["task_id"], event["by"], reason, now)
            self._end(task, "cancelled", now, error=reason)

    def item_finished(self, event: ItemFinished, now: int) -> None:
        """An item of a task that waits here has ended; the last one ends the task."""
        task = self.tasks.get(event["parent_id"])
        if task is None or task.phase != "joining" or not settle(task.items, event["item"]):
            return
        _spend(task, event["item"])
        self._dirty[task.task_id] = task
        if all(item["status"] != "open" for item in task.items):
            output, error = verdict(task.items)
            self._end(task, "failed" if error else "completed", now, output=output, error=error)

    def moved(self, event: TaskMoved, now: int) -> None:
        """A task whose agent has failed comes from another partition. From its own one it is here already."""
        task_id = event["task_id"]
        if self._is_here(event["from_pool"]) or task_id in self.tasks or task_id in self.done:
            return
        task = Task.from_record(decode_as("DispatchRecord", event["record"]))
        if self.cancels.pop(task_id, None) is not None:
            self._end(task, "cancelled", now, error="cancelled while it went to another agent")
        else:
            self._adopt(task, now)

    def tick(self, now: int) -> None:
        """Lets time pass: leases, retries, deadlines, and the state of the pools once a second."""
        while self._timers and self._timers[0][0] <= now:
            task = self.tasks.get(heappop(self._timers)[1])
            if task is not None:
                self._wake(task, now)
        for (name, instance_id), taken in self._silent.items():
            pool = self.pools[name]
            instance = pool.instance(instance_id)
            if now - instance.seen_at <= self.limits.lease_us:
                continue  # it has moved, and only the host before is silent
            if instance.silent:
                continue  # what was given to it last had a longer lease; it was told with the others
            instance.silent = True
            detail = f"no word from its host for {self.limits.lease_us / 1e6:g} s; what it had goes to others"
            self._tell(pool, instance, "silent", detail, now, sorted({*taken, *instance.running}))
        self._silent.clear()
        while self.cancels and next(iter(self.cancels.values())) <= now - _CANCELS_KEPT_US:
            self._dirty[self.cancels.popitem(last=False)[0]] = None
        if now >= self._status_due:
            if now - self._status_due > self.limits.lease_us:
                self._away_until = now + self.limits.lease_us
            self._status_due = now + _STATUS_EVERY_US
            for pool in self.pools.values():
                for instance, change in pool.wake(now, self.limits.lease_us):
                    self._tell(pool, instance, change, instance.health.reason, now)
            self._redistribute([pool for pool in self.pools.values() if self._has_failed(pool, now)], now)
            for pool in self.pools.values():
                # After a restart a pool is not called empty before its hosts had time to speak.
                known = now > self._silent_until or any(i.seen_at for i in pool.instances.values())
                if known and pool.has_news(now, self.limits.lease_us):
                    status = pool.status(now, self.limits.lease_us, self.limits.queue_max)
                    self._sends.append(Send("pools.status", pool.name, "PoolStatus", status))
                    self._sends.append(Send("dispatch.log", f"#{pool.name}", "PoolStatus", status))

    def due_at(self) -> int:
        """When `tick` has something to do, at the latest."""
        return min(self._status_due, self._timers[0][0]) if self._timers else self._status_due

    def take(self, now: int) -> tuple[list[Send], dict[str, DispatchRecord | None]]:
        """Gives out free slots, then hands over what has to be written: messages, and log records by task id."""
        for name in self._ready:
            self._dispatch(self.pools[name], now)
        self._ready.clear()
        sends, dirty = self._sends, self._dirty
        self._sends, self._dirty = [], {}
        return sends, {key: value.to_record() if isinstance(value, Task) else value for key, value in dirty.items()}

    # -- a crash ----------------------------------------------------------------------------------------------------

    def restore(self, records: Iterable[DispatchRecord], statuses: Iterable[PoolStatus], now: int) -> None:
        """Becomes what the log says. Leases start anew: the hosts have that long to say what they have in hand."""
        self._silent_until = now + self.limits.lease_us
        for status in statuses:
            failed = self._is_failed(status["silent_since_at"], status["at"])
            self._pool(status["pool"], status["agent_id"]).remember(status, failed, now)
        for record in sorted(records, key=lambda r: r["entered_at"]):
            if record["phase"] == "done":
                self.done.add(record["task_id"])
            elif record["phase"] == "cancel_requested":
                self.cancels[record["task_id"]] = record["entered_at"]
            else:
                self._resume(Task.from_record(record), now)

    def _resume(self, task: Task, now: int) -> None:
        self.tasks[task.task_id] = task
        if task.phase == "joining":
            return
        pool = self._pool(task.pool, task.agent_id or "")
        if task.phase in _IN_HAND:
            pool.instance(task.instance_id or "").running.add(task.task_id)
            task.lease_until = now + self.limits.lease_us
            task.stop_by = task.entered_at + self._timeout_us(task) + self.limits.lease_us
        else:
            self.waiting_bytes += len(task.raw)
            if task.phase == "delayed":
                pool.delayed += 1
            else:
                pool.queue.push(task.task_id, task.tenant_id, task.priority, task.queued_at, now)
        self._set_timers(task)
        self._touch(pool)

    # -- a task's way -----------------------------------------------------------------------------------------------

    def _admit(self, task: Task, now: int) -> None:
        """Queues a new task, unless the queue is full. Items of an accepted task are never refused."""
        pool = self._pool(task.pool, task.agent_id or "")
        full = pool.waiting >= self.limits.queue_max
        if task.parent_id is None and (full or self.waiting_bytes + len(task.raw) > self.limits.queue_bytes_max):
            retry_after_ms = pool.retry_after_ms(now, self.limits.lease_us)
            what = f"{pool.waiting} tasks wait for {pool.name}" if full else "the waiting tasks fill the memory"
            error = f"queue full: {what}; hand it in again in {retry_after_ms / 1000:.0f} s or later"
            self._end(task, "refused", now, error=error, retry_after_ms=retry_after_ms)
            return
        self.tasks[task.task_id] = task
        self._enqueue(task, now)

    def _enqueue(self, task: Task, now: int) -> None:
        """To the queue, at the place its age gives it."""
        pool = self.pools[task.pool]
        self._enter(task, "queued", now)
        task.ready_at = 0
        pool.queue.push(task.task_id, task.tenant_id, task.priority, task.queued_at, now)
        self.waiting_bytes += len(task.raw)
        self._set_timers(task)
        self._touch(pool)

    def _leave_queue(self, task: Task) -> None:
        pool = self.pools[task.pool]
        if task.phase == "delayed":
            pool.delayed -= 1
        else:
            pool.queue.discard(task.task_id)
        self.waiting_bytes -= len(task.raw)
        self._touch(pool)

    def _dispatch(self, pool: Pool, now: int) -> None:
        """Gives free slots to waiting tasks until one of both runs out."""
        lease_us = self.limits.lease_us
        while len(pool.queue) and pool.has_free(now, lease_us) and (task_id := pool.queue.pop(now)) is not None:
            task = self.tasks[task_id]
            if task.deadline_at is not None and task.deadline_at <= now:
                self._end(task, "expired", now, error="its deadline passed while it waited")
                continue
            balancer = self._limits_of(task.settings).balancer
            instance = pool.take_slot(task_id, task.complexity, task.instance_id, balancer, now, lease_us)
            self.waiting_bytes -= len(task.raw)
            self._assign(task, instance.instance_id, now)
            pool.changed = True

    def _assign(self, task: Task, instance_id: str, now: int) -> None:
        task.attempt += 1
        task.instance_id = instance_id
        task.holder = None
        self._enter(task, "running", now)
        timeout_us = self._timeout_us(task)
        task.lease_until = now + self.limits.lease_us
        task.stop_by = now + timeout_us + self.limits.lease_us  # the host has the first try at stopping it
        self._set_timers(task)
        value = messages.assignment(task, instance_id, timeout_us // 1000, now)
        self._sends.append(Send("tasks.assigned", instance_id, "TaskAssigned", value, task.task_id))

    def _attempt_ended(self, task: Task, event: TaskResult, now: int) -> None:
        kind = event["kind"]
        if kind == "completed":
            self._judge(task, event, now)
        elif kind == "expired":
            self._end(task, "expired", now, error=event["error"] or "its deadline passed before it started")
        elif kind == "lost":
            self._lost(task, event["error"] or "its host died", now)
        elif kind == "failed" and not event["retryable"]:
            self._end(task, "failed", now, error=event["error"] or "failed without saying why", model=event["model"])
        else:  # a cancel nobody asked for is a failure like any other
            self._retry(task, event["error"] or kind, event["retry_after_ms"], now)

    def _judge(self, task: Task, event: TaskResult, now: int) -> None:
        """Evaluates a completed attempt: the outcome, or another attempt with the reasons as feedback."""
        submission = task.submission()
        limits = self._limits_of(task.settings)
        redos_max = limits.redos_max if submission["redos_max"] is None else submission["redos_max"]
        if task.phase == "cancelling":
            redos_max = 0
        judged = evaluate(submission, event, task.redos, redos_max, limits.quality_min)
        evaluation = messages.evaluation(task, judged, now)
        self._sends.append(Send("evaluations", task.task_id, "Evaluation", evaluation, task.task_id))
        if judged.verdict == "redo":
            task.redos += 1
            task.feedback = cut(" ".join(judged.reasons), _ERROR_BYTES_MAX)
            task.steps = []  # a redo is meant to do them again
            self._enqueue(task, now)
            return
        output = cut(event["output"], _OUTPUT_BYTES_MAX)
        self._end(task, "completed", now, output=output, model=event["model"], quality=judged.quality)

    def _keep_steps(self, task: Task, steps: list[Step]) -> None:
        """Finished steps go with the next attempt. One too large is not kept: cut, it would be another answer."""
        known = {step["name"] for step in task.steps}
        room = _STEPS_BYTES_MAX - sum(len(step["output"].encode()) for step in task.steps)
        for step in steps:
            room -= len(step["output"].encode())
            if step["name"] not in known and room >= 0:
                task.steps.append(step)
        self._dirty[task.task_id] = task

    def _retry(self, task: Task, error: str, retry_after_ms: int | None, now: int) -> None:
        submission = task.submission()
        limits = self._limits_of(task.settings)
        retries_max = limits.retries_max if submission["retries_max"] is None else submission["retries_max"]
        task.error = cut(error, _ERROR_BYTES_MAX)
        if task.retries >= retries_max:
            self._bury(task, f"gave up after {task.attempt} attempts: {task.error}", now)
            return
        task.retries += 1
        delay_us = retry_delay_us(task.task_id, task.retries, limits.retry_base_us, limits.retry_cap_us)
        task.ready_at = now + max(delay_us, (retry_after_ms or 0) * 1000)
        self._delay(task, now)

    def _delay(self, task: Task, now: int) -> None:
        self._enter(task, "delayed", now)
        self.pools[task.pool].delayed += 1
        self.waiting_bytes += len(task.raw)
        self._set_timers(task)

    def _lost(self, task: Task, error: str, now: int) -> None:
        """The host died with it: at once to another, unless it seems to kill every host it meets."""
        task.crashes += 1
        task.error = cut(error, _ERROR_BYTES_MAX)
        if task.crashes > self.limits.crashes_max:
            self._bury(task, f"its host died {task.crashes} times: {task.error}", now)
        else:
            self._enqueue(task, now)

    def _bury(self, task: Task, reason: str, now: int) -> None:
        letter = messages.buried(task, reason, now)
        self._sends.append(Send("dead.letters", task.task_id, "DeadLetter", letter, task.task_id))
        self._end(task, "dead_lettered", now, error=reason)

    def _end(
        self,
        task: Task,
        status: OutcomeStatus,
        now: int,
        *,
        output: str = "",
        error: str | None = None,
        retry_after_ms: int | None = None,
        model: str | None = None,
        quality: float | None = None,
    ) -> None:
        """The one outcome of a task. From here on its id is only remembered."""
        if task.task_id in self.tasks:
            if task.phase in _WAITING:
                self._leave_queue(task)
            del self.tasks[task.task_id]
        outcome = messages.outcome(
            task,
            status,
            now,
            output=output,
            error=cut(error, _ERROR_BYTES_MAX) if error else None,
            retry_after_ms=retry_after_ms,
            model=model,
            quality=quality,
        )
        self._sends.append(Send("tasks.outcomes", task.session_id, "TaskOutcome", outcome, task.task_id))
        if task.parent_id is not None and task.item_index is not None:
            item = finished(outcome, now)
            self._sends.append(Send("task.commands", item["pool"], "ItemFinished", item, task.task_id))
        self._remember_done(task.task_id, now)

    def _decompose(self, task: Task, now: int) -> None:
        """A task with items: each becomes a subtask; the task itself waits for them and takes no slot."""
        submission = task.submission()
        self.tasks[task.task_id] = task
        task.items = open_items(submission)
        self._enter(task, "joining", now)
        for child in subtasks(submission, now):
            self._sends.append(Send("tasks.submitted", child["session_id"], "TaskSubmitted", child, child["task_id"]))

    # -- an agent fails ---------------------------------------------------------------------------------------------

    def _is_failed(self, silent_since: int | None, now: int) -> bool:
        return silent_since is not None and now - silent_since >= self.limits.primary_after_us

    def _has_failed(self, pool: Pool, now: int) -> bool:
        """Whether all instances of an agent are silent for too long. One whose heartbeats are read late speaks."""
        if now < max(self._away_until, pool.heard_late_at + self.limits.lease_us):
            return False
        if not self._is_failed(pool.silent_since(now, self.limits.lease_us), now):
            return False
        if not pool.failed:
            pool.failed = True
            self._tell(pool, None, "silent", self._why_failed(pool), now)
        return True

    def _why_failed(self, pool: Pool) -> str:
        return f"no instance of {pool.agent_id} was heard for {self.limits.primary_after_us / 1e6:g} s"

    def _redistribute(self, failed: list[Pool], now: int) -> None:
        """Of agents that have failed, tasks of high priority go to the primary."""
        waiting: dict[str, list[Task]] = {pool.name: [] for pool in failed if pool.waiting}
        for task in self.tasks.values() if waiting else ():
            if task.pool in waiting and task.phase in _WAITING and may_move(task):
                waiting[task.pool].append(task)
        for name, tasks in waiting.items():
            pool = self.pools[name]
            primary = self._primary_of(pool.agent_id) if tasks else None
            if primary is None or self._is_silent_here(primary.agent_id, now):
                continue
            why, moving = self._why_failed(pool), first_to_move(tasks, primary.room)
            for task in moving:
                self._move(task, primary, f"{why}, and its priority is {task.priority}", now)
            who = f"tasks of priority 1 to {HIGH_PRIORITY} go to {primary.agent_id}, {pool.waiting} others wait"
            self._tell(pool, None, "redistributed", f"{why}: {who}", now, [task.task_id for task in moving])

    def _is_silent_here(self, name: str, now: int) -> bool:
        """What is told of a pool may be a second old; of our own we know it."""
        return name in self.pools and not self.pools[name].is_alive(now, self.limits.lease_us)

    def _move(self, task: Task, primary: Primary, reason: str, now: int) -> None:
        """Hands a waiting task, with all that is known of it, to the partition of its new pool: this one forgets it in
        the transaction that tells the other."""
        self._leave_queue(task)
        del self.tasks[task.task_id]
        failed = task.agent_id or ""
        task.moved_from, task.pool, task.agent_id = task.pool, primary.agent_id, primary.agent_id
        task.model = primary.model_for(task)
        task.instance_id = None
        task.decided = None  # what was expected of the agent that failed teaches nothing about this one
        event = messages.move(task, failed, reason, now)
        self._sends.append(Send("task.commands", task.pool, "TaskMoved", event, task.task_id))
        if self._is_here(task.pool):
            self._adopt(task, now)
        else:
            self._remember_done(task.task_id, now, at=task.pool)

    def _adopt(self, task: Task, now: int) -> None:
        """Takes in a task that was accepted elsewhere, so it is never refused. It keeps its age and its attempts."""
        pool = self._pool(task.pool, task.agent_id or "")
        self.tasks[task.task_id] = task
        if task.ready_at > now:
            self._delay(task, now)
            self._touch(pool)
        else:
            self._enqueue(task, now)

    def _is_here(self, pool: str) -> bool:
        return partition_of(pool.encode(), self.limits.partitions) == self._partition

    def _probe(self, pool: Pool, event: AgentHeartbeat, now: int) -> None:
        """Asks those that took no work for a while whether they would; the answer comes with a later heartbeat."""
        asked, told = pool.probe(event, now)
        for instance in asked:
            value = messages.probe(instance.instance_id, pool.name, pool.agent_id, pool.answer_ms, now)
            self._sends.append(Send("tasks.assigned", instance.instance_id, "InstanceProbe", value))
        self._tell_steps(pool, told, now)

    def _tell_steps(self, pool: Pool, told: Iterable[tuple[Instance, Told]], now: int) -> None:
        for instance, step in told:
            self._tell(pool, None if step.of_all else instance, step.what, step.detail, now)

    def _tell(
        self,
        pool: Pool,
        instance: Instance | None,
        what: FleetStep,
        detail: str,
        now: int,
        tasks: Iterable[str] | None = None,
    ) -> None:
        """Writes down what happened to an instance, or without one to all of a pool, for those who ask later."""
        pool.changed = True
        self._ready[pool.name] = None
        subject = pool.name if instance is None else instance.instance_id
        if tasks is None:
            tasks = () if instance is None else instance.running
        event: FleetEvent = {
            "event_id": f"{subject}/{what}/{now}",
            "subject": subject,
            "pool": pool.name,
            "host_id": "" if instance is None else instance.host_id,
            "what": what,
            "at": now,
            "detail": detail,
            "tasks": sorted(tasks),
        }
        self._sends.append(Send("fleet.events", pool.name, "FleetEvent", event))

    # -- details ----------------------------------------------------------------------------------------------------

    def _pool(self, name: str, agent_id: str) -> Pool:
        pool = self.pools.get(name)
        if pool is None:
            limits = self.limits
            pool = self.pools[name] = Pool(
                name,
                agent_id,
                slots=limits.slots,
                aging_us=limits.aging_us,
                weights=limits.tenant_weights,
                probe_us=limits.probe_us,
            )
        return pool

    def _touch(self, pool: Pool) -> None:
        pool.changed = True
        self._ready[pool.name] = None

    def _enter(self, task: Task, phase: Any, now: int) -> None:
        task.phase = phase
        task.entered_at = now
        self._dirty[task.task_id] = task

    def _timeout_us(self, task: Task) -> int:
        return self._limits_of(task.settings).timeout_us if task.timeout_ms is None else task.timeout_ms * 1000

    def _set_timers(self, task: Task) -> None:
        if task.phase in _IN_HAND:
            heappush(self._timers, (min(task.lease_until, task.stop_by), task.task_id))
            return
        if task.deadline_at is not None:
            heappush(self._timers, (task.deadline_at, task.task_id))
        if task.phase == "delayed":
            heappush(self._timers, (task.ready_at, task.task_id))

    def _wake(self, task: Task, now: int) -> None:
        if task.phase in _WAITING:
            if task.deadline_at is not None and task.deadline_at <= now:
                self._end(task, "expired", now, error="its deadline passed while it waited")
            elif task.phase == "delayed" and task.ready_at <= now:
                self._leave_queue(task)
                self._enqueue(task, now)
        elif task.phase in _IN_HAND:
            self._check_lease(task, now)

    def _check_lease(self, task: Task, now: int) -> None:
        if now < min(task.lease_until, task.stop_by):
            self._set_timers(task)
            return
        overdue = now >= task.stop_by
        reason = "timed out" if overdue else f"no word from its host for {self.limits.lease_us / 1e6:g} s"
        self._free_slot(task)
        self._stop(task.task_id, task.attempt, task.instance_id or "", task.pool, task.agent_id or "", reason, now)
        if task.phase == "cancelling":
            self._end(task, "cancelled", now, error=task.error)
        elif overdue:
            self._retry(task, reason, None, now)
        else:
            self._silent.setdefault((task.pool, task.instance_id or ""), []).append(task.task_id)
            self._lost(task, reason, now)

    def _is_gone(self, task: Task, event: TaskResult, now: int) -> bool:
        """Whether a report of loss is to be believed: not while another living host has the attempt in hand."""
        if task.holder is None or task.holder[0] == event["host_id"]:
            return True
        return task.lease_until <= now

    def _free_slot(self, task: Task) -> None:
        pool = self.pools[task.pool]
        instance = pool.instance(task.instance_id or "")
        instance.running.discard(task.task_id)
        pool.offer(instance)
        self._touch(pool)

    def _release(self, task: Task, event: TaskResult, now: int) -> None:
        """Frees the slot and lets the instance learn from the run."""
        self._free_slot(task)
        if event["kind"] in ("completed", "failed"):
            response_ms = (event["finished_at"] - (event["started_at"] or event["finished_at"])) / 1000
            pool, succeeded = self.pools[task.pool], event["kind"] == "completed"
            instance = pool.instance(task.instance_id or "")
            instance.record(succeeded, response_ms)
            if task.phase == "running":
                self._tell_steps(pool, pool.worked(instance, task.entered_at, now), now)
            if not succeeded and not event["retryable"]:
                return  # a task that can succeed nowhere says nothing about where it ran
            change = pool.judge(instance, task.skill, succeeded, response_ms, now)
            if change is not None:
                self._tell(pool, instance, change, instance.health.reason, now)

    def _stop(
        self, task_id: str, attempt: int, instance_id: str, pool: str, agent_id: str, reason: str, now: int
    ) -> None:
        """Tells the host of the instance to stop an attempt; one it does not have is no matter."""
        value = messages.stop(task_id, attempt, instance_id, pool, agent_id, reason, now)
        self._sends.append(Send("tasks.assigned", instance_id, "TaskAssigned", value, task_id))

    def _stop_stale(self, pool: Pool, host_id: str, stale: set[tuple[str, str, int]], now: int) -> None:
        """Stops what a host still runs though nobody waits for it; only on the second mention, for a result and a
        heartbeat may cross."""
        for instance_id, task_id, attempt in sorted(stale & self._stale.pop((pool.name, host_id), set())):
            self._stop(task_id, attempt, instance_id, pool.name, pool.agent_id, "given up", now)
        if stale:
            self._stale[pool.name, host_id] = stale

    def _cancel_item(self, task_id: str, by: str, reason: str, now: int) -> None:
        command = messages.cancellation(task_id, by, reason, now)
        for partition in range(self.limits.partitions):
            self._sends.append(Send("task.commands", task_id, "TaskCommand", command, task_id, partition))

    def _remember_done(self, task_id: str, now: int, at: str = "") -> None:
        """`at`: the pool that it went to."""
        self._dirty[task_id] = {**marker(task_id, "done", now), "pool": at}
        self._dirty |= dict.fromkeys(self.done.add(task_id))

    def _remember_cancel(self, task_id: str, now: int) -> None:
        self.cancels[task_id] = now
        self._dirty[task_id] = marker(task_id, "cancel_requested", now)
        while len(self.cancels) > _CANCELS_MAX:
            self._dirty[self.cancels.popitem(last=False)[0]] = None


def _spend(task: Task, usage: Any) -> None:
    """Every report carries what was bought since the report before it."""
    task.tokens_in += usage["tokens_in"]
    task.tokens_out += usage["tokens_out"]
    task.cost_usd_micros += usage["cost_usd_micros"]
