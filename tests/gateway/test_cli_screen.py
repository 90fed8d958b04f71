"""What `headway watch` and `headway top` fold and draw: without a gateway, without a terminal."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from gateway.cli.screen import board, load
from gateway.cli.screen.grid import Size, bar, fitted
from gateway.cli.screen.link import SILENT_S, STALE_US, Link, Now
from gateway.cli.screen.load import SORTS, Fleet, loads, ordered
from gateway.cli.screen.seen import OPEN_MAX, Seen
from gateway.cli.screen.stream import Narrow
from gateway.cli.screen.terminal import keys_of
from gateway.cli.screen.words import line_of, words
from gateway.client import Message
from gateway.live.board import Board
from gateway.live.messages import told_of
from gateway.live.order import Read
from tests.gateway.live.log import story
from tests.support.world import heartbeat

NOW_US = 1_790_000_000_000_000
NOW = Now(100.0, NOW_US)
MACHINE = {
    "cpu_percent": 43.0,
    "memory_percent": 61.0,
    "network_in_kb_per_s": 12.0,
    "network_out_kb_per_s": 1300.0,
}
HOSTILE = "\x1b[2J\x1b]0;title\x07\u202egood\nmorning"


def messages(task_id: str, session: str = "s-1", attempts: int = 1, **over: Any) -> list[Message]:
    """All that a gateway tells of one task."""
    found = []
    for offset, (_, name, event) in enumerate(story(task_id, session, "acme", attempts, "writer")):
        told = told_of(Read(0, offset, offset, name, event | over))
        assert told is not None
        found.append(Message(**json.loads(told.with_token("t"))))
    return found


def up_to(event: str, task_id: str = "t-1", **over: Any) -> list[Message]:
    told = messages(task_id, **over)
    last = max(i for i, message in enumerate(told) if message.event == event)
    return told[: last + 1]


def pool(name: str, **over: Any) -> dict[str, Any]:
    counts = {"waiting": 3, "waiting_max": 1000, "oldest_wait_ms": 7, "running": 2, "slots": 5, "instances": 1}
    more = {"completed": 1234, "failed": 7, "mean_response_ms": 812.0, "error_rate": 0.02}
    return {"pool": name, "agent_id": name, **counts, **more, **over}


def snapshot(**data: Any) -> Message:
    return Message("snapshot", None, data, NOW_US, None, None)


def figures() -> dict[str, Any]:
    made = Board()
    made.see_pool(pool("writer"))
    made.see_heartbeat(heartbeat(NOW_US, pool="writer"))
    return json.loads(json.dumps(made.tick(NOW_US, MACHINE)))


def seen_of(told: Iterable[Message]) -> Seen:
    seen = Seen()
    for message in told:
        seen.see(message, NOW_US)
    return seen


def full(tasks: int = 30) -> Seen:
    """A line at work: tasks of some sessions, agents, figures."""
    seen = seen_of([snapshot(board=figures(), pools=[pool("writer"), pool("code-reviewer", waiting=900)])])
    for number in range(tasks):
        for message in up_to("progress_update", f"t-{number:06}", session=f"s-{number % 7}"):
            seen.see(message, NOW_US)
    for message in messages("t-ended"):
        seen.see(message, NOW_US)
    seen.targets = {"writer": 2, "code-reviewer": 4}
    return seen


def link(**over: Any) -> Link:
    return Link("http://127.0.0.1:8320", "default (admin)", **{"heard_at": NOW.s, "as_of": NOW_US} | over)


def plain(lines: Iterable[Text]) -> list[str]:
    return [line.plain for line in lines]


def drawn(seen: Seen, size: Size, look: board.Look | None = None, **over: Any) -> list[str]:
    return plain(board.draw(seen, link(**over), look or board.Look(), size, NOW).lines)


@pytest.mark.parametrize(
    ("ended_per_s", "aim", "told"),
    [
        (8.53, 500.0, "target 512 of 500/min ✓"),
        (8.12, 500.0, "target 487 of 500/min "),
        (25.0, 1500.5, "target 1,500 of 1,500.5/min "),
    ],
)
def test_the_throughput_is_told_of_its_target_where_there_is_one(ended_per_s: float, aim: float, told: str) -> None:
    seen = full()
    assert seen.board is not None
    assert not any("target " in line for line in drawn(seen, Size(200, 40)))
    seen.board |= {"ended_per_s": ended_per_s, "throughput_target_per_min": aim}
    (line,) = [line for line in drawn(seen, Size(200, 40)) if "target " in line]
    assert told in line
    assert ("✓" in line) == ("✓" in told)


# --- what is folded


def test_a_task_is_as_its_newest_event_says() -> None:
    states = []
    seen = Seen()
    for message in messages("t-1", attempts=2):
        seen.see(message, NOW_US)
        states.append(next(iter(seen.open.values())).state if seen.open else "gone")
    assert [state for i, state in enumerate(states) if i == 0 or state != states[i - 1]] == [
        *("submitted", "queued", "assigned", "running", "waiting to retry"),
        *("assigned", "running", "judged", "gone"),
    ]
    assert [(task.task_id, task.state) for task in seen.tasks()] == [("t-1", "completed")]


def test_progress_of_an_attempt_that_was_given_up_changes_nothing() -> None:
    seen = seen_of(up_to("task_started", attempts=2))
    late = next(m for m in messages("t-1") if m.event == "progress_update")
    before = next(iter(seen.open.values())).progress
    seen.see(late._replace(progress=0.9), NOW_US)
    assert next(iter(seen.open.values())).progress == before


def test_a_list_brings_what_was_open_before_and_never_what_has_ended_meanwhile() -> None:
    seen = seen_of(messages("t-1"))
    old = {"task_id": "t-old", "session_id": "s", "tenant_id": "acme", "state": "queued", "text": "x"}
    ended = {**old, "task_id": "t-1"}
    seen.listed([old, ended], all_open=True, as_of=NOW_US)
    assert [task.task_id for task in seen.open.values()] == ["t-old"]
    seen.listed([], all_open=False, as_of=2 * NOW_US)
    assert [task.task_id for task in seen.open.values()] == ["t-old"]
    seen.listed([], all_open=True, as_of=2 * NOW_US)
    assert not seen.open


def test_what_is_too_new_for_a_list_stays() -> None:
    seen = seen_of(m._replace(timestamp=NOW_US) for m in up_to("task_queued"))
    seen.listed([], all_open=True, as_of=NOW_US + 1_000_000)
    assert len(seen.open) == 1


def test_open_tasks_are_bounded_and_the_oldest_go() -> None:
    seen = Seen()
    first = messages("t")[0]
    for number in range(OPEN_MAX + 5):
        seen.see(first._replace(data=first.data | {"task_id": f"t-{number}"}), NOW_US)
    assert len(seen.open) == OPEN_MAX and ("acme", "t-4") not in seen.open and ("acme", "t-5") in seen.open


def test_two_tenants_may_have_a_task_of_the_same_name() -> None:
    seen = seen_of([*up_to("task_queued"), *up_to("task_started", tenant_id="other")])
    assert sorted(task.state for task in seen.open.values()) == ["queued", "running"]


def test_after_a_gap_only_what_is_told_anew_is_shown() -> None:
    seen = seen_of(up_to("task_started"))
    seen.see(Message("gap", None, {"reason": "retention", "to": []}, NOW_US, None, None), NOW_US)
    assert not seen.open


def test_sessions_have_the_open_tasks_and_the_liveliest_is_first() -> None:
    told = [*up_to("task_started", "a", session="s-1"), *up_to("task_queued", "b", session="s-1")]
    told += [m._replace(timestamp=NOW_US) for m in up_to("task_queued", "c", session="s-2")]
    found = seen_of([*told, *messages("d", session="s-3")]).sessions()
    assert [(one.session_id, len(one.tasks)) for one in found] == [("s-2", 1), ("s-1", 2)]


def test_feedback_on_a_task_long_gone_does_not_open_it() -> None:
    data = {"task_id": "t", "tenant_id": "acme", "kind": "positive", "comment": "thanks"}
    told = Message("feedback_received", "s-1", data, NOW_US, None, None)
    assert not seen_of([told]).open
    assert words(told) == "feedback: positive thanks"


# --- what is drawn


def test_the_board_fits_a_terminal_of_80_by_24_and_says_what_matters() -> None:
    lines = drawn(full(), Size(80, 24))
    text = "\n".join(lines)
    assert lines[0].startswith("● live") and "127.0.0.1:8320" in lines[0]
    assert "instances 2/6   queue 3/1,000   running 2/5" in lines[1] and "tasks/s" in lines[1]
    assert "wait -" in lines[2] and "errors -" in lines[2] and "cpu 43 %" in lines[2] and "today $0.00" in lines[2]
    assert "30 open, 30 running" in text and "7 with open tasks" in text
    assert "t-000029" in text and "writer-0" in text and "67 %" in text
    heads = ("task ", "session ", "agent ")
    assert [line.split(" ")[0] + " " for line in lines if line.startswith(heads)] == list(heads)
    assert "code-reviewer" in text and "900/1,000" in text
    assert lines[-1].startswith("q quit")


def test_a_larger_terminal_shows_more_rows_and_more_of_each() -> None:
    small, large = drawn(full(), Size(80, 24)), drawn(full(), Size(140, 40))
    rows = [sum(line.startswith("t-0") for line in lines) for lines in (small, large)]
    assert rows[1] >= rows[0] + 10
    head = next(line for line in large if line.startswith("task "))
    assert "tenant" in head and "session" in head and "net 12/1,300 KB/s" in large[2]
    assert "1,234" in "\n".join(large)  # attempts done


def test_zones_are_told_where_there_are_any() -> None:
    seen = full()
    assert "zone" not in drawn(seen, Size(120, 30))[3]
    made = Board()
    made.see_heartbeat(heartbeat(NOW_US, instances=3, zone="a"))
    seen.board, seen.zones = made.tick(NOW_US, MACHINE), {"a": 3, "b": 2}
    assert drawn(seen, Size(120, 30))[3].strip() == "zone a 3/3   zone b 0/2"


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 3), st.integers(0, 99), st.booleans())
def test_a_screen_has_exactly_its_size(width: int, height: int, at: int, row: int, alone: bool) -> None:
    seen = full(9) if at else Seen()
    look = board.Look(at=at % 3, rows=dict.fromkeys(board.LISTS, row))
    if alone:
        look.alone = ("sessions", "acme", "s-1")
    size = Size(width, height)
    fleet = Fleet(loads([agent("writer")], [], all_tasks=True))
    for lines in (
        board.draw(seen, link(), look, size, NOW).lines,
        load.draw(fleet, link(), load.Look(first=row), size, NOW),
    ):
        assert [line.cell_len for line in lines] == [width] * height


def test_nothing_that_a_task_says_reaches_the_terminal_as_a_command() -> None:
    told = up_to("progress_update", text=HOSTILE, message=HOSTILE, instance_id=HOSTILE, session_id=HOSTILE)
    seen = seen_of([snapshot(board=figures(), pools=[pool(HOSTILE)]), *told])
    text = "\n".join(drawn(seen, Size(140, 40))) + "\n".join(line_of(message).plain for message in told)
    assert r"\x1b" in text
    assert {mark for mark in text if not mark.isprintable()} == {"\n"}


def test_the_row_that_was_chosen_is_always_in_sight() -> None:
    seen = full()
    for row in (0, 5, 29, 500):
        picture = board.draw(seen, link(), board.Look(rows={"tasks": row}), Size(80, 24), NOW)
        chosen = [line for line in picture.lines if any("reverse" in str(span.style) for span in line.spans)]
        (_, _, task_id) = picture.keys["tasks"][min(row, len(picture.keys["tasks"]) - 1)]
        assert [line.plain.split()[0] for line in chosen] == [task_id[-12:]]


def test_one_alone_shows_its_own_events_the_newest_last() -> None:
    seen = full(3)
    lines = drawn(seen, Size(100, 30), board.Look(alone=("tasks", "acme", "t-ended")))
    text = "\n".join(lines)
    assert "task t-ended" in text and "completed after" in text and "t-000001" not in text
    assert text.index("submitted:") < text.index("started on writer-0") < text.index("completed after")
    other = drawn(seen, Size(100, 30), board.Look(alone=("tasks", "other", "t-ended")))
    assert "Nothing has happened to it" in "\n".join(other)


def test_an_empty_line_says_what_to_do() -> None:
    assert "`headway submit" in "\n".join(drawn(Seen(), Size(80, 24)))


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({}, "● live"),
        ({"heard_at": None}, "◌ connecting"),
        ({"heard_at": None, "answers": True}, "◌ connecting: the gateway answers"),
        ({"heard_at": NOW.s - SILENT_S - 1}, "◌ reconnecting, as of "),
        ({"caught_up": False}, "◐ catching up"),
        ({"as_of": NOW_US - STALE_US - 1}, "▲ stale since "),
        ({"stale_since": NOW_US - 1}, "▲ stale since "),
    ],
)
def test_the_lamp_says_whether_what_is_shown_is_so_now(over: dict[str, Any], said: str) -> None:
    assert link(**over).lamp(NOW).plain.startswith(said)


def test_a_gateway_whose_clock_is_ahead_is_not_stale_and_its_tasks_are_no_older() -> None:
    ahead = 3_600_000_000
    seen = seen_of([Message("board", None, figures(), NOW_US + ahead, None, None)])
    assert link(as_of=NOW_US + ahead).lamp(NOW, seen.skew_us).plain == "● live"
    assert link(as_of=NOW_US).lamp(NOW, seen.skew_us).plain.startswith("▲ stale")
    for message in up_to("task_started"):
        seen.see(message._replace(timestamp=NOW_US + ahead - 2_000_000), NOW_US)
    assert "  2.0 s  " in "\n".join(drawn(seen, Size(80, 24), as_of=NOW_US + ahead))


# --- lines


def test_every_event_is_a_sentence() -> None:
    said = [words(message) for message in messages("t-1", attempts=2, text="Fix the shed")]
    assert said == [
        "submitted: “Fix the shed” (priority 5)",
        "queued for writer, chosen for documentation with confidence 1.00",
        *("attempt 1 goes to writer-0", "started on writer-0", "33 %", "67 %"),
        "attempt 1 failed: no reason given",
        *("attempt 2 goes to writer-0", "started on writer-0", "33 %", "67 %", "attempt 2 completed"),
        "judged 0.90, accepted",
        "completed after 0 ms",
    ]


def test_what_is_narrowed_is_asked_for_and_taken() -> None:
    assert Narrow().asked("*")[0] == {"tenant_id": "*"}
    assert Narrow(session_id="s-1", agent_id="writer").asked("*")[0] == {"session_id": "s-1"}
    told = messages("t-1")
    takes = [m.event for m in told if Narrow(session_id="s-1", agent_id="writer").takes(m)]
    assert "task_queued" in takes and "task_completed" in takes
    assert not any(Narrow(agent_id="reviewer").takes(m) or Narrow(tenant_id="other").takes(m) for m in told)


# --- the table of the agents


def agent(name: str, **over: Any) -> dict[str, Any]:
    counts = {
        "instances_live": 3,
        "instances": 4,
        "waiting": 1,
        "running": 9,
        "slots": 15,
        "completed": 20,
        "failed": 1,
    }
    return {"agent_id": name, **counts, "load_score": 61.0, "mean_response_ms": 812.0, "error_rate": 0.05, **over}


def test_agents_are_sorted_by_what_is_asked_for_and_by_name_where_it_is_the_same() -> None:
    rows = loads(
        [agent("b"), agent("a"), agent("c", load_score=90.0, mean_response_ms=1.0)],
        [{"agent_id": "b", "cost_usd_micros": 5}, {"agent_id": None, "cost_usd_micros": 7}],
        all_tasks=True,
    )
    names = {sort: [row.agent_id for row in ordered(rows, sort)] for sort in SORTS}
    assert names["load"] == ["c", "a", "b"]
    assert names["cost"] == ["b", "a", "c"]
    assert names["agent"] == ["a", "b", "c"]
    assert names["mean"] == ["a", "b", "c"]
    assert [row.agent_id for row in ordered(rows, "load", backwards=True)] == ["a", "b", "c"]


@pytest.mark.parametrize("size", [Size(80, 24), Size(140, 40)])
def test_the_agents_fit_the_terminal_and_a_sum_that_is_not_whole_says_so(size: Size) -> None:
    costs = [{"agent_id": "writer", "cost_usd_micros": 1_250_000}]
    fleet = Fleet(loads([agent("writer"), agent("idle", instances_live=4)], costs, all_tasks=False))
    lines = plain(load.draw(fleet, link(), load.Look("cost"), size, NOW))
    assert lines[1].startswith("2 agents   instances 7/8   waiting 2   running 18/30   ≥$1.25 in 1 h")
    row = next(line for line in lines if line.startswith("writer")).split()
    assert [cell for cell in row if cell[0] not in "━╌╸"][:4] == ["writer", "3/4", "1", "9/15"]
    assert row[-1] == "≥$1.25" and "812" in row and "5" in row
    assert "sort: cost, greatest first" in lines[-1]


def test_a_cost_of_which_nothing_is_known_is_no_cost_of_at_least_nothing() -> None:
    said = {(usd, whole): load.cost_said(usd, is_whole=whole) for usd in (0, 1_250_000) for whole in (True, False)}
    assert [said[0, True], said[0, False], said[1_250_000, False]] == ["$0.00", "-", "≥$1.25"]


def test_more_agents_than_lines_are_scrolled_through() -> None:
    fleet = Fleet(loads([agent(f"a-{n:03}") for n in range(100)], [], all_tasks=True))
    lines = plain(load.draw(fleet, link(), load.Look("agent", first=50), Size(80, 24), NOW))
    assert lines[4].startswith("a-050") and "51 to 69 of 100" in lines[-1]
    last = plain(load.draw(fleet, link(), load.Look("agent", first=500), Size(80, 24), NOW))
    assert "82 to 100 of 100" in last[-1]


# --- small parts


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("q", ["q"]),
        ("\x1b", ["esc"]),
        ("\x1b[A\x1b[Bx", ["up", "down", "x"]),
        ("\x1bOC\t\r\n", ["right", "tab", "enter", "enter"]),
        ("\x1b[1;5Cq", ["q"]),
        ("\x1b[Z\x01é", ["back tab", "é"]),
    ],
)
def test_keys_have_names_and_sequences_that_nobody_knows_are_passed_over(typed: str, keys: list[str]) -> None:
    assert list(keys_of(typed)) == keys


@given(st.text())
def test_whatever_is_typed_is_read_to_its_end(typed: str) -> None:
    assert all(isinstance(key, str) for key in keys_of(typed))


@given(st.none() | st.floats(-1, 2), st.integers(1, 40))
def test_a_bar_has_its_width(share: float | None, width: int) -> None:
    assert bar(share, width, warns=True).cell_len == width


def test_wide_characters_do_not_break_the_columns() -> None:
    assert fitted(Text("日本語のタスク"), 6).cell_len == 6


def test_a_removed_agent_goes_from_the_board_once_nothing_of_it_is_left() -> None:
    seen = seen_of([snapshot(pools=[pool("writer"), pool("lawyer", waiting=1)])])
    for waiting, shown in ((1, {"writer", "lawyer"}), (0, {"writer"})):
        gone = pool("lawyer", waiting=waiting, running=0, removed=True)
        seen.see(Message("pool", None, gone, NOW_US, None, None), NOW_US)
        assert set(seen.pools) == shown
