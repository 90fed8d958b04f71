from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadInput
from gateway.ids import PART_MIN, named, new_task_id, redrive_id, time_of

NOW_US = 1_790_000_000_123_456


def test_an_id_is_a_uuid7_that_tells_its_time_and_sorts_by_it() -> None:
    made = [new_task_id(NOW_US + 1000 * i) for i in range(100)]
    assert all(UUID(i).version == 7 and UUID(i).variant == "specified in RFC 4122" for i in made)
    assert made == sorted(made)
    assert len({new_task_id(NOW_US) for _ in range(1000)}) == 1000
    assert time_of(made[0]) == NOW_US // 1000 * 1000


def test_a_subtask_tells_the_time_of_its_parent() -> None:
    assert time_of(f"{new_task_id(NOW_US)}.12") == NOW_US // 1000 * 1000


def test_other_ids_tell_no_time() -> None:
    assert time_of("order-17") is None
    assert time_of("7d444840-9dc0-11d1-b245-5ffdce74fad2") is None


def test_the_same_dead_letter_always_gives_the_same_new_task() -> None:
    assert redrive_id("t-1/dead-letter") == redrive_id("t-1/dead-letter") != redrive_id("t-2/dead-letter")


IDS = [new_task_id(NOW_US + 1_000_000_000 * i) for i in range(20)]


@given(st.sampled_from(IDS), st.integers(PART_MIN, 36))
def test_a_part_that_only_one_id_begins_or_ends_with_names_it(task_id: str, length: int) -> None:
    for part in (task_id[:length], task_id[-length:]):
        fitting = [each for each in IDS if each.startswith(part) or each.endswith(part)]
        if len(fitting) == 1:
            assert named(part, IDS, "task") == task_id
        else:
            with pytest.raises(BadInput, match=f"ids of {len(fitting)} tasks: "):
                named(part, IDS, "task")


def test_an_id_that_is_whole_names_itself_and_a_parent_goes_before_its_subtasks() -> None:
    assert named("t-1", ["t-1", "t-10", "at-1"], "task") == "t-1"
    assert named("0192", ["0192-a", "0192-a.0", "0192-a.1"], "task") == "0192-a"


def test_what_names_nothing_or_is_too_short_names_none() -> None:
    assert named("nope", IDS, "task") is None
    assert named(IDS[0][:3], IDS[:1], "task") is None


def test_an_ambiguous_part_lists_what_it_fits() -> None:
    with pytest.raises(BadInput, match=r"part of the ids of 2 dead letters: order-1, order-2\. Give more"):
        named("order", ["order-1", "order-2"], "dead letter")
