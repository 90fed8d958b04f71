from itertools import pairwise
from typing import Any

from gateway.live.board import HISTORY_S, HISTORY_US, MINUTES, SILENT_US, STEP_S, WINDOW_S, Board
from gateway.live.order import Read
from tests.gateway.live.log import story
from tests.support.world import heartbeat

NOW = 1_790_000_000_000_000
MACHINE = {"cpu_percent": 1.0}


def ended(status: str = "completed", wait_ms: int = 100, **over: Any) -> Read:
    outcome = story("t", "s", "acme", 1)[-1][2]
    times = {"submitted_at": NOW, "started_at": NOW + wait_ms * 1000, "finished_at": NOW + wait_ms * 2000}
    return Read(0, 0, 0, "TaskOutcome", outcome | times | {"status": status} | over)


def pool(name: str, **over: int) -> dict[str, Any]:
    counts = {"waiting": 3, "waiting_max": 100, "oldest_wait_ms": 7, "running": 2, "slots": 5}
    return {"pool": name, "agent_id": name} | counts | over


def test_rates_are_of_the_last_minute() -> None:
    board = Board()
    for second in range(WINDOW_S):
        for _ in range(3):
            board.see(ended("failed" if second < 6 else "completed"))
        found = board.tick(NOW, MACHINE)
    assert found["ended_per_s"] == 3.0 and found["error_rate"] == 0.1 and found["window_s"] == WINDOW_S
    for _ in range(WINDOW_S):
        found = board.tick(NOW, MACHINE)
    assert found["ended_per_s"] == 0 and found["error_rate"] is None and found["wait_ms"] is None


def test_the_throughput_that_is_aimed_at_stands_beside_what_is_reached() -> None:
    assert Board().tick(NOW, MACHINE)["throughput_target_per_min"] is None
    assert Board(500.0).tick(NOW, MACHINE)["throughput_target_per_min"] == 500.0


def test_percentiles_are_of_the_waits_seen() -> None:
    board = Board()
    for ms in range(1, 101):
        board.see(ended(wait_ms=ms))
    assert board.tick(NOW, MACHINE)["wait_ms"] == {"p50": 51.0, "p90": 91.0, "p99": 100.0}


def test_queues_and_slots_are_summed_over_the_newest_word_of_each_pool() -> None:
    board = Board()
    for status in (pool("a", waiting=99), pool("a"), pool("b", oldest_wait_ms=50)):
        board.see_pool(status)
    found = board.tick(NOW, MACHINE)
    assert (found["waiting"], found["slots"], found["oldest_wait_ms"], found["pools"]) == (6, 10, 50, 2)


def test_instances_of_a_host_that_is_silent_no_longer_count() -> None:
    board = Board()
    board.see_heartbeat(heartbeat(NOW, pool="a") | {"host_id": "h-0"})
    board.see_heartbeat(heartbeat(NOW, pool="b") | {"host_id": "h-1"})
    assert board.tick(NOW + 1, MACHINE)["hosts"] == {"h-0": 2, "h-1": 2}
    board.see_heartbeat(heartbeat(NOW + SILENT_US, pool="b") | {"host_id": "h-1"})
    assert board.tick(NOW + SILENT_US + 1, MACHINE)["instances"] == 2


def test_the_cost_of_a_day_begins_anew_at_midnight() -> None:
    board = Board()
    day = 86_400_000_000
    board.see(ended(cost_usd_micros=5, finished_at=day - 1))
    assert board.tick(day - 1, MACHINE)["cost_usd_micros_today"] == 5
    assert board.tick(day, MACHINE)["cost_usd_micros_today"] == 0
    board.see(ended(cost_usd_micros=7, finished_at=day))
    assert board.tick(day, MACHINE)["cost_usd_micros_today"] == 7


def test_a_host_that_went_silent_is_named_for_a_while_but_not_one_that_left_in_order() -> None:
    board = Board()
    board.see_heartbeat(heartbeat(NOW, pool="a") | {"host_id": "h-0"})
    board.see_heartbeat(heartbeat(NOW, pool="a", draining=True) | {"host_id": "h-1"})
    assert [host["instances"] for host in board.tick(NOW + 1, MACHINE)["workers"]] == [2, 2]
    silent = {"host_id": "h-0", "instances": 0, "most": 2, "running": 0, "heard_at": NOW, "zone": ""}
    assert board.tick(NOW + SILENT_US + 1, MACHINE)["workers"] == [silent]
    assert board.tick(NOW + HISTORY_US + 1, MACHINE)["workers"] == []


def test_a_host_that_says_itself_that_it_has_fewer_instances_lacks_none() -> None:
    board = Board()
    for at, instances in ((NOW, 4), (NOW + 1, 3), (NOW + 2, 5)):
        board.see_heartbeat(heartbeat(at, instances=instances))
        [host] = board.tick(at, MACHINE)["workers"]
        assert (host["instances"], host["most"]) == (instances, instances)


def test_a_host_that_was_drained_is_no_longer_named() -> None:
    board = Board()
    board.see_heartbeat(heartbeat(NOW, instances=4))
    board.tick(NOW, MACHINE)
    board.see_heartbeat(heartbeat(NOW + 1, instances=0, draining=True))
    assert board.tick(NOW + 1, MACHINE)["workers"] == []


def test_the_charts_hold_the_board_of_each_step() -> None:
    board = Board()
    boards = []
    for second in range(3 * STEP_S):
        board.see(ended("failed" if second % 2 else "completed", wait_ms=second))
        boards.append(board.tick(NOW + second, MACHINE))
    history = board.history()
    points = [dict(zip(history["columns"], point, strict=True)) for point in history["points"]]
    assert [point["at"] for point in points] == [NOW + n * STEP_S - 1 for n in (1, 2, 3)]
    assert points[-1]["error_rate"] == boards[-1]["error_rate"]
    assert points[-1]["wait_p90_ms"] == boards[-1]["wait_ms"]["p90"]
    assert points[-1]["cpu_percent"] == 1.0 and points[-1]["memory_percent"] is None


def test_what_is_read_back_at_the_start_fills_the_charts_when_it_happened() -> None:
    board = Board()
    for second in range(2 * HISTORY_S):
        board.see(ended(finished_at=NOW + second * 1_000_000))
    board.forget_past()
    silence_s = 20
    now = NOW + (2 * HISTORY_S + silence_s) * 1_000_000
    assert board.tick(now, MACHINE)["ended_per_s"] == round((WINDOW_S - silence_s - 1) / WINDOW_S, 2)
    history = board.history()
    ended_per_s = {point[0]: point[history["columns"].index("ended_per_s")] for point in history["points"]}
    assert list(ended_per_s) == list(range(now - HISTORY_US, now, STEP_S * 1_000_000))
    assert {rate for at, rate in ended_per_s.items() if at < now - silence_s * 1_000_000} == {1.0}


def test_of_each_minute_of_six_hours_one_board_is_kept_and_no_more() -> None:
    board = Board()
    for second in range(WINDOW_S):
        board.see(ended(finished_at=NOW + second * 1_000_000))
    board.forget_past()
    now_s = NOW // 1_000_000 + WINDOW_S
    board.tick(now_s * 1_000_000, MACHINE)
    back = [point[0] // 1_000_000 for point in board.history(3_600)["points"]]
    assert back == [at for at in range(now_s - WINDOW_S, now_s) if at % 60 == 0]
    for second in range(WINDOW_S * (MINUTES + 5)):
        board.tick((now_s + second) * 1_000_000, MACHINE)
    whole = board.history(60 * MINUTES)
    times = [point[0] // 1_000_000 for point in whole["points"]]
    assert whole["step_s"] == 60 and len(times) == MINUTES
    assert {later - earlier for earlier, later in pairwise(times)} == {60}
    assert len(board.history(3_600)["points"]) == 60 and len(board.history(300)["points"]) == 300 // STEP_S


def test_what_a_removed_agent_left_counts_only_while_it_is_a_task_and_its_host_lacks_nothing() -> None:
    board = Board()
    for name in ("lawyer", "writer"):
        board.see_heartbeat(heartbeat(NOW, pool=name))
        board.see_pool(pool(name))
    assert board.tick(NOW, MACHINE)["workers"][0]["most"] == 4
    board.removed = frozenset({"lawyer"})
    board.see_heartbeat(heartbeat(NOW + 1, pool="lawyer", instances=0))
    found = board.tick(NOW + 1, MACHINE)
    assert (found["waiting"], found["running"], found["pools"]) == (6, 4, 2), "it holds tasks"
    board.see_pool(pool("lawyer", waiting=0, running=0))
    found = board.tick(NOW + 2, MACHINE)
    assert (found["waiting"], found["waiting_max"], found["slots"], found["pools"]) == (3, 100, 5, 1)
    assert [(host["instances"], host["most"]) for host in found["workers"]] == [(2, 2)]
    board.removed = frozenset()
    assert board.tick(NOW + 3, MACHINE)["pools"] == 2, "it is there again"
