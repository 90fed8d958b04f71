"""Who takes no work is asked: three probes that are not answered put an instance out, two that are bring it back."""

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from processors.probing import ANSWERED, UNANSWERED
from tests.support.world import SECOND, World, decision, result, submission

EVERY_S, ANSWER_S, BEAT_S = 30, 10, 2
NAMES = [f"writer-{n}" for n in range(6)]


class Hosts:
    """Of one pool, with a dispatcher: each has some instances, and may beat without reading its assignments."""

    def __init__(self, *hosts: list[str], **limits: Any) -> None:
        self.world = World(**limits)
        self.of = {f"host-{n}": names for n, names in enumerate(hosts)}
        self.lives = dict.fromkeys(self.of, 0)
        self.stuck: set[str] = set()
        self.silent: set[str] = set()
        self.old: set[str] = set()
        """Those that answer no probes."""
        self.running: dict[str, list[dict[str, Any]]] = {}
        """By instance: what it has in hand for long."""
        self.probed: dict[str, int] = {}
        self._read = 0

    def read(self) -> None:
        """Hosts that are not stuck read what was assigned since."""
        fresh, self._read = self.world.sent[self._read :], len(self.world.sent)
        for send in fresh:
            host = self.host_of(send.key) if send.topic == "tasks.assigned" else None
            if host and send.value["kind"] == "probe" and not {host} & (self.stuck | self.silent):
                self.probed[send.key] = send.value["assigned_at"]

    def host_of(self, name: str) -> str:
        return next(host for host, names in self.of.items() if name in names)

    def beat(self, *, crash: bool = False) -> None:
        """All that speak, and what they have read; then they wait for the next time."""
        for host in self.of:
            if host not in self.silent:
                self.world.do("heartbeat", self.heartbeat(host), crash=crash)
        self.read()
        self.world.wait(BEAT_S)

    def heartbeat(self, host: str) -> dict[str, Any]:
        names = self.of[host]
        event: dict[str, Any] = {
            "event_id": f"{host}/{self.world.now}",
            "pool": "writer",
            "agent_id": "writer",
            "host_id": host,
            "incarnation": f"{host}/{self.lives[host]}",
            "sequence": 0,
            "at": self.world.now,
            "draining": False,
            "zone": "",
            "strays": [],
            "cpu_used": None,
        }
        listed = [
            {
                "instance_id": name,
                "running": self.running.get(name, []),
                "probed_at": None if host in self.old else self.probed.get(name, 0),
            }
            for name in names
        ]
        return event | {"instances": listed}

    def spend(self, seconds: float) -> None:
        for _ in range(int(seconds / BEAT_S)):
            self.beat()

    def start_again(self, host: str) -> None:
        self.lives[host] += 1
        self.stuck.discard(host)
        for name in self.of[host]:
            self.probed.pop(name, None)

    def steps(self, subject: str) -> list[str]:
        return [e["what"] for e in self.world.of("fleet.events") if e["subject"] == subject]

    def state(self, name: str) -> str:
        return self.world.dispatcher.pools["writer"].instances[name].health.state

    def work(self, task_id: str) -> str:
        """A task that is done at once; the instance that did it."""
        self.world.do("decision", decision(submission(task_id)))
        (run,) = self.world.runs(task_id)
        self.world.now += 1  # what is given, is given before it is done
        self.world.do("result", result(run, now=self.world.now))
        return str(run["instance_id"])


def six(stuck: int = 0) -> Hosts:
    """Three hosts with two instances each."""
    hosts = Hosts(NAMES[:2], NAMES[2:4], NAMES[4:])
    hosts.stuck |= {f"host-{n}" for n in range(stuck)}
    return hosts


def test_an_idle_instance_is_asked_every_30_s_and_not_all_at_once() -> None:
    hosts = six()
    hosts.spend(300)
    asked: dict[str, list[int]] = {name: [] for name in NAMES}
    for assigned in hosts.world.of("tasks.assigned"):
        assert (assigned["kind"], assigned["timeout_ms"], assigned["task_id"]) == ("probe", 10_000, "")
        asked[assigned["instance_id"]].append(assigned["assigned_at"])
    for times in asked.values():
        gaps = {(b - a) / SECOND for a, b in pairwise(times)}
        assert len(times) in (9, 10) and gaps == {EVERY_S}
    assert len({times[0] for times in asked.values()}) > 1
    assert hosts.world.of("fleet.events") == []


def test_a_host_that_beats_and_reads_nothing_is_found_and_gets_no_work_until_it_answers_again() -> None:
    hosts = six()
    hosts.spend(60)
    hosts.stuck.add("host-0")
    hosts.spend(130)
    for name in NAMES[:2]:
        assert hosts.steps(name) == ["ping"] * UNANSWERED + ["ejected"]
    ejected = [e for e in hosts.world.of("fleet.events") if e["what"] == "ejected"]
    assert {(e["host_id"], e["detail"]) for e in ejected} == {("host-0", "3 probes in a row were not answered")}
    status = hosts.world.of("pools.status")[-1]
    assert [one["instance_id"] for one in status["ill"]] == NAMES[:2] and status["slots"] == 4 * 5
    assert {hosts.work(f"t{n}") for n in range(20)} == set(NAMES[2:])
    hosts.stuck.clear()
    hosts.spend(2 * EVERY_S + 2 * BEAT_S)
    for name in NAMES[:2]:
        assert hosts.steps(name)[4:] == ["verified"] * ANSWERED + ["well"]
    assert {hosts.work(f"u{n}") for n in range(20)} == set(NAMES)


def test_the_recovery_of_a_host_that_is_started_again_is_told_step_by_step() -> None:
    hosts = six(stuck=1)
    hosts.spend(150)
    hosts.start_again("host-0")
    hosts.beat()
    asked_at = hosts.world.probes()
    assert all(asked_at[name] >= hosts.world.now - BEAT_S * SECOND for name in NAMES[:2]), "asked at once"
    hosts.spend(EVERY_S + 2 * BEAT_S)
    assert hosts.steps(NAMES[0]) == ["ping"] * 3 + ["ejected", "restarted"] + ["verified"] * 2 + ["well"]


def test_one_that_was_mute_and_then_silent_has_to_answer_before_it_works_again() -> None:
    hosts = six(stuck=1)
    hosts.spend(150)
    hosts.silent.add("host-0")
    hosts.spend(60)
    assert hosts.world.dispatcher.pools["writer"]._peers.ill == 0, "it stands in nobody's way"
    hosts.silent.clear()
    hosts.start_again("host-0")
    hosts.beat()
    assert hosts.state(NAMES[0]) == "mute"
    hosts.spend(EVERY_S + 2 * BEAT_S)
    assert hosts.steps(NAMES[0])[4:] == ["restarted"] + ["verified"] * 2 + ["well"]


def test_what_all_suffer_from_puts_nobody_out_and_is_told_once() -> None:
    hosts = six(stuck=3)
    hosts.spend(300)
    assert {hosts.state(name) for name in NAMES} == {"well"}
    assert all(hosts.steps(name) == ["ping"] * UNANSWERED for name in NAMES)
    assert hosts.steps("writer") == ["silent"]
    hosts.stuck.clear()
    hosts.spend(2 * EVERY_S + 2 * BEAT_S)
    assert hosts.steps("writer") == ["silent", "well"]
    assert all(hosts.steps(name)[3:] == ["verified"] * 2 for name in NAMES)


def test_no_more_than_a_third_is_out_and_who_stays_is_told() -> None:
    hosts = six(stuck=2)
    hosts.spend(200)
    assert sorted(hosts.state(name) for name in NAMES) == ["mute"] * 2 + ["well"] * 4
    assert all(hosts.steps(name)[:3] == ["ping"] * 3 for name in NAMES[:4])


def test_who_works_is_not_asked() -> None:
    hosts = Hosts(NAMES[:1])
    for n in range(60):
        hosts.work(f"t{n}") if n else None
        hosts.beat()
    assert hosts.world.probes() == {}


def test_work_that_was_given_before_says_nothing_of_now() -> None:
    hosts = Hosts(NAMES[:1], NAMES[1:2])
    hosts.world.do("heartbeat", hosts.heartbeat("host-0"))
    hosts.world.do("decision", decision(submission("long")))
    (run,) = hosts.world.runs("long")
    hosts.running[NAMES[0]] = [{"task_id": "long", "attempt": 1}]
    hosts.stuck.add("host-0")
    while hosts.steps(NAMES[0]) != ["ping"] * 2:
        hosts.beat()
    judged = hosts.world.probes()[NAMES[0]]
    while hosts.world.probes()[NAMES[0]] == judged:
        hosts.beat()
    hosts.world.do("result", result(run, now=hosts.world.now))
    assert hosts.world.outcomes("long")
    hosts.spend(ANSWER_S)
    assert hosts.steps(NAMES[0]) == ["ping"] * 3 + ["ejected"]


def test_work_that_was_given_after_a_probe_and_is_done_answers_it() -> None:
    hosts = Hosts(NAMES[:1], NAMES[1:2])
    hosts.spend(40)
    hosts.stuck.add("host-0")
    while hosts.world.probes()[NAMES[0]] < hosts.world.now - BEAT_S * SECOND:
        hosts.beat()
    while hosts.work(f"t{hosts.world.now}") != NAMES[0]:
        pass
    hosts.spend(ANSWER_S + BEAT_S)
    assert hosts.steps(NAMES[0]) == []


def test_a_host_that_answers_none_is_not_asked_and_one_that_became_so_is_excused() -> None:
    hosts = six(stuck=1)
    hosts.old.add("host-2")
    hosts.spend(150)
    assert not {*NAMES[4:]} & hosts.world.probes().keys()
    assert hosts.state(NAMES[0]) == "mute"
    hosts.lives["host-0"] += 1
    hosts.old.add("host-0")
    hosts.beat()
    assert hosts.state(NAMES[0]) == "well" and hosts.steps(NAMES[0])[-1] == "well"


def test_an_answer_that_comes_too_late_counts_as_none() -> None:
    hosts = six()
    late: list[str] = []
    for _ in range(100):
        hosts.stuck.add("host-0")
        hosts.beat()
        for name in NAMES[:2]:
            asked_at = hosts.world.probes().get(name, 0)
            if hosts.world.now - asked_at > (ANSWER_S + BEAT_S) * SECOND:
                hosts.probed[name] = asked_at
                late.append(name)
    assert set(late) == set(NAMES[:2])
    assert {hosts.state(name) for name in NAMES[:2]} == {"mute"}


def test_what_a_host_said_before_the_time_was_over_holds_it_not_guilty_however_late_it_is_read() -> None:
    hosts = six()
    while not hosts.world.probes():
        hosts.beat()
    ((name, asked_at),) = hosts.world.probes().items()
    said = hosts.heartbeat(hosts.host_of(name)) | {"at": asked_at}
    for one in said["instances"]:
        one["probed_at"] = 0
    hosts.world.now = asked_at + ANSWER_S * SECOND
    hosts.world.do("heartbeat", said)
    hosts.spend(EVERY_S)
    assert hosts.steps(name) == []


def test_what_was_asked_is_void_when_the_instance_goes_and_comes_back() -> None:
    hosts = six(stuck=1)
    while NAMES[0] not in hosts.world.probes():
        hosts.beat()
    hosts.of["host-0"].remove(NAMES[0])
    hosts.beat()
    hosts.of["host-0"].append(NAMES[0])
    hosts.spend(ANSWER_S)
    assert hosts.steps(NAMES[0]) == []


def test_answers_that_bring_it_back_are_in_a_row() -> None:
    hosts = six(stuck=1)
    hosts.spend(150)
    told = len(hosts.steps(NAMES[0]))
    for stuck in (False, True, False):
        (hosts.stuck.add if stuck else hosts.stuck.discard)("host-0")
        hosts.spend(EVERY_S)
    assert hosts.steps(NAMES[0])[told:] == ["verified"] * 2 and hosts.state(NAMES[0]) == "mute"
    hosts.spend(EVERY_S)
    assert hosts.steps(NAMES[0])[told:] == ["verified"] * 3 + ["well"]


def test_nobody_is_asked_where_probes_are_off() -> None:
    hosts = Hosts(NAMES[:3], NAMES[3:], probe_us=0)
    hosts.spend(200)
    assert hosts.world.probes() == {}


class Probing(RuleBasedStateMachine):
    """Hosts that get stuck, fall silent, start again, move their instances and do work, under a dispatcher that may
    crash at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts = six()
        self.faulty: set[str] = set()
        """Instances that ever were on a host that was stuck or silent."""
        self.tasks = 0

    @property
    def world(self) -> World:
        return self.hosts.world

    @rule(seconds=st.sampled_from([2, 10, 40, 130]), crash=st.booleans())
    def time_passes(self, seconds: int, crash: bool) -> None:
        self.hosts.beat(crash=crash)
        for _ in range(seconds // BEAT_S):
            self.hosts.beat()
            for name in NAMES:  # a probe that was not read yet has at least its time
                self.unjustly_out(name)

    def unjustly_out(self, name: str) -> None:
        assert name in self.faulty or self.hosts.state(name) == "well", name

    @rule(host=st.sampled_from(["host-0", "host-1", "host-2"]), silent=st.booleans())
    def fails(self, host: str, silent: bool) -> None:
        (self.hosts.silent if silent else self.hosts.stuck).add(host)
        self.faulty |= set(self.hosts.of[host])

    @rule(host=st.sampled_from(["host-0", "host-1", "host-2"]), again=st.booleans())
    def recovers(self, host: str, again: bool) -> None:
        self.hosts.stuck.discard(host)
        self.hosts.silent.discard(host)
        if again:
            self.hosts.start_again(host)

    @rule(name=st.sampled_from(NAMES), to=st.sampled_from(["host-0", "host-1", "host-2"]))
    def moves(self, name: str, to: str) -> None:
        self.hosts.of[self.hosts.host_of(name)].remove(name)
        self.hosts.of[to].append(name)
        self.hosts.probed.pop(name, None)
        if to in self.hosts.stuck | self.hosts.silent:
            self.faulty.add(name)

    @precondition(lambda self: self.world.dispatcher.pools)
    @rule()
    def works(self) -> None:
        """A task; a host that cannot do it leaves it to time."""
        self.tasks += 1
        task_id = f"t{self.tasks}"
        self.world.do("decision", decision(submission(task_id)))
        for run in self.world.runs(task_id):
            instance = self.world.dispatcher.pools["writer"].instances[run["instance_id"]]
            assert instance.health.state in ("well", "trial"), "who is mute gets no work"
            if self.hosts.host_of(run["instance_id"]) not in self.hosts.stuck | self.hosts.silent:
                self.world.now += 1
                self.world.do("result", result(run, now=self.world.now))

    @rule()
    def the_dispatcher_crashes(self) -> None:
        self.world.crash()
        pools = self.world.dispatcher.pools.values()
        assert not [i for pool in pools for i in pool.instances.values() if i.health.state != "well"]

    @invariant()
    def the_ill_are_counted_and_two_thirds_work(self) -> None:
        for pool in self.world.dispatcher.pools.values():
            ill = sum(i.health.state != "well" for i in pool.instances.values())
            assert ill == pool._peers.ill <= len(NAMES) // 3

    @invariant()
    def nobody_is_put_out_before_three_probes_in_a_row(self) -> None:
        pings: dict[str, int] = {}
        for event in self.world.of("fleet.events"):
            subject, what = event["subject"], event["what"]
            if what == "ping":
                pings[subject] = pings.get(subject, 0) + 1
            elif what == "ejected" and "probes" in event["detail"]:
                assert pings.get(subject, 0) >= UNANSWERED, (subject, pings)
            elif what == "well":
                pings.pop(subject, None)

    def teardown(self) -> None:
        """Once all hosts read again, all are well within two probes and the time a trial may take."""
        for host in self.hosts.of:
            self.recovers(host, False)
        for _ in range(400):
            self.hosts.beat()
            if all(self.hosts.state(name) == "well" for name in NAMES) and not self.world.dispatcher.tasks:
                break
            self.works()
        assert {self.hosts.state(name) for name in NAMES} == {"well"}


Probing.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestProbing = Probing.TestCase
