"""`headway orchestrators` and its route: what Redis says of the workers, for people and for programs."""

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from gateway.cli import headway
from gateway.errors import Unreachable
from gateway.server.declare import Call
from gateway.server.routes.orchestrators import PARTS, ROUTES, list_orchestrators
from gateway.server.shapes import problems
from gateway.server.slow import Slow
from infra.orchestrators import Beat, Locks, Orchestrators, Store, of_partition, of_session
from infra.settings import Settings, as_env
from infra.stack import redis_server
from schemas.partition import partition_of
from tests.support.running import running_part, settings_in

SESSION = "session-7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Where a router has the partition of our session, another has none, a dispatcher has ended, and a program holds
    the session for itself."""
    settings = settings_in(tmp_path_factory.mktemp("redis"), orchestrator_failover_s=60.0)
    with running_part(redis_server.prepare(settings), settings.state / "log"):
        store = Store(settings)
        there, locks = Orchestrators(store, settings), Locks(store)
        place = of_partition("router", partition_of(SESSION.encode(), settings.partitions))
        beat = Beat(current_load=3, max_capacity=1000, active_sessions=1, session_ids=(SESSION,))
        router = there.register("router-0", beat._replace(instance_info={"service": "router", "host": "h", "pid": 7}))
        there.heartbeat("router-0", router, beat._replace(instance_info={"service": "router", "host": "h"}), {place: 1})
        there.register("router-1", Beat(status="sleeping"))
        there.leave("dispatcher-0", there.register("dispatcher-0", Beat()))
        locks.acquire(of_session(SESSION), "my-program", 60)
        store.close()
        yield settings


def said(settings: Settings, *words: str) -> Result:
    result = CliRunner(env=as_env(settings)).invoke(headway, ["orchestrators", *words])
    assert result.exit_code == 0, result.output
    return result


def test_who_works_is_shown_with_status_load_and_partitions(server: Settings) -> None:
    lines = said(server).stdout.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["dispatcher-0", "stopped", "unhealthy", "0/0"],
        ["router-0", "active", "healthy", "3/1,000"],
        ["router-1", "sleeping", "healthy", "0/0"],
    ]
    rows = {row["orchestrator_id"]: row for row in map(json.loads, said(server, "--json").stdout.splitlines())}
    place = partition_of(SESSION.encode(), server.partitions)
    assert rows["router-0"]["partitions"] == [f"router/{place}"]
    assert rows["router-0"]["session_ids"] == [SESSION]


def test_the_owner_of_a_session_is_the_router_of_its_partition_beside_who_holds_it(server: Settings) -> None:
    found = json.loads(said(server, "owner", SESSION, "--json").stdout)
    assert found["router"]["holder"] == "router-0" and found["held_by"]["holder"] == "my-program"
    text = said(server, "owner", SESSION).stdout
    assert "which router-0 has" in text and "my-program holds it for itself for" in text
    places = [f"session-{number}" for number in range(20)]
    other = next(name for name in places if partition_of(name.encode(), 4) != partition_of(SESSION.encode(), 4))
    assert "which nobody has at this moment" in said(server, "owner", other).stdout


def test_a_watch_tells_what_is_there_first(server: Settings) -> None:
    lines = said(server, "watch", SESSION, "--for", "1s").stdout
    assert "orchestrator router-0: - → active" in lines
    assert f"session {SESSION}: - → my-program" in lines


def test_without_redis_the_command_says_that_the_line_works_on() -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0")
    result = CliRunner(env=as_env(settings)).invoke(headway, ["orchestrators"])
    assert result.exit_code == 3
    assert "Redis at 127.0.0.1:1/0 does not answer" in result.output and "The line works without" in result.output


def test_the_route_answers_as_declared_and_names_no_session(server: Settings) -> None:
    given = {"cursor": None, "limit": 10}
    call = cast(Call, SimpleNamespace(services=SimpleNamespace(settings=server, slow=Slow()), given=given))
    told: Any = asyncio.run(list_orchestrators(call)).body
    assert list(problems(ROUTES[0].answer, told, PARTS)) == []
    assert [row["orchestrator_id"] for row in told["orchestrators"]] == ["dispatcher-0", "router-0", "router-1"]
    assert told["availability"] == 1.0
    assert SESSION not in json.dumps(told)


AWAY = Settings(redis_url="redis://127.0.0.1:1/0")


def test_the_route_says_so_when_redis_is_away() -> None:
    call = SimpleNamespace(services=SimpleNamespace(settings=AWAY, slow=Slow()))
    with pytest.raises(Unreachable, match="the line works without"):
        asyncio.run(list_orchestrators(cast(Call, call)))
