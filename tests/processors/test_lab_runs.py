"""Runs of the lab, in any interleaving of commands, repeats, deaths and results: one runs, each has one end."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processors.lab_runs import DIED, FULL, KEPT_MAX, OVER, STARTS_MAX, WAITING_MAX, Runs
from schemas.events import LabCommand, LabRun
from schemas.examples import examples

ENDED: Any = examples("lab_run", 1)[0]
PLAN, REPORT, SERIES = ENDED["plan"], ENDED["report"], ENDED["series"]


def command(run_id: str, kind: str = "start", at: int = 0) -> LabCommand:
    asked = ENDED["asked"] if kind == "start" else None
    made = {"event_id": f"{run_id}/{kind}/{at}", "run_id": run_id, "kind": kind, "asked": asked, "at": at, "by": "ana"}
    return cast(LabCommand, made)


def started(count: int = 1) -> Runs:
    """So many are asked for; the first of them runs."""
    runs = Runs()
    for n in range(count):
        runs.start(command(f"r{n}", at=n), PLAN, "", n)
        runs.next(n)
    return runs


def test_they_run_one_after_the_other_in_the_order_they_were_asked_for() -> None:
    runs = started(3)
    order = []
    for now in (10, 20, 30):
        assert runs.next(now) is None, "one runs"
        (over,) = runs.ended(REPORT, now)
        order.append((over["run_id"], over["state"], over["over_at"], over["report"]))
        runs.next(now)
    assert order == [("r0", "ended", 10, REPORT), ("r1", "ended", 20, REPORT), ("r2", "ended", 30, REPORT)]
    assert runs.running is None


def test_one_whose_process_died_starts_anew_once_and_before_the_others() -> None:
    runs = started(2)
    runs.progressed(3.0, 1500, SERIES)
    (again,) = runs.take_over(5)
    assert (again["state"], again["simulated_minutes"], again["series"]) == ("waiting", 0.0, None)
    begun = runs.next(6)
    assert begun is not None
    assert (begun["run_id"], begun["starts"], begun["started_at"]) == ("r0", 2, 6)
    (failed,) = runs.take_over(7)
    assert (failed["state"], failed["reason"], failed["over_at"]) == ("failed", DIED, 7)


def test_a_process_that_is_told_to_end_costs_a_run_nothing_but_time() -> None:
    runs = started()
    for _ in range(5):
        (given_back,) = runs.give_back()
        assert (given_back["state"], given_back["starts"], given_back["started_at"]) == ("waiting", 0, None)
        again = runs.next(9)
        assert again is not None and again["starts"] == 1


def test_a_full_queue_refuses_and_says_what_to_do() -> None:
    runs = started(1 + WAITING_MAX)
    (refused,) = runs.start(command("more", at=99), PLAN, "", 99)
    assert (refused["state"], refused["reason"]) == ("failed", FULL)
    runs.stop(command("r3", "stop"), 100)
    (taken,) = runs.start(command("yet more", at=101), PLAN, "", 101)
    assert taken["state"] == "waiting"


def test_a_scenario_that_makes_no_sense_has_failed_with_the_reason() -> None:
    (failed,) = Runs().start(command("r"), None, "mine:3: unknown key `lods`", 1)
    assert (failed["state"], failed["reason"], failed["plan"]) == ("failed", "mine:3: unknown key `lods`", None)


def test_the_oldest_that_are_over_are_forgotten_and_no_other() -> None:
    runs = Runs()
    for n in range(KEPT_MAX + 3):
        runs.start(command(f"r{n}", at=n), PLAN, "", n)
        runs.next(n)
        runs.ended(REPORT, n)
    runs.start(command("waits", at=-1), PLAN, "", 0)
    assert runs.forget() == ["r0", "r1", "r2"]
    assert runs.forget() == []
    assert "waits" in runs.known and len(runs.known) == KEPT_MAX + 1


@given(st.sampled_from(["start", "stop"]), st.integers(0, 9))
def test_what_is_over_stays_as_it_is(kind: str, at: int) -> None:
    runs = started()
    runs.ended(REPORT, 1)
    before = dict(runs.known)
    assert runs.start(command("r0", at=at), PLAN, "", 5) == []
    assert runs.stop(command("r0", "stop", at), 5) == []
    assert runs.progressed(1.0, 5, None) == runs.failed("late", 5) == runs.ended(REPORT, 5) == []
    assert runs.known == before


class Machine(RuleBasedStateMachine):
    """The topic of runs as it is written, and the process that writes it, which may die at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = Runs()
        self.topic: dict[str, LabRun] = {}
        self.ends: dict[str, list[str]] = {}
        self.sent: list[LabCommand] = []
        self.now = 0

    def wrote(self, changed: list[LabRun]) -> None:
        self.now += 1
        for run in changed:
            before = self.topic.get(run["run_id"])
            assert before is None or before["state"] not in OVER, "what is over is written no more"
            self.topic[run["run_id"]] = run
            if run["state"] in OVER:
                self.ends.setdefault(run["run_id"], []).append(run["state"])

    @rule(number=st.integers(0, 15), good=st.booleans())
    def starts(self, number: int, good: bool) -> None:
        one = command(f"r{number}", at=self.now)
        self.sent.append(one)
        self.wrote(self.runs.start(one, PLAN if good else None, "" if good else "no sense", self.now))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeats(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.sent))
        known = self.runs.known.get(one["run_id"])
        self.wrote(self.runs.start(one, PLAN, "", self.now))
        assert known is None or self.runs.known[one["run_id"]] == known

    @rule(number=st.integers(0, 15))
    def stops(self, number: int) -> None:
        self.wrote(self.runs.stop(command(f"r{number}", "stop", self.now), self.now))

    @rule()
    def next(self) -> None:
        begun = self.runs.next(self.now)
        self.wrote([begun] if begun else [])

    @rule(minutes=st.floats(0, 20))
    def progresses(self, minutes: float) -> None:
        self.wrote(self.runs.progressed(minutes, 7, SERIES))

    @rule(well=st.booleans())
    def comes_to_its_end(self, well: bool) -> None:
        self.wrote(self.runs.ended(REPORT, self.now) if well else self.runs.failed("it broke", self.now))

    @rule()
    def leaves(self) -> None:
        """It ends as it was told to, and another takes over."""
        self.wrote(self.runs.give_back())
        self.runs = Runs(self.topic.values())
        self.wrote(self.runs.take_over(self.now))

    @rule()
    def dies(self) -> None:
        """Another takes over, with what stands on the topic."""
        self.runs = Runs(self.topic.values())
        self.wrote(self.runs.take_over(self.now))

    @invariant()
    def one_runs_and_each_has_one_end(self) -> None:
        states = [run["state"] for run in self.topic.values()]
        assert states.count("running") <= 1
        assert states.count("waiting") <= WAITING_MAX + 1  # one that starts anew waits beside them
        assert all(len(ends) == 1 for ends in self.ends.values())
        assert self.runs.known == self.topic
        for run in self.topic.values():
            assert run["starts"] <= STARTS_MAX
            assert (run["over_at"] is not None) == (run["state"] in OVER)
            assert (run["report"] is not None) == (run["state"] == "ended")
            assert (run["reason"] != "") == (run["state"] in ("failed", "stopped"))


TestRuns = Machine.TestCase
