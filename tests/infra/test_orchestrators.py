"""Who wins, what the loser is told, who is held dead, and how others hear of it: on a real Redis."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from infra.orchestrators import (
    DEGRADED,
    DIED,
    HEALTHY,
    UNHEALTHY,
    Beat,
    Change,
    Held,
    Locks,
    Lost,
    Orchestrators,
    StillAlive,
    Store,
    StoreDown,
    Superseded,
    Watch,
    availability,
    of_partition,
    of_session,
)
from infra.orchestrators.watch import differences
from infra.settings import BadSettings, Settings, as_env, load_settings
from infra.stack import redis_server
from tests.support.running import running_part, settings_in
from tests.support.waiting import until

SESSION, PLACE = of_session("s"), of_partition("router", 0)


class World:
    """A Redis with a clock that the test moves."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.now_s = settings, 1_700_000_000.0
        self.store = Store(settings, lambda: round(self.now_s * 1_000_000))
        self.locks, self.orchestrators = Locks(self.store), Orchestrators(self.store, settings)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("redis"))
    with running_part(redis_server.prepare(settings), settings.state / "log"):
        yield settings


@pytest.fixture
def world(server: Settings) -> Iterator[World]:
    made = World(server)
    made.store._redis.flushall()
    yield made
    made.store.close()


def test_the_first_to_ask_wins_and_the_other_is_told_who_and_for_how_long(world: World) -> None:
    first = world.locks.acquire(SESSION, "program-a", 30)
    with pytest.raises(Held) as held:
        world.locks.acquire(SESSION, "program-b", 30)
    assert (held.value.holder, held.value.token, held.value.left_s) == ("program-a", first.token, 30.0)
    assert str(held.value) == "session/s is held by program-a for 30.0 s more, unless it is renewed; ask again then"


def test_a_holder_that_slept_is_told_who_has_it_since_and_changes_nothing(world: World) -> None:
    slept = world.locks.acquire(SESSION, "program-a", 2)
    world.now_s += 3
    now = world.locks.acquire(SESSION, "program-b", 30)
    assert now.token > slept.token and now.taken_from == "program-a"
    for call in (world.locks.renew, world.locks.release):
        with pytest.raises(Lost, match=f"program-b has it since, with token {now.token}; stop, and ask for it anew"):
            call(slept)
    found = world.locks.held(SESSION)
    assert found is not None and (found.holder, found.token) == ("program-b", now.token)


def test_after_a_release_the_next_one_has_it_at_once(world: World) -> None:
    first = world.locks.acquire(SESSION, "program-a")
    world.locks.release(first)
    assert world.locks.held(SESSION) is None
    assert world.locks.acquire(SESSION, "program-b").token > first.token
    with pytest.raises(Lost):
        world.locks.release(first)


def test_a_holder_is_sure_of_its_lock_no_longer_than_it_lasts(world: World) -> None:
    assert world.locks.acquire(SESSION, "a", 60).sure
    assert not world.locks.acquire(of_session("other"), "a", 0.0).sure


def test_sessions_of_a_dead_orchestrator_are_free_at_once_and_those_of_a_living_one_are_not(world: World) -> None:
    epoch = world.orchestrators.register("a", Beat())
    other = world.orchestrators.register("b", Beat())
    held = [world.locks.acquire(of_session(name), "a", epoch=epoch) for name in ("x", "y")]
    with pytest.raises(StillAlive, match="a is alive"):
        world.locks.takeover("a", "b", epoch=other)
    for _ in range(6):
        world.now_s += 1
        world.orchestrators.heartbeat("b", other, Beat())
    taken = world.locks.takeover("a", "b", epoch=other)
    assert sorted(lock.name for lock in taken) == ["session/x", "session/y"]
    assert {lock.taken_from for lock in taken} == {"a"}
    assert world.locks.takeover("a", "program-c") == [], "who comes second gets nothing"
    with pytest.raises(Lost, match="b has it since"):
        world.locks.renew(held[0])


def test_takeover_goes_on_beyond_what_one_script_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.orchestrators.locks._TAKEN_AT_ONCE", 3)
    epoch = world.orchestrators.register("a", Beat())
    for number in range(7):
        world.locks.acquire(of_session(str(number)), "a", epoch=epoch)
    world.orchestrators.leave("a", epoch)
    assert world.locks.takeover("a", "b") == [], "one that ended by its will has given all back"
    epoch = world.orchestrators.register("a", Beat())
    for number in range(7):
        world.locks.acquire(of_session(str(number)), "a", epoch=epoch)
    world.orchestrators.register("a", Beat())
    assert len(world.locks.takeover("a", "a")) == 7, "a new life may take what its last one had"


def test_kafkas_newer_assignment_beats_a_worker_that_still_claims_an_older_one(world: World) -> None:
    zombie = world.orchestrators.register("router-0", Beat())
    _, claims = world.orchestrators.heartbeat("router-0", zombie, Beat(), {PLACE: 7})
    owner = world.orchestrators.register("router-1", Beat())
    _, newer = world.orchestrators.heartbeat("router-1", owner, Beat(), {PLACE: 8})
    assert newer[PLACE].holder == "router-1" and newer[PLACE].token > claims[PLACE].token
    _, again = world.orchestrators.heartbeat("router-0", zombie, Beat(), {PLACE: 7}, {})
    assert again[PLACE] == newer[PLACE]._replace(taken_from="", silent_s=0.0), "the loser sees who has it"
    world.orchestrators.heartbeat("router-0", zombie, Beat(), {}, {PLACE: claims[PLACE].token})
    found = world.locks.held(PLACE)
    assert found is not None and found.holder == "router-1", "what it gives back late is not its own any more"


def test_a_newer_process_of_the_name_supersedes_the_elder(world: World) -> None:
    elder = world.orchestrators.register("router-0", Beat())
    world.orchestrators.register("router-0", Beat())
    with pytest.raises(Superseded, match="end this one, or give it an index of its own"):
        world.orchestrators.heartbeat("router-0", elder, Beat())
    with pytest.raises(Superseded):
        world.orchestrators.leave("router-0", elder)


def test_health_falls_with_silence_and_availability_counts_those_that_died(world: World) -> None:
    world.orchestrators.register("a", Beat(current_load=3, max_capacity=9, instance_info={"host": "h"}))
    there = world.orchestrators.register("b", Beat())
    gone = world.orchestrators.register("c", Beat())
    world.orchestrators.leave("c", gone)
    found = []
    for _ in range(6):
        world.now_s += 1
        world.orchestrators.heartbeat("b", there, Beat())
        found.append(world.orchestrators.list())
    health = [rows[0].health_status for rows in found]
    assert health == [HEALTHY, HEALTHY, DEGRADED, DEGRADED, DEGRADED, UNHEALTHY]
    a, b, c = found[-1]
    assert (a.status, a.ended, a.current_load, a.max_capacity) == ("terminated", DIED, 3, 9)
    assert (b.status, b.ended, c.ended) == ("active", "", "stopped")
    assert availability([a, b, c]) == 0.5 and availability([c]) is None


def test_who_died_is_forgotten_after_an_hour(world: World) -> None:
    epoch = world.orchestrators.register("a", Beat())
    world.orchestrators.leave("a", epoch)
    assert 3_500_000 < world.store._redis.pttl("{headway:orchestrators}:orch:a") <= 3_600_000


def test_after_an_outage_of_redis_nobody_is_held_dead_before_all_could_speak(world: World) -> None:
    epochs = {name: world.orchestrators.register(name, Beat()) for name in ("a", "b")}
    lock = world.locks.acquire(SESSION, "a", epoch=epochs["a"])
    world.now_s += 60  # nobody could say anything
    world.orchestrators.heartbeat("b", epochs["b"], Beat())
    with pytest.raises(Held):
        world.locks.acquire(SESSION, "b", epoch=epochs["b"])
    world.now_s += 1
    world.orchestrators.heartbeat("a", epochs["a"], Beat())
    assert world.locks.renew(lock).token == lock.token


def test_what_redis_lost_is_there_again_with_the_next_heartbeat_and_tokens_go_on_rising(world: World) -> None:
    epoch = world.orchestrators.register("a", Beat())
    _, before = world.orchestrators.heartbeat("a", epoch, Beat(), {PLACE: 1})
    session = world.locks.acquire(SESSION, "program")
    world.store._redis.flushall()
    world.now_s += 0.01
    with pytest.raises(Lost, match="its time is over"):
        world.locks.renew(session)
    _, after = world.orchestrators.heartbeat("a", epoch, Beat(), {PLACE: 1})
    assert after[PLACE].token > before[PLACE].token
    assert world.locks.acquire(SESSION, "program").token > session.token
    assert [one.orchestrator_id for one in world.orchestrators.list()] == ["a"]


def test_a_heartbeat_has_to_fit_thrice_into_the_failover_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_ORCHESTRATOR_HEARTBEAT_S", "3")
    with pytest.raises(BadSettings, match="at most a third"):
        load_settings()


def test_the_example_of_the_document_runs(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Path(__file__).parents[2] / "docs" / "orchestrators.md"
    [example] = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for name, value in as_env(world.settings).items():
        monkeypatch.setenv(name, value)
    exec(example, {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["first", "second"]
    Locks(Store(world.settings)).acquire(of_session("order-4711"), "another", 30)
    exec(example, {})
    assert re.fullmatch(r"another is at it for (30|[12]\d) s more\n", capsys.readouterr().out)


def test_differences_are_what_is_told() -> None:
    before = {("line", "router/0"): ("router-0", 5), ("orchestrator", "router-0"): ("active", 4)}
    after = {("line", "router/0"): ("router-1", 9), ("session", "s"): ("program", 8)}
    assert list(differences(before, after)) == [
        Change("line", "router/0", "router-0", "router-1", 9),
        Change("orchestrator", "router-0", "active", "", 0),
        Change("session", "s", "", "program", 8),
    ]


@contextmanager
def told(settings: Settings) -> Iterator[list[Change]]:
    """What a watcher in a thread of its own has been told so far."""
    found: list[Change] = []
    stop, watch = Event(), Watch(settings, [SESSION])

    def listen() -> None:
        while not stop.is_set():
            for change in watch.changes(0.5):
                if change not in found:
                    found.append(change)

    thread = Thread(target=listen)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
        watch.close()


def test_a_watcher_hears_of_changes_and_goes_on_after_a_restart_of_redis(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    log = settings.state / "log"
    with running_part(redis_server.prepare(settings), log):
        store = Store(settings)
        locks = Locks(store)
        with told(settings) as found:
            lock = locks.acquire(SESSION, "program")
            until(lambda: Change("session", "s", "", "program", lock.token) in found, 5, "told of the holder")
            Orchestrators(store, settings).register("gateway", Beat())
            until(lambda: any(c.name == "gateway" and c.after == "active" for c in found), 5, "told of who joined")
    with pytest.raises(StoreDown, match="does not answer"):
        locks.held(SESSION)
    with told(settings) as found, running_part(redis_server.prepare(settings), log):
        # Whatever of it was on the disk: somebody has it again, with a token of its own.
        store._redis.flushall()
        newer = locks.acquire(SESSION, "program-b")
        assert newer.token > lock.token
        until(lambda: any(c[3:] == ("program-b", newer.token) for c in found), 5, "told after the restart")
    store.close()


def test_a_notice_comes_at_once_and_not_only_with_the_next_look(
    server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.orchestrators.watch.LOOK_S", 20.0)
    watch, store = Watch(server, [SESSION]), Store(server)
    locks = Locks(store)
    lock = locks.acquire(SESSION, "program")
    changes = watch.changes(15.0)
    assert any(change.name == "s" and change.after == "program" for change in changes)
    started = time.monotonic()
    releasing = Thread(target=locks.release, args=[lock])
    releasing.start()
    assert any(change.name == "s" and change.after == "" for change in changes)
    assert time.monotonic() - started < 5
    releasing.join()
    watch.close()
    store.close()
