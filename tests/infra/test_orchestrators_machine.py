"""Any interleaving of locks, heartbeats, expiry, takeover and losses of Redis, on a real Redis with a clock of ours.

The model is the rules in words: what it says and what Redis says must be the same after every step.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from infra.orchestrators import Beat, Held, Lock, Locks, Lost, Orchestrators, StillAlive, Store, Superseded
from infra.settings import Settings
from infra.stack import redis_server
from tests.support.running import running_part, settings_in

SECOND = 1_000_000
FAILOVER = 5 * SECOND
NAMES = ("session/a", "session/b", "line/router/0")
OUTSIDERS = ("gateway", "program")
WORKERS = ("router-0", "router-1")
WHO = st.sampled_from(OUTSIDERS + WORKERS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    server = settings_in(tmp_path_factory.mktemp("redis"))
    with running_part(redis_server.prepare(server), server.state / "log"):
        yield server


class Hold(NamedTuple):
    holder: str
    epoch: int
    token: int
    ends: int
    rank: int


class Life(NamedTuple):
    epoch: int
    heard: int
    ended: bool


class Machine(RuleBasedStateMachine):
    server: Settings

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000 * SECOND
        self.store = Store(self.server, lambda: self.now)
        self.store._redis.flushall()
        self.locks, self.orchestrators = Locks(self.store), Orchestrators(self.store, self.server)
        self.given: dict[int, Lock] = {}
        """Every token that was ever given, with what it was given for."""
        self.epochs: dict[str, int] = dict.fromkeys(WORKERS, 0)
        """As the living processes know them."""
        self.elders: list[tuple[str, int]] = []
        self.forget()

    def forget(self) -> None:
        self.holds: dict[str, Hold] = {}
        self.lives: dict[str, Life] = {}
        self.asked = self.quiet = 0
        self.beaten = self.counts = False

    # -- the rules in words

    def call(self) -> None:
        """Time goes on with every call; when nobody asked for as long as a failover takes, nobody is held dead yet."""
        self.now += 1000
        if self.beaten and self.now - self.asked > FAILOVER:
            self.quiet = self.now + FAILOVER
        self.asked = self.now

    def silent(self, life: Life) -> bool:
        return self.now - life.heard > FAILOVER and self.now >= self.quiet

    def alive(self, who: str, epoch: int) -> bool:
        life = self.lives.get(who)
        return life is not None and life.epoch == epoch and not life.ended and not self.silent(life)

    def valid(self, name: str) -> Hold | None:
        hold = self.holds.get(name)
        if hold is None or hold.ends <= self.now or (hold.epoch and not self.alive(hold.holder, hold.epoch)):
            return None
        return hold

    def grants(self, lock: Lock, epoch: int, ttl: int, rank: int) -> None:
        assert all(lock.token > token for token in self.given), "a token is higher than all before it"
        assert all(lock.token > epoch for _, epoch in self.elders)
        before = self.valid(lock.name)
        assert before is None or rank > before.rank, "nobody takes from a valid holder of as high a rank"
        self.given[lock.token] = lock
        self.counts = True
        self.holds[lock.name] = Hold(lock.holder, epoch, lock.token, self.now + ttl, rank)

    # -- what may happen

    @initialize()
    def both_are_there(self) -> None:
        for who in WORKERS:
            self.starts(who)

    @rule(name=st.sampled_from(NAMES), who=WHO, ttl_s=st.sampled_from((2, 20)), rank=st.sampled_from((0, 0, 1)))
    def acquires(self, name: str, who: str, ttl_s: int, rank: int) -> None:
        self.call()
        epoch = self.epochs.get(who, 0)
        try:
            lock = self.locks.acquire(name, who, ttl_s, rank=rank, epoch=epoch)
        except Held as error:
            hold = self.valid(name)
            assert hold is not None and rank <= hold.rank
            assert (error.holder, error.token) == (hold.holder, hold.token)
            return
        self.grants(lock, epoch, ttl_s * SECOND, rank)

    @rule(data=st.data(), release=st.booleans())
    def comes_back_with_a_token(self, data: st.DataObject, release: bool) -> None:
        """Any that was ever given, also one that was lost long ago."""
        if not self.given:
            return
        lock = self.given[data.draw(st.sampled_from(sorted(self.given)))]
        self.call()
        hold = self.valid(lock.name)
        ours = hold is not None and hold.token == lock.token
        try:
            if release:
                self.locks.release(lock)
            else:
                self.locks.renew(lock, 3)
        except Lost:
            assert not ours
            return
        assert hold is not None and ours
        if release:
            del self.holds[lock.name]
        else:
            self.holds[lock.name] = hold._replace(ends=self.now + 3 * SECOND)

    @rule(who=st.sampled_from(WORKERS))
    def starts(self, who: str) -> None:
        """A new process of the name, whether the one before has ended or not."""
        self.call()
        self.elders.append((who, self.epochs[who]))
        epoch = self.epochs[who] = self.orchestrators.register(who, Beat())
        assert all(epoch > token for token in self.given)
        self.beaten = self.counts = True
        self.lives[who] = Life(epoch, self.now, False)
        self.sweeps()

    @rule(data=st.data(), who=st.sampled_from(WORKERS), holds=st.booleans(), rank=st.integers(0, 3))
    def beats(self, data: st.DataObject, who: str, holds: bool, rank: int) -> None:
        """It may give back what it has, or what it lost long ago."""
        self.call()
        epoch, name = self.epochs[who], NAMES[2]
        had = [token for token, lock in self.given.items() if (lock.name, lock.holder) == (name, who)]
        back = {name: token} if had and (token := data.draw(st.sampled_from([0, *had]))) else {}
        _, claims = self.orchestrators.heartbeat(who, epoch, Beat(), {name: rank} if holds else {}, back)
        self.beaten = True
        self.lives[who] = Life(epoch, self.now, False)
        self.sweeps()
        before = self.valid(name)
        if before is not None and back.get(name) == before.token:
            del self.holds[name]
        if holds:
            self.claimed(who, epoch, claims[name].holder, claims[name].token, rank)

    def claimed(self, who: str, epoch: int, holder: str, token: int, rank: int) -> None:
        hold = self.valid(NAMES[2])
        if hold is not None and token == hold.token:
            assert holder == hold.holder, "one holder a token"
            if (hold.holder, hold.epoch) != (who, epoch):
                assert rank <= hold.rank
            elif self.given[token].taken_from == "by heartbeat":
                self.holds[NAMES[2]] = hold._replace(ends=self.now + FAILOVER, rank=rank)
            return
        assert holder == who
        self.grants(Lock(NAMES[2], who, token, 0.0, "by heartbeat"), epoch, FAILOVER, rank)

    @rule(index=st.integers(0, 50))
    def an_elder_of_the_name_beats(self, index: int) -> None:
        who, epoch = self.elders[index % len(self.elders)]
        life = self.lives.get(who)
        if epoch == 0 or life is None:
            return
        self.call()
        with pytest.raises(Superseded):
            self.orchestrators.heartbeat(who, epoch, Beat(), {NAMES[2]: 9})

    @rule(who=st.sampled_from(WORKERS))
    def leaves(self, who: str) -> None:
        life = self.lives.get(who)
        if life is None:
            return
        self.call()
        for name in NAMES:
            hold = self.valid(name)
            if hold is not None and (hold.holder, hold.epoch) == (who, life.epoch):
                del self.holds[name]
        self.orchestrators.leave(who, life.epoch)
        self.lives[who] = life._replace(ended=True)

    @rule(dead=WHO, holder=WHO)
    def takes_over(self, dead: str, holder: str) -> None:
        self.call()
        life, epoch = self.lives.get(dead), self.epochs.get(holder, 0)
        wanted = {
            name
            for name in NAMES[:2]
            if (hold := self.holds.get(name)) and hold.holder == dead and hold.ends > self.now and not self.valid(name)
        }
        try:
            taken = self.locks.takeover(dead, holder, 20, epoch=epoch)
        except StillAlive:
            assert life is not None and dead != holder and self.alive(dead, life.epoch)
            return
        assert dead == holder or life is None or not self.alive(dead, life.epoch)
        assert {lock.name for lock in taken} == wanted
        for lock in taken:
            self.grants(lock, epoch, 20 * SECOND, 0)

    @rule(seconds=st.sampled_from((0.5, 2.0, 4.9, 5.1, 30.0)))
    def time_goes_by(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    @rule()
    def the_clock_is_set_back(self) -> None:
        """Not before the first token after a loss: until then the clock is all that is left to count by."""
        if self.counts:
            self.now -= SECOND // 2

    @rule()
    def redis_loses_everything(self) -> None:
        """By the time that it is back its clock is past what it was."""
        self.now = max(self.now, 1 + max([0, *self.given, *self.epochs.values()]))
        self.store._redis.flushall()
        self.forget()

    def sweeps(self) -> None:
        for who, life in self.lives.items():
            if self.silent(life):
                self.lives[who] = life._replace(ended=True)

    # -- what always holds

    @invariant()
    def redis_says_what_the_rules_say(self) -> None:
        for name in NAMES:
            self.call()
            found, hold = self.locks.held(name), self.valid(name)
            assert (found and (found.holder, found.token)) == (hold and (hold.holder, hold.token))

    def teardown(self) -> None:
        self.store.close()


def test_one_holder_a_token_and_only_what_is_over_is_taken_whatever_happens_in_whatever_order(server: Settings) -> None:
    Machine.server = server
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
