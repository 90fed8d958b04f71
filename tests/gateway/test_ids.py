from uuid import UUID

from gateway.ids import new_task_id, redrive_id, time_of

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
