"""What a person's terminal gets: whole ids at any width, and nothing that it would obey."""

import io
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.cli import output
from gateway.cli.grid import cell
from gateway.cli.output import GAP, NARROWEST, fitted, print_json, remark, say, table, visible

TASK_ID = "0192f3c4-7a1e-7b55-9d52-5a3c1f0e8b11"
ESCAPE = "\x1b[31mred\x07\x9b2J\u202egnp.exe\rover"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], io.StringIO]:
    def of(width: int) -> io.StringIO:
        said = io.StringIO()
        screen = Console(file=said, force_terminal=True, color_system=None, width=width, highlight=False)
        monkeypatch.setattr(output, "console", screen)
        monkeypatch.setattr(output, "remarks", screen)
        return said

    return of


def test_at_80_columns_ids_names_and_states_are_whole_and_text_gives_way(
    terminal: Callable[[int], io.StringIO],
) -> None:
    said = terminal(80)
    columns = ["task", "state", "agent", "tenant", "waited", "text"]
    row = [TASK_ID, "dead_lettered", "code-reviewer", "acme-corporation", "12 min 05 s", "word " * 30]
    table(columns, [row], giving=["tenant", "text", "waited"])
    for line in said.getvalue().splitlines():
        assert len(line.rstrip()) <= 80
    assert said.getvalue().split("\n")[1].split("  ") == [TASK_ID, "dead_lettered", "code-reviewer", "12 min 05 s"]


def test_text_is_cut_before_it_is_left_out_and_can_go_on_below(terminal: Callable[[int], io.StringIO]) -> None:
    said = terminal(60)
    table(["task", "text"], [[TASK_ID, "word " * 10]])
    assert said.getvalue().split("\n")[1] == f"{TASK_ID}  word word word word w…"
    said = terminal(60)
    table(["task", "text"], [[TASK_ID, "word " * 10]], fold=True)
    assert said.getvalue().count("word") == 10
    assert all(len(line.rstrip()) <= 60 for line in said.getvalue().splitlines())


def test_what_must_be_whole_is_whole_on_the_narrowest_terminal(terminal: Callable[[int], io.StringIO]) -> None:
    said = terminal(20)
    table(["task", "state", "text"], [[TASK_ID, "dead_lettered", "word"]], giving=["text"])
    assert TASK_ID in said.getvalue()
    assert "dead_lettered" in said.getvalue()


def test_in_a_pipe_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table(["task", "text"], [[TASK_ID, "x" * 3000]])
    assert capsys.readouterr().out.splitlines()[1] == f"{TASK_ID}  {'x' * 3000}"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.data(), st.integers(10, 200))
def test_a_table_is_no_wider_than_it_may_be_unless_what_stays_whole_is(
    natural: list[int], data: st.DataObject, width: int
) -> None:
    giving = data.draw(st.lists(st.sampled_from(range(len(natural))), unique=True))
    widths = fitted(natural, giving, width)
    whole = sum(natural[i] + GAP for i in range(len(natural)) if i not in giving) - GAP
    taken = sum(each + GAP for each in widths if each is not None) - GAP
    assert taken <= max(width, whole)
    for i, each in enumerate(widths):
        assert each == natural[i] or i in giving
        assert each is None or each == natural[i] or NARROWEST <= each < natural[i]


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", visible(text))
    assert visible(visible(text)) == visible(text)
    if text.isprintable():
        assert visible(text) == text


def test_every_way_to_speak_to_a_person_writes_escapes_out_and_json_does_not_touch_them(
    terminal: Callable[[int], io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    said = terminal(200)
    table(["text"], [[ESCAPE]])
    say(ESCAPE)
    remark(ESCAPE)
    assert said.getvalue().count(r"\x1b[31mred\x07\x9b2J\u202egnp.exe\rover") == 3
    assert "\x1b" not in said.getvalue()
    assert cell(ESCAPE) == r"\x1b[31mred\x07\x9b2J\u202egnp.exe\rover"
    print_json({"text": ESCAPE})
    assert json.loads(capsys.readouterr().out)["text"] == ESCAPE


def test_an_answer_keeps_its_lines() -> None:
    assert visible("a\r\n\tb\n") == "a\n\tb\n"
