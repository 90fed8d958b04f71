"""How the sink waits for its warehouse, with a consumer that only notes what it is told. The rest: test_storing.py."""

from typing import Any

import pytest

from infra import kafka
from infra.settings import Settings
from infra.warehouse.errors import WarehouseDown
from streams.sink import Gone, Sink


class Consumer:
    """Notes which partitions are paused. A poll may bring a new assignment, as a rebalance does."""

    def __init__(self) -> None:
        self.paused: set[str] = set()
        self.places = ["a", "b"]
        self.on_poll: Any = lambda: None

    def assignment(self) -> list[str]:
        return self.places

    def pause(self, places: list[str]) -> None:
        self.paused |= set(places)

    def resume(self, places: list[str]) -> None:
        self.paused -= set(places)

    def poll(self, seconds: float) -> None:
        self.on_poll()


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    made = Consumer()
    monkeypatch.setattr(kafka, "consumer", lambda *_, **__: made)
    monkeypatch.setattr(kafka, "producer", lambda *_, **__: None)
    return made


@pytest.fixture
def sink(consumer: Consumer, tmp_path: Any) -> Sink:
    sink = Sink(Settings(state_dir=str(tmp_path)), 0)
    sink._assigning = False
    return sink


def test_while_the_warehouse_is_away_nothing_is_read_and_then_all_is(sink, consumer):
    tries = []

    def act() -> str:
        tries.append(set(consumer.paused))
        if len(tries) < 3:
            raise WarehouseDown("away")
        return "done"

    assert sink._surely(act) == "done"
    assert tries == [set(), {"a", "b"}, {"a", "b"}] and not consumer.paused


def test_partitions_that_come_while_the_warehouse_is_away_are_read(sink, consumer):
    def rebalance() -> None:
        sink._generation += 1
        consumer.places = ["b", "c"]

    consumer.on_poll = rebalance

    def act() -> None:
        raise WarehouseDown("away")

    with pytest.raises(Gone):
        sink._surely(act)
    assert not consumer.paused & {"b", "c"}
