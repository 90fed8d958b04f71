"""What is thought of beside a loop: in its order, whatever goes wrong; and whose next hour is looked at."""

import pytest

from processors.scaling.history import LEAST_S, STEP_S
from streams import foresight
from streams.beside import Beside
from tests.support.scaling import T0
from tests.support.waiting import until


def test_tasks_are_done_in_their_order_and_one_that_fails_stops_none():
    beside: Beside[int] = Beside("test")
    taken: list[int] = []
    for number in (0, 1, 2):
        beside.put(lambda number=number: 6 // number)
    until(lambda: taken.extend(beside.taken()) or len(taken) == 2, 10, "the others are done")
    assert taken == [6, 3]


def test_sizes_are_forecast_only_where_they_could_change():
    begin = T0 - T0 % STEP_S
    steps = range(begin - LEAST_S, begin, STEP_S)
    loads = {name: dict.fromkeys(steps, tasks) for name, tasks in (("idle", 1.0), ("busy", 9.0))}
    found = foresight._ahead(loads, {"busy": loads["busy"]}, begin + 30, least=10.0)
    assert (set(found.outlooks), found.slots) == ({"busy"}, {})
    assert set(foresight._ahead(loads, {}, begin + 30, least=5.0).slots) == {"busy"}
    assert found.outlooks["busy"].next_hour(begin + 30).value == pytest.approx(9.0)
