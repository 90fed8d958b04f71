"""The dispatcher under any order, any repetition and a crash at any point: one outcome a task, no slot leaked."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.world import SECOND, World, decision, heartbeat, result, submission

KINDS = ["completed", "failed", "lost", "cancelled", "expired", "step"]


class Line(RuleBasedStateMachine):
    """Hosts are the `runs` the world has sent; inputs are kept, so that any of them can come again."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(queue_max=6, slots=2, crashes_max=2, retries_max=1, remembered_max=10_000)
        self.arrived: dict[str, dict] = {}
        self.inputs: list[tuple[str, dict]] = []
        self.passed_on = 0

    def put(self, what: str, event: dict, crash: bool) -> None:
        self.inputs.append((what, event))
        self.world.do(what, event, crash=crash)
        self._pass_on()

    def _pass_on(self) -> None:
        """Children and finished items come back to the same partition, as the topics would bring them."""
        while self.passed_on < len(self.world.sent):
            send = self.world.sent[self.passed_on]
            self.passed_on += 1
            if send.topic == "tasks.submitted":
                self.arrived[send.value["task_id"]] = send.value
                self.world.do("decision", decision(send.value))
            elif send.event == "ItemFinished":
                self.world.do("item_finished", send.value)
            elif send.event == "TaskCommand":
                self.world.do("command", send.value)

    @rule(
        number=st.integers(0, 30),
        priority=st.integers(1, 10),
        tenant=st.sampled_from("xyz"),
        deadline=st.none() | st.integers(1, 60),
        items=st.integers(0, 3),
        crash=st.booleans(),
    )
    def submit(self, number, priority, tenant, deadline, items, crash):
        task_id = f"t{number}"
        if task_id not in self.arrived:
            self.arrived[task_id] = submission(
                task_id,
                priority=priority,
                tenant_id=tenant,
                deadline_at=deadline and self.world.now + deadline * SECOND,
                items=["i"] * items,
            )
        self.put("decision", decision(self.arrived[task_id]), crash)

    @precondition(lambda self: self.world.runs())
    @rule(data=st.data(), kind=st.sampled_from(KINDS), retryable=st.booleans(), good=st.booleans(), crash=st.booleans())
    def report(self, data, kind, retryable, good, crash):
        run = data.draw(st.sampled_from(self.world.runs()))
        over = {} if good or kind != "completed" else {"output": ""}
        self.put("result", result(run, kind, self.world.now, retryable=retryable, **over), crash)

    @rule(
        draining=st.booleans(),
        instances=st.integers(0, 3),
        listed=st.booleans(),
        host=st.sampled_from("ab"),
        crash=st.booleans(),
    )
    def beat(self, draining, instances, listed, host, crash):
        runs = self.world.runs()[-4:] if listed else []
        event = heartbeat(self.world.now, runs, instances=instances, draining=draining, host_id=host)
        self.put("heartbeat", event, crash)

    @rule(number=st.integers(0, 30), crash=st.booleans())
    def cancel(self, number, crash):
        command = {"task_id": f"t{number}", "by": "x", "reason": "", "event_id": "", "kind": "cancel", "at": 0}
        self.put("command", command, crash)

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), crash=st.booleans())
    def repeat(self, data, crash):
        what, event = data.draw(st.sampled_from(self.inputs))
        self.put(what, event, crash)

    @rule(seconds=st.sampled_from([0.1, 1, 3, 11, 70]))
    def wait(self, seconds):
        self.world.wait(seconds)
        self._pass_on()

    @rule()
    def crash(self):
        self.world.crash()

    @invariant()
    def one_outcome_at_most(self):
        counts = Counter(o["task_id"] for o in self.world.outcomes())
        assert all(n == 1 for n in counts.values()), counts

    @invariant()
    def nothing_lost(self):
        ended = {o["task_id"] for o in self.world.outcomes()}
        assert self.arrived.keys() == ended | (self.world.dispatcher.tasks.keys() & self.arrived.keys())
        assert not ended & self.world.dispatcher.tasks.keys()

    @invariant()
    def slots_are_what_runs(self):
        tasks = self.world.dispatcher.tasks.values()
        in_hand = {t.task_id for t in tasks if t.phase in ("running", "cancelling")}
        pools = self.world.dispatcher.pools.values()
        slots = [task_id for pool in pools for i in pool.instances.values() for task_id in i.running]
        assert sorted(slots) == sorted(in_hand)
        assert all(len(i.running) <= 2 for pool in pools for i in pool.instances.values())

    @invariant()
    def nothing_waits_beside_a_free_slot(self):
        dispatcher, now = self.world.dispatcher, self.world.now
        for pool in dispatcher.pools.values():
            free = [i for i in pool.instances.values() if pool._can_take(i, now, dispatcher.limits.lease_us)]
            assert not (free and len(pool.queue)), (pool.name, free)

    @invariant()
    def counts_agree(self):
        dispatcher = self.world.dispatcher
        waiting = [t for t in dispatcher.tasks.values() if t.phase in ("queued", "delayed")]
        assert sum(p.waiting for p in dispatcher.pools.values()) == len(waiting)
        assert dispatcher.waiting_bytes == sum(len(t.raw) for t in waiting)

    @invariant()
    def the_log_is_the_memory(self):
        live = {k for k, r in self.world.log.items() if r["phase"] not in ("done", "cancel_requested")}
        assert live == self.world.dispatcher.tasks.keys()
        for task_id in live:
            assert self.world.log[task_id] == self.world.dispatcher.tasks[task_id].to_record()

    def teardown(self):
        """Whatever happened, a healthy hour ends every task and frees every slot."""
        for _ in range(400):
            if not self.world.dispatcher.tasks:
                break
            self.world.wait(10)
            self.world.do("heartbeat", heartbeat(self.world.now, instances=3))
            for run in self.world.runs()[-12:]:
                self.world.do("result", result(run, now=self.world.now))
            self._pass_on()
        assert not self.world.dispatcher.tasks
        self.one_outcome_at_most()
        assert {o["task_id"] for o in self.world.outcomes()} == self.arrived.keys()


Line.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLine = Line.TestCase
