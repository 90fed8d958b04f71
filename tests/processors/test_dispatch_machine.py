"""Two partitions of the dispatcher under any order, any repetition, a crash at any point, and agents that fall silent
and come back: one outcome a task, no slot leaked, each task in one place, also when it moves to the primary agent."""

from collections import Counter, deque

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from processors.primary import HIGH_PRIORITY, may_move, primary_of
from schemas.codec import decode_as
from schemas.partition import partition_of
from tests.support.agents import agent
from tests.support.world import SECOND, World, decision, heartbeat, result, submission

KINDS = ["completed", "failed", "lost", "cancelled", "expired", "step"]
POOLS = ["writer", "coder", "generalist"]
PARTITIONS = 2
"""The writer's pool is in another one than the generalist's, the coder's in the same."""
REGISTRY = {name: agent(name, fallback=name == "generalist") for name in POOLS}
HANDLERS = {"ItemFinished": "item_finished", "TaskCommand": "command", "TaskMoved": "moved"}


def of_pool(pool: str) -> int:
    return partition_of(pool.encode(), PARTITIONS)


def cancellation(task_id: str) -> dict:
    return {"task_id": task_id, "by": "x", "reason": "", "event_id": "", "kind": "cancel", "at": 0}


class Line(RuleBasedStateMachine):
    """Hosts are the `runs` the worlds have sent; inputs are kept, so that any of them can come again."""

    def __init__(self) -> None:
        super().__init__()
        limits = {"queue_max": 6, "slots": 2, "crashes_max": 2, "retries_max": 1, "remembered_max": 10_000}
        self.worlds = [World(p, PARTITIONS, self.primary_of, **limits) for p in range(PARTITIONS)]
        self.arrived: dict[str, tuple[str, dict]] = {}
        """Tasks with the pool that the router chose."""
        self.inputs: list[tuple[int, str, dict]] = []
        self.passed_on = [0] * PARTITIONS
        self.commands: list[deque] = [deque() for _ in range(PARTITIONS)]
        """What lies on task.commands and was not read yet, by partition."""
        self.prompt = True
        self.heard: dict[str, int] = dict.fromkeys(POOLS, 0)
        """When an instance of the pool was last heard of."""
        self.moves: list[dict] = []

    @property
    def now(self) -> int:
        return self.worlds[0].now

    def primary_of(self, failed: str):
        """As the dispatchers learn it: from what they told of the pools."""
        told = [status for world in self.worlds for status in world.of_pools()]
        return primary_of(REGISTRY, {status["pool"]: status for status in told}, failed)

    def runs(self) -> list[dict]:
        return sorted((run for world in self.worlds for run in world.runs()), key=lambda run: run["assigned_at"])

    def outcomes(self) -> list[dict]:
        return [outcome for world in self.worlds for outcome in world.outcomes()]

    def put(self, pool: str, what: str, event: dict, crash: bool) -> None:
        self.into(of_pool(pool), what, event, crash)

    def into(self, partition: int, what: str, event: dict, crash: bool) -> None:
        self.inputs.append((partition, what, event))
        self.worlds[partition].do(what, event, crash=crash)
        self.pass_on()

    def pass_on(self) -> None:
        """What is written reaches its partition as the topics would bring it."""
        for world in self.worlds:
            while self.passed_on[world.partition] < len(world.sent):
                send = world.sent[self.passed_on[world.partition]]
                self.passed_on[world.partition] += 1
                if send.topic == "tasks.submitted":
                    self.arrived[send.value["task_id"]] = ("writer", send.value)
                    self.worlds[of_pool("writer")].do("decision", decision(send.value))
                elif send.topic == "task.commands":
                    to = of_pool(send.key) if send.partition is None else send.partition
                    self.commands[to].append((HANDLERS[send.event], send.value))
                    if send.event == "TaskMoved":
                        self.moves.append(
                            send.value | {"silent_us": send.value["at"] - self.heard[send.value["from_pool"]]}
                        )
        if self.prompt and any(self.commands):
            self.read(0 if self.commands[0] else 1, False)

    def read(self, partition: int, crash: bool) -> None:
        what, event = self.commands[partition].popleft()
        self.into(partition, what, event, crash)

    @initialize()
    def hosts_were_there(self):
        for pool in POOLS:
            self.beat(pool, False, 2, False, "a", False)
        self.wait(1)

    @rule(
        number=st.integers(0, 30),
        pool=st.sampled_from(POOLS),
        asked=st.booleans(),
        priority=st.integers(1, 10) | st.integers(1, HIGH_PRIORITY),
        tenant=st.sampled_from("xyz"),
        deadline=st.none() | st.integers(1, 60),
        items=st.just(0) | st.integers(0, 3),
        crash=st.booleans(),
    )
    def submit(self, number, pool, asked, priority, tenant, deadline, items, crash):
        task_id = f"t{number}"
        if task_id not in self.arrived:
            task = submission(
                task_id,
                agent_id=pool if asked else None,
                priority=priority,
                tenant_id=tenant,
                deadline_at=deadline and self.now + deadline * SECOND,
                items=["i"] * items,
            )
            self.arrived[task_id] = (pool, task)
        chosen = decision(self.arrived[task_id][1], self.arrived[task_id][0])
        self.put(chosen["pool"], "decision", chosen, crash)

    @precondition(lambda self: self.runs())
    @rule(data=st.data(), kind=st.sampled_from(KINDS), retryable=st.booleans(), good=st.booleans(), crash=st.booleans())
    def report(self, data, kind, retryable, good, crash):
        run = data.draw(st.sampled_from(self.runs()))
        over = {} if good or kind != "completed" else {"output": ""}
        self.put(run["pool"], "result", result(run, kind, self.now, retryable=retryable, **over), crash)

    @rule(
        pool=st.sampled_from([*POOLS, "generalist"]),
        draining=st.booleans(),
        instances=st.integers(0, 3),
        listed=st.booleans(),
        host=st.sampled_from("ab"),
        crash=st.booleans(),
    )
    def beat(self, pool, draining, instances, listed, host, crash):
        runs = [run for run in self.runs() if run["pool"] == pool][-4:] if listed else []
        event = heartbeat(self.now, runs, pool=pool, instances=instances, draining=draining, host_id=host)
        if instances:
            self.heard[pool] = self.now
        self.put(pool, "heartbeat", event, crash)

    @rule(number=st.integers(0, 30))
    def cancel(self, number):
        for queue in self.commands:
            queue.append(("command", cancellation(f"t{number}")))
        self.pass_on()

    @precondition(lambda self: any(self.on_its_way(partition) for partition in range(PARTITIONS)))
    @rule()
    def cancel_what_is_on_its_way(self):
        """The cancel reaches the partition that a task comes to before the task does, the other one after it went."""
        for to in range(PARTITIONS):
            for task_id in self.on_its_way(to):
                self.commands[to].appendleft(("command", cancellation(task_id)))
                self.commands[1 - to].append(("command", cancellation(task_id)))
        self.pass_on()

    def on_its_way(self, to: int) -> list[str]:
        moves = [event for what, event in self.commands[to] if what == "moved"]
        return [event["task_id"] for event in moves if of_pool(event["from_pool"]) != to]

    @rule(prompt=st.booleans())
    def read_commands_at_once_or_late(self, prompt):
        self.prompt = prompt
        self.pass_on()

    @precondition(lambda self: any(self.commands))
    @rule(data=st.data(), crash=st.booleans())
    def read_a_command(self, data, crash):
        self.read(data.draw(st.sampled_from([p for p, queue in enumerate(self.commands) if queue])), crash)

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), crash=st.booleans())
    def repeat(self, data, crash):
        self.into(*data.draw(st.sampled_from(self.inputs)), crash)

    @rule(seconds=st.sampled_from([0.1, 1, 3, 11, 31, 70]))
    def wait(self, seconds):
        for world in self.worlds:
            world.wait(seconds)
        self.pass_on()

    @rule(well=st.sampled_from([["generalist"], ["generalist"], ["generalist", "coder"], ["writer", "coder"], []]))
    def others_are_silent(self, well):
        for _ in range(8):
            self.wait(5)
            for pool in well:
                self.beat(pool, False, 1, True, "a", False)

    @rule(partition=st.integers(0, PARTITIONS - 1))
    def crash(self, partition):
        self.worlds[partition].crash()

    @invariant()
    def each_task_is_in_one_place(self):
        """In one partition, on its way to another, or ended: with one outcome."""
        places = Counter(outcome["task_id"] for outcome in self.outcomes())
        for world in self.worlds:
            places.update(world.dispatcher.tasks.keys())
            places.update(self.on_its_way(world.partition))
        assert places == Counter(self.arrived.keys()), places - Counter(self.arrived.keys())

    @invariant()
    def no_attempt_is_given_twice_and_they_count_on(self):
        attempts: dict[str, list[int]] = {}
        for run in self.runs():
            attempts.setdefault(run["task_id"], []).append(run["attempt"])
        for task_id, given in attempts.items():
            assert sorted(given) == list(range(1, len(given) + 1)), (task_id, given)

    @invariant()
    def only_tasks_of_high_priority_move_and_only_once_and_from_silent_agents(self):
        assert all(n == 1 for n in Counter(move["task_id"] for move in self.moves).values())
        for move in self.moves:
            _, task = self.arrived[move["task_id"]]
            assert task["priority"] <= HIGH_PRIORITY and task["agent_id"] is None
            assert move["from_pool"] != move["pool"] == "generalist"
            assert move["silent_us"] >= self.worlds[0].limits.primary_after_us

    @invariant()
    def a_moved_task_keeps_its_age(self):
        for move in self.moves:
            (record,) = [r for world in self.worlds for r in _records(world, move["task_id"])] or [None]
            assert record is None or record["queued_at"] == decode_as("DispatchRecord", move["record"])["queued_at"]

    @invariant()
    def slots_are_what_runs(self):
        for world in self.worlds:
            in_hand = {t.task_id for t in world.dispatcher.tasks.values() if t.phase in ("running", "cancelling")}
            pools = world.dispatcher.pools.values()
            slots = [task_id for pool in pools for i in pool.instances.values() for task_id in i.running]
            assert sorted(slots) == sorted(in_hand)
            assert all(len(i.running) <= 2 for pool in pools for i in pool.instances.values())

    @invariant()
    def nothing_waits_beside_a_free_slot(self):
        for world in self.worlds:
            for pool in world.dispatcher.pools.values():
                lease_us = world.limits.lease_us
                free = [i for i in pool.instances.values() if pool._can_take(i, self.now, lease_us)]
                assert not (free and len(pool.queue)), (pool.name, free)

    @invariant()
    def counts_agree(self):
        for world in self.worlds:
            dispatcher = world.dispatcher
            waiting = [t for t in dispatcher.tasks.values() if t.phase in ("queued", "delayed")]
            assert sum(p.waiting for p in dispatcher.pools.values()) == len(waiting)
            assert dispatcher.waiting_bytes == sum(len(t.raw) for t in waiting)
            assert all(t.task_id in dispatcher.pools[t.pool].queue for t in waiting if t.phase == "queued")

    @invariant()
    def the_log_is_the_memory(self):
        for world in self.worlds:
            live = {k for k, r in world.log.items() if r["phase"] not in ("done", "cancel_requested")}
            assert live == world.dispatcher.tasks.keys()
            for task_id in live:
                assert world.log[task_id] == world.dispatcher.tasks[task_id].to_record()

    def teardown(self):
        """Whatever happened, an hour in which the generalist is well ends what may go to it, and one in which all are
        well ends every task and frees every slot."""
        self.prompt = True
        self.pass_on()
        self.spend_hours(["generalist"], 12)
        for world in self.worlds:
            for task in world.dispatcher.tasks.values():
                if task.phase in ("queued", "delayed") and task.pool != "generalist":
                    assert not (world.dispatcher.pools[task.pool].failed and may_move(task)), task
        self.spend_hours(POOLS, 400)
        assert not any(world.dispatcher.tasks for world in self.worlds)
        self.each_task_is_in_one_place()

    def spend_hours(self, pools, rounds):
        for _ in range(rounds):
            if not any(world.dispatcher.tasks for world in self.worlds):
                break
            self.wait(10)
            for pool in pools:
                self.put(pool, "heartbeat", heartbeat(self.now, pool=pool, instances=3), False)
            for run in [run for run in self.runs() if run["pool"] in pools][-18:]:
                self.put(run["pool"], "result", result(run, now=self.now), False)


def _records(world: World, task_id: str) -> list[dict]:
    return [r for k, r in world.log.items() if k == task_id and r["phase"] not in ("done", "cancel_requested")]


Line.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLine = Line.TestCase
