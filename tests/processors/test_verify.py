"""The accounting never calls a moving task lost, whenever it moves, and finds each one that is lost or ended twice."""

import random
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.verify import LIVE_PHASES, Account

PARTITIONS = 2


class Line:
    """The topics of a small line, and every move that is one transaction on the real one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.submitted: list[list[str]] = [[] for _ in range(PARTITIONS)]
        self.routed = [0] * PARTITIONS
        self.decided: list[list[str]] = [[] for _ in range(PARTITIONS)]
        self.dispatched = [0] * PARTITIONS
        self.log: list[dict[str, str]] = [{} for _ in range(PARTITIONS)]
        self.commands: list[list[str]] = [[] for _ in range(PARTITIONS)]
        """Tasks that go to another partition."""
        self.adopted = [0] * PARTITIONS
        self.moved: set[str] = set()
        self.outcomes: list[tuple[str, str]] = []
        self.rejected: set[tuple[int, int]] = set()
        self.handed_in = 0

    def move(self) -> None:
        happens = (self.submit, self.repeat, self.route, self.dispatch, self.advance, self.finish, self.cancel)
        self.random.choice((*happens, self.hand_over, self.adopt))()

    def submit(self) -> None:
        """Now and then a message that the router can only set aside."""
        sense = self.random.random() < 0.9
        self.submitted[self.random.randrange(PARTITIONS)].append(f"t{self.handed_in}" if sense else "senseless")
        self.handed_in += sense

    def repeat(self) -> None:
        """Somebody hands a task in again under its id, perhaps in another session."""
        if self.handed_in:
            task_id = f"t{self.random.randrange(self.handed_in)}"
            self.submitted[self.random.randrange(PARTITIONS)].append(task_id)

    def route(self, *, drop_it: bool = False) -> str | None:
        partition = self.random.randrange(PARTITIONS)
        offset = self.routed[partition]
        if offset == len(self.submitted[partition]):
            return None
        task_id = self.submitted[partition][offset]
        if task_id == "senseless":
            self.rejected.add((partition, offset))
        elif not (drop_it and task_id == "dropped"):
            # A task's pool, and so its partition, is always the same.
            self.decided[crc32(task_id.encode()) % PARTITIONS].append(task_id)
        self.routed[partition] += 1
        return task_id

    def dispatch(self) -> None:
        partition = self.random.randrange(PARTITIONS)
        offset = self.dispatched[partition]
        if offset == len(self.decided[partition]):
            return
        task_id = self.decided[partition][offset]
        self.dispatched[partition] += 1
        if task_id in self.log[partition] and self.log[partition][task_id] != "cancel_requested":
            return  # a repeat
        if self.random.random() < 0.2:
            self.log[partition][task_id] = "done"
            self.outcomes.append((task_id, "refused"))
        else:
            self.log[partition][task_id] = "queued"

    def live(self) -> list[tuple[int, str]]:
        return [(p, t) for p in range(PARTITIONS) for t, phase in self.log[p].items() if phase in LIVE_PHASES]

    def advance(self) -> None:
        if live := self.live():
            partition, task_id = self.random.choice(live)
            self.log[partition][task_id] = self.random.choice(sorted(LIVE_PHASES))

    def finish(self) -> str | None:
        if not (live := self.live()):
            return None
        partition, task_id = self.random.choice(live)
        self.log[partition][task_id] = "done"
        self.outcomes.append((task_id, "completed"))
        return task_id

    def hand_over(self) -> None:
        live = [(p, t) for p, t in self.live() if t not in self.moved]
        if live:
            partition, task_id = self.random.choice(live)
            self.log[partition][task_id] = "done"
            self.moved.add(task_id)
            self.commands[(partition + 1) % PARTITIONS].append(task_id)

    def adopt(self) -> None:
        partition = self.random.randrange(PARTITIONS)
        if self.adopted[partition] < len(self.commands[partition]):
            task_id = self.commands[partition][self.adopted[partition]]
            self.adopted[partition] += 1
            if self.log[partition].get(task_id) == "cancel_requested":
                self.log[partition][task_id] = "done"
                self.outcomes.append((task_id, "cancelled"))
            else:
                self.log[partition][task_id] = "queued"

    def cancel(self) -> None:
        """A cancellation leaves its mark in the partitions that do not know the task."""
        if self.handed_in:
            task_id = f"t{self.random.randrange(self.handed_in)}"
            for log in self.log:
                log.setdefault(task_id, "cancel_requested")

    def account(self, moves_between: int) -> Account:
        """Reads the topics in the order of the account, while the line goes on."""
        account = Account()
        for partition, tasks in enumerate(self.submitted):
            for offset, task_id in enumerate(list(tasks)):
                account.add_submitted(task_id, partition, offset)
            self.go_on(moves_between)
        for partition, next_offset in enumerate(self.routed):
            account.add_position("tasks.submitted", partition, next_offset)
        self.go_on(moves_between)
        account.rejected |= self.rejected
        for partition, tasks in enumerate(self.decided):
            for offset, task_id in enumerate(list(tasks)):
                account.add_decision(task_id, partition, offset)
        self.go_on(moves_between)
        for partition in range(PARTITIONS):
            account.add_position("routing.decisions", partition, self.dispatched[partition])
            account.add_position("task.commands", partition, self.adopted[partition])
            for task_id, phase in self.log[partition].items():
                account.add_phase(task_id, partition, phase)
            self.go_on(moves_between)
        for partition, tasks in enumerate(self.commands):
            for offset, task_id in enumerate(list(tasks)):
                account.add_move(task_id, partition, offset)
        self.go_on(moves_between)
        for task_id, status in self.outcomes:
            account.add_outcome(task_id, status)
        return account

    def go_on(self, moves: int) -> None:
        for _ in range(moves):
            self.move()


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), before=st.integers(0, 200), between=st.integers(0, 40))
def test_a_task_that_moves_while_we_read_is_never_lost(seed: int, before: int, between: int) -> None:
    line = Line(seed)
    line.go_on(before)
    known = {task_id for partition in line.submitted for task_id in partition} - {"senseless"}
    verdict = line.account(between).verdict()
    assert verdict.holds, verdict
    assert verdict.accepted == verdict.terminal + verdict.open
    assert verdict.accepted >= len(known)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), before=st.integers(0, 100), after=st.integers(0, 100))
def test_a_task_the_router_drops_is_found(seed: int, before: int, after: int) -> None:
    line = Line(seed)
    line.go_on(before)
    line.submitted[0].append("dropped")
    while line.route(drop_it=True) != "dropped":
        pass
    line.go_on(after)
    verdict = line.account(0).verdict()
    assert (verdict.lost, verdict.lost_ids) == (1, ["dropped"])


def test_the_dispatcher_forgetting_a_task_is_found() -> None:
    account = Account()
    account.add_submitted("a", 0, 0)
    account.add_position("tasks.submitted", 0, 1)
    account.add_decision("a", 1, 7)
    account.add_position("routing.decisions", 1, 8)
    account.add_phase("a", 1, "running")
    assert account.verdict().open == 1
    account.add_phase("a", 1, "done")
    assert account.verdict().lost_ids == ["a"]


def test_a_second_outcome_is_found_and_named() -> None:
    account = Account()
    account.add_submitted("a", 0, 0)
    for status in ("completed", "completed", "failed"):
        account.add_outcome("a", status)
    verdict = account.verdict()
    assert (verdict.terminal, verdict.duplicates, verdict.duplicated_ids) == (1, 2, ["a"])
    assert verdict.by_status == {"completed": 1}
    assert not verdict.holds


def test_a_message_the_router_set_aside_was_never_accepted() -> None:
    account = Account()
    account.add_submitted("bad", 0, 0)
    account.add_submitted("good", 0, 1)
    account.add_position("tasks.submitted", 0, 2)
    account.rejected.add((0, 0))
    account.add_outcome("good", "refused")
    verdict = account.verdict()
    assert (verdict.accepted, verdict.refused, verdict.lost) == (1, 1, 0)


def test_a_cancellation_noted_elsewhere_does_not_hide_a_waiting_task() -> None:
    account = Account()
    account.add_submitted("a", 0, 0)
    account.add_position("tasks.submitted", 0, 1)
    account.add_decision("a", 1, 0)
    account.add_position("routing.decisions", 1, 1)
    account.add_phase("a", 1, "queued")
    account.add_phase("a", 0, "cancel_requested")
    assert account.verdict().open == 1


def test_a_position_read_again_does_not_go_back() -> None:
    account = Account()
    account.add_submitted("a", 0, 5)
    account.add_position("tasks.submitted", 0, 9)
    account.add_position("tasks.submitted", 0, 3)
    assert account.state("a") == "lost"


def test_a_task_that_was_handed_over_and_taken_in_by_nobody_is_lost() -> None:
    account = Account()
    account.add_submitted("a", 0, 0)
    account.add_decision("a", 0, 0)
    account.add_position("routing.decisions", 0, 1)
    account.add_phase("a", 0, "done")
    account.add_move("a", 1, 7)
    account.add_position("task.commands", 1, 7)
    assert account.state("a") == "open"
    account.add_position("task.commands", 1, 8)
    assert account.state("a") == "lost"
