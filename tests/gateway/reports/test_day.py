"""The report of a day: its figures are those of the rows, its targets are judged, its advice rests on figures."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.asking import Asker
from gateway.cli import headway
from gateway.reports.day.advice import advice
from gateway.reports.day.figures import Busy, Day, Group, Preventive, Reason, Totals, read
from gateway.reports.day.kpis import kpis, most, spread
from gateway.reports.day.report import as_html, as_json, as_markdown, as_text
from infra import warehouse
from infra.settings import as_env
from infra.warehouse.questions import questions
from tests.support.days import fill
from tests.support.told import HOSTILE
from tests.support.warehouse import running_warehouse

NOW = datetime.now(UTC)
DAY = NOW.date() - timedelta(days=5)
"""Not long ago: results are kept 90 days."""
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
REDRIVEN = """
INSERT INTO dead_letter (_topic, _at, at, service, topic, reason, task_id, session_id)
VALUES ('dead.letters', '{day} 03:00:00', '{day} 03:00:00', 'router', 'tasks.submitted', {reason:String}, 'lost', 'S');
INSERT INTO task_submitted (_topic, _at, task_id, session_id, redrive_of)
VALUES ('tasks.submitted', '{day} 04:59:00', 'again', 'S', 'lost');
INSERT INTO task_outcome (
  _topic, _at, task_id, session_id, tenant_id, status, agent_id, submitted_at, started_at, finished_at, attempts
) VALUES (
  'tasks.outcomes', '{day} 05:00:00', 'again', 'S', 'acme', 'completed', 'tester', '{day} 04:59:00', '{day} 04:59:30',
  '{day} 05:00:00', 1
)
"""
FORMS = {"text": as_text, "markdown": as_markdown, "html": as_html, "json": as_json}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Eight days of 2,110 tasks, with more failures on the last; and one that came back after its dead letter."""
    with running_warehouse(tmp_path_factory.mktemp("days")) as settings, Asker(settings) as asker:
        for back in range(8):
            fill(settings, DAY - timedelta(days=back), 2110, failed=40 if back == 0 else 10)
        redriven(settings)
        predicted(settings)
        weighed(settings)
        yield settings, asker


def redriven(settings) -> None:
    """A dead letter of the day, and the task that tried it again two hours later."""
    with warehouse.client(settings) as client:
        for statement in REDRIVEN.replace("{day}", DAY.isoformat()).split(";\n"):
            client.command(statement, parameters={"reason": f"the model was away {HOSTILE}"})


def predicted(settings) -> None:
    """Eight hours with an alarm or too much load; one more that nobody saw the end of, and one that was late. Each
    judgement is told twice, as after a crash."""
    alarms = [(90, 95)] * 5 + [(86, 70), (60, 88), (84, 81), (90, "NULL")]
    rows = [(expected, reached, 50) for expected, reached in alarms] + [(95, 99, 85)]
    values = [
        f"('load.predictions', {2 * n + again}, '{DAY} 10:00:00', 'coder/{n}', 'coder', {load}, {expected}, 0, 100, "
        f"{reached})"
        for n, (expected, reached, load) in enumerate(rows)
        for again in (0, 1)
    ]
    with warehouse.client(settings) as client:
        client.command(
            "INSERT INTO load_judgement (_topic, _offset, _at, event_id, agent_id, load, expected, low, high, reached) "
            f"VALUES {', '.join(values)}"
        )


def weighed(settings) -> None:
    """Of the day: one told twice, one of a dry run, one at rest, and what a person set; and one of the day before."""
    night = f"{DAY + timedelta(days=1)} 00:05:00"
    of = {
        "tester": (0.95, 0.9, True, "weights", DAY, night),
        "coder": (1.0, 1.1, False, "weights", DAY, night),
        "rests": (1.0, 1.0, True, "weights", DAY, night),
        "by-hand": (0.6, 1.0, True, "ana", DAY - timedelta(days=3), f"{DAY} 10:00:00"),
        "earlier": (1.0, 0.9, True, "weights", DAY - timedelta(days=1), f"{DAY} 00:05:00"),
    }
    values = [
        f"('agents.weights', {10 * n + again}, '{at}', '{name}/{on}', '{name}', '{on}', '{at}', {before}, {weight}, "
        f"{str(applied).lower()}, '{by}', 'Why {name}.')"
        for n, (name, (before, weight, applied, by, on, at)) in enumerate(of.items())
        for again in (0, 1)
    ]
    with warehouse.client(settings) as client:
        client.command(
            "INSERT INTO agent_weight (_topic, _offset, _at, event_id, agent_id, day, at, before, weight, applied, by, "
            f"reason) VALUES {', '.join(values)}"
        )


@pytest.fixture(scope="module")
def day(filled) -> Day:
    return read(filled[1], DAY, NOW)


def one(asker, sql):
    (row,) = asker.rows_of(sql).rows
    return row


def test_the_figures_are_those_of_the_rows(filled, day) -> None:
    total = day.total
    tasks, completed, failed, refused, cost, mean = one(
        filled[1],
        "SELECT count(), countIf(status = 'completed'), countIf(status = 'failed'), countIf(status = 'refused'), "
        "sum(cost_usd_micros), avgIf(dateDiff('microsecond', submitted_at, finished_at) / 1000, status = 'completed') "
        f"FROM task_outcome WHERE toDate(_at) = '{DAY}'",
    )
    assert (total.tasks, total.completed, total.failed, total.refused) == (tasks, completed, failed, refused)
    assert (tasks, refused, total.cost_usd_micros) == (2111, 10, cost)
    assert total.response_ms_mean == pytest.approx(mean, rel=1e-5)
    assert sorted(total.response_ms) == total.response_ms and sorted(total.wait_ms) == total.wait_ms
    assert sum(hour.tasks for hour in day.hours.values()) == tasks
    assert sorted(day.hours) == list(range(24))
    for groups in day.groups.values():
        assert sum(group.tasks for group in groups) == tasks
        assert sum(group.cost_usd_micros for group in groups) == cost
    assert sum(busy.attempts for busy in day.busy[DAY]) == tasks - refused - 1
    assert [slow.response_us for slow in day.slowest] == sorted((s.response_us for s in day.slowest), reverse=True)
    assert sum(reason.times for reason in day.reasons["failure"]) == failed
    assert sum(reason.times for reason in day.reasons["redo"]) == 210  # of 211, one was refused
    assert [reason.times for reason in day.reasons["letter"]] == [1]


def test_the_figures_are_those_of_the_prepared_questions(filled, day) -> None:
    """The library asks of the last hours: asked of this day instead, it says the same."""
    found = {kpi.name: kpi.figure for kpi in kpis(day)}
    for kpi, question, unit in (
        ("completion", "completion", 1),
        ("errors", "errors", 1),
        ("load spread", "load_spread", 1),
        ("single-point share", "single_point_share", 1),
        ("response", "response", 60_000),
    ):
        sql, hours = questions()[question].sql, "_at > now() - toIntervalHour({hours:UInt32})"
        assert hours in sql
        figure = filled[1].rows_of(sql.replace(hours, f"toDate(_at) = '{DAY}'")).rows[0][0]
        assert found[kpi] == pytest.approx(figure * unit, rel=1e-5)


def test_the_accuracy_of_predictions_is_that_of_the_prepared_question(filled, day) -> None:
    sql, lately = questions()["preventive_alerts"].sql, "_at > now() - toIntervalHour({hours:UInt32})"
    assert lately in sql
    answer = filled[1].rows_of(sql.replace(lately, f"toDate(_at) = '{DAY}'"), {"alarm": 85, "over": 80})
    came_true, foreseen, alarms, overloads, judged, held = answer.rows[0]
    assert (alarms, overloads, judged, held) == (6, 7, 8, 1)
    found = {kpi.name: kpi.figure for kpi in kpis(day)}
    assert (found["preventive alerts"], found["overloads foreseen"]) == (came_true, foreseen)


def test_a_day_without_predictions_has_no_figure_for_them() -> None:
    found = {kpi.name: (kpi.figure, kpi.met, kpi.written) for kpi in kpis(made(totals()))}
    assert found["preventive alerts"] == (None, None, "no data: no alarm was judged")
    assert found["overloads foreseen"] == (None, None, "no data: no load was too much")


def test_overloads_foreseen_are_said_to_count_predictions_as_the_docs_have_it() -> None:
    said = next(kpi.meaning for kpi in kpis(made(totals())) if kpi.name == "overloads foreseen")
    docs = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
    assert f"| overloads foreseen | {said} |" in docs
    assert "how many of the predictions before too much load" in questions()["preventive_alerts"].words


def test_targets_are_judged_and_what_has_no_data_says_so(day) -> None:
    found = {kpi.name: (kpi.met, kpi.written) for kpi in kpis(day)}
    assert found["completion"][0] is False
    assert found["errors"][0] is False
    assert found["single-point share"] == (False, "70.0%")
    assert found["response"][0] is True
    assert found["recovery"] == (True, "2 h 00 min")
    assert found["preventive alerts"] == (True, "83.3%")
    assert found["overloads foreseen"] == (False, "71.4%")


def test_how_the_day_moved_the_weights_is_told_with_the_reasons(day) -> None:
    found = [(one["agent"], one["before"], one["weight"]) for one in json.loads(as_json(day))["weights"]]
    assert found == [("by-hand", 0.6, 1.0), ("coder", 1.0, 1.1), ("tester", 0.95, 0.9)]
    text = as_markdown(day)
    assert "How much agents are preferred" in text and "How much" not in as_text(made(totals()))
    assert re.search(r"tester \| +0.95 \| +0.90 \| yes +\| Why tester", text), text
    assert re.search(r"coder \| +1.00 \| +1.10 \| no, dry run +\| Why coder", text), text


def test_days_before_are_told_beside(day) -> None:
    errors = next(kpi for kpi in kpis(day) if kpi.name == "errors")
    before = day.totals[DAY - timedelta(days=1)]
    assert errors.before == before.failed / before.accepted
    assert errors.week == pytest.approx(errors.before)
    assert len(day.totals) == 8


def test_today_so_far_takes_the_days_before_up_to_the_same_time(filled) -> None:
    found = read(filled[1], DAY, NOON)
    assert found.so_far and max(found.hours) == 11
    assert found.totals[DAY - timedelta(days=1)].tasks == pytest.approx(2110 / 2, abs=2)
    assert "today so far, to 12:00 UTC" in as_text(found)
    assert "the days before up to the same time" in as_text(found)
    assert "today so far" not in as_text(read(filled[1], DAY, NOW))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_opens_with_the_same_conclusion(day, form) -> None:
    conclusion = json.loads(as_json(day))["conclusion"]
    assert re.search(
        r"^[45] of 8 targets missed: completion .*errors \(.*target < 2%\).*single-point share \(70.0%", conclusion
    )
    said = FORMS[form](day)
    if form == "html":
        said = " ".join(ElementTree.fromstring(said.removeprefix("<!DOCTYPE html>\n")).itertext())
    assert conclusion in re.sub(r"\\(?=[\W_])", "", " ".join(said.split()))


def test_a_reason_that_is_an_attack_is_text(day) -> None:
    html = as_html(day)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert not re.search(r"https?:|url\(|//", html)
    assert not set(as_text(day)) & {"\x1b", "\u202e"}


def test_a_day_without_tasks_names_the_newest_that_has_some(filled) -> None:
    found = read(filled[1], DAY + timedelta(days=3), NOW)
    sentence = f"No task ended on {DAY + timedelta(days=3)}. The newest day before it with tasks is {DAY}"
    assert sentence in " ".join(as_text(found).split())
    assert json.loads(as_json(found))["kpis"] == []
    ElementTree.fromstring(as_html(found).removeprefix("<!DOCTYPE html>\n"))


@pytest.fixture(scope="module")
def called(filled, tmp_path_factory):
    env = as_env(filled[0])
    return lambda *words: CliRunner(env=env).invoke(headway, ["report", *words])


def test_the_command_writes_a_file_in_the_form_of_its_name(called, tmp_path) -> None:
    for name, opening in (
        ("d.html", "<!DOCTYPE html>"),
        ("d.md", "# The line"),
        ("d.json", "{"),
        ("d.txt", "The line"),
    ):
        said = called("--day", DAY.isoformat(), "--output", str(tmp_path / name))
        assert (said.exit_code, said.stdout) == (0, ""), said.stderr
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(opening)
        assert said.stderr == f"The report of {DAY} is in {tmp_path / name}.\n"


def test_the_command_prints_what_the_report_says(called) -> None:
    text, data = called("--day", DAY.isoformat()), called("--day", DAY.isoformat(), "--json")
    assert "Hour by hour" in text.stdout and text.exit_code == 0
    assert json.loads(data.stdout)["totals"][DAY.isoformat()]["tasks"] == 2111
    assert called("--day", DAY.isoformat(), "--format", "json").stdout == data.stdout


def test_without_a_day_it_is_today_so_far(called) -> None:
    said = called()
    assert said.exit_code == 0
    assert f"No task ended on {datetime.now(UTC).date()} so far." in " ".join(said.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--day", "2199-01-01"], "2199-01-01 is in the future: today is "),
        (["--day", "yesterday"], '"yesterday" is no day: write it as in --day 2026-05-04.'),
        (["--json", "--format", "html"], "say two things"),
        (["--output", "/no/such/folder/x.html"], "cannot be written"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence(called, words, said) -> None:
    result = called(*words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_an_empty_warehouse_says_how_to_begin(tmp_path) -> None:
    with running_warehouse(tmp_path) as settings:
        said = CliRunner(env=as_env(settings)).invoke(headway, ["report"])
    assert said.exit_code == 0
    assert "nor on any day before: hand some in with `headway submit`" in " ".join(said.stdout.split())


def totals(**over) -> Totals:
    usual = {
        "tasks": 1000, "completed": 990, "failed": 5, "expired": 5, "refused": 0, "cancelled": 0, "redone": 10,
        "retried": 5, "response_ms_mean": 5000.0, "response_ms": [4e3, 9e3, 2e4], "wait_ms_mean": 100.0,
        "wait_ms": [9e1, 2e2, 4e2], "cost_usd_micros": 1_000_000, "tokens": 9,
    }  # fmt: skip
    return Totals(**usual | over)


def group(name: str, **over) -> Group:
    usual = {
        "tasks": 500, "completed": 490, "failed": 5, "redone": 5, "response_ms": [4e3, 9e3], "wait_ms": [9e1, 2e2],
        "cost_usd_micros": 500_000, "tokens": 4,
    }  # fmt: skip
    return Group(name, **usual | over)


def made(total: Totals, **over) -> Day:
    before = {DAY - timedelta(days=back): totals() for back in range(1, 8)}
    return Day(DAY, False, 0, {DAY: total, **before}, {}, **over)


def test_a_good_day_asks_for_nothing() -> None:
    assert advice(made(totals())) == []
    assert "The line did well: 990 of 1,000 tasks completed" in as_text(made(totals()))
    assert "Nothing asks for a change." in as_text(made(totals()))


@pytest.mark.parametrize(
    ("total", "over", "said"),
    [
        (
            totals(failed=50),
            {
                "groups": {"agent": [group("tester", failed=40)]},
                "reasons": {"failure": [Reason("tester", "no\nanswer", 30)]},
            },
            "Bring errors down: 50 of 1,000 accepted tasks failed (5.0%, target < 2%), 40 of the 50 failed by tester; "
            "most often (30 times, tester): no answer.",
        ),
        (totals(completed=900, expired=95), {}, "95 tasks expired"),
        (totals(refused=12), {}, "Make room: 12 of 1,000 tasks were refused"),
        (
            totals(wait_ms_mean=45_000.0),
            {"groups": {"agent": [group("quick", wait_ms=[1.0, 2.0]), group("slow", wait_ms=[1e4, 9e4])]}},
            "a task waits 45.0 s on the mean (normal < 30.0 s); of slow, 5% wait 1 min 30 s or longer",
        ),
        (
            totals(response_ms_mean=20_000.0),
            {},
            "takes 20.0 s on the mean, 4.0 times as long as in the week before (5.0 s)",
        ),
        (
            totals(),
            {"busy": {DAY: [Busy("a", "a-0", "h", 30, 1000), Busy("a", "a-1", "i", 30, 500)]}},
            "Spread the load of a: its busiest instance works 66.7% of the mean more",
        ),
        (
            totals(),
            {"busy": {DAY: [Busy("a", "a-0", "h", 30, 1000)]}},
            "Do not hang on h: it ran 100.0% of all attempts (target ≤ 50%), and it is the only host.",
        ),
        (totals(response_ms_mean=2_400_000.0), {}, "a task takes 40 min 00 s on the mean from handed in to completed"),
        (totals(), {"preventive": {DAY: Preventive(10, 6, 6)}}, "60.0% of 10 came true (target ≥ 80%)"),
        (totals(), {"preventive": {DAY: Preventive(6, 10, 6)}}, "60.0% of 10 predictions before too much load said so"),
        (totals(redone=200), {"reasons": {"redo": [Reason("a", "too short", 7)]}}, "20.0% of the tasks were done"),
        (totals(), {"reasons": {"letter": [Reason("router", "no Avro", 3)]}}, "Look at the dead letters: 3 came"),
        (totals(), {"recovery_h": {DAY: 5.0}}, "dead-lettered tasks took 5 h 00 min on the mean"),
        (
            totals(cost_usd_micros=3_000_000),
            {"groups": {"agent": [group("dear", cost_usd_micros=2_500_000)]}},
            "Check the cost: $3.00, $2.50 of it for dear, 3.0 times the mean of the week before ($1.00).",
        ),
    ],
)
def test_advice_names_the_figure_it_rests_on(total, over, said) -> None:
    (sentence,) = advice(made(total, **over))
    assert said in sentence


def test_a_little_day_gets_no_advice_on_balance() -> None:
    assert advice(made(totals(), busy={DAY: [Busy("a", "a-0", "h", 3, 9), Busy("a", "a-1", "h", 1, 1)]})) == []


ROW = st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("hi"), st.integers(1, 9), st.integers(0, 99))


@given(st.lists(ROW))
def test_spread_and_share_are_between_their_bounds(rows) -> None:
    busy = [Busy(agent, f"{agent}-{i}", host, attempts, ms) for agent, i, host, attempts, ms in rows]
    for agent, found in spread(busy).items():
        assert 0 <= found <= len({one.instance for one in busy if one.agent == agent})
    host, share = most(busy)
    assert (share is None) == (not busy)
    assert share is None or 1 / len({one.host for one in busy}) <= share + 1e-12 <= 1 + 1e-9
    assert share is None or host in {one.host for one in busy}
