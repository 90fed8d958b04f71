"""Alerts as people see them: in the order of their weight, without the tasks of others, and in the terminal."""

import json
import time
import uuid

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts import SILENCE_S_MAX, acknowledgement, lasting, listed, obeyed, seconds, seen_by, silence
from gateway.cli import headway
from gateway.errors import BadInput
from infra import definitions
from infra.definitions import RULE
from infra.settings import Settings, as_env
from tests.support.alerts import T0, S, alert, following, rule, write


def test_those_that_fire_come_first_the_worst_and_newest_of_them():
    over = {"state": "resolved", "until_at": T0}
    given_alerts = [
        alert("a", **over),
        alert("b", severity="info", since_at=T0 + S),
        alert("c", severity="critical", since_at=T0),
        alert("d", **over | {"until_at": T0 + S}),
        alert("e", severity="critical", since_at=T0 + S),
    ]
    assert [one["rule"] for one in listed(given_alerts)] == ["e", "c", "b", "d", "a"]
    assert [one["rule"] for one in listed(given_alerts, "resolved")] == ["d", "a"]


def test_a_tenant_is_told_of_the_alert_and_not_of_the_tasks_of_others():
    tasks = [{"task_id": "t-1", "tenant_id": "acme"}, {"task_id": "t-2", "tenant_id": "other"}]
    one = alert("a", tasks=tasks)
    assert seen_by(one, "other")["tasks"] == tasks[1:]
    assert seen_by(one, None) == one


@given(st.integers(1, 7 * 24 * 60))
def test_a_time_is_read_as_it_is_written(minutes):
    assert seconds(f"{minutes}m") == minutes * 60 <= SILENCE_S_MAX


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "1.5h", "8d", "1 week"])
def test_what_is_no_time_is_refused_with_what_would_be(text):
    with pytest.raises(BadInput, match=r"1d|7 days"):
        seconds(text)


def test_silences_that_last_are_listed_also_where_nothing_fires():
    said = {name: {"target": name, "until_at": until} for name, until in (("c", 101), ("b", 200), ("a", 100))}
    assert [(one["target"], one["until_at"]) for one in lasting(said, 100)] == [("b", 200), ("c", 101)]


def test_a_command_is_obeyed_when_all_it_concerns_says_so():
    firing, other = alert("a"), alert("a", "pool/coder")
    known = {one["alert_id"]: one for one in (firing, other)}
    quiet = silence("a", known, {"a": rule("a")}, 60, "ana", "", T0)
    assert quiet is not None and not obeyed(quiet, known)
    assert not obeyed(quiet, known | {"a/line": {**firing, "silenced_until_at": T0 + 60 * S}})
    assert obeyed(quiet, {name: {**one, "silenced_until_at": T0 + 60 * S} for name, one in known.items()})
    assert silence("b", known, {}, 60, "ana", "", T0) is None
    taken = acknowledgement(firing, "ana", "", T0)
    assert not obeyed(taken, known) and obeyed(taken, {"a/line": {**firing, "acknowledged_at": T0}})
    with pytest.raises(BadInput, match="nothing to take on"):
        acknowledgement({**firing, "state": "resolved"}, "ana", "", T0)


# --- on a broker


def command(settings: Settings, *words: str, code: int = 0) -> str:
    env = as_env(settings) | {"COLUMNS": "200"}
    done = CliRunner(env=env).invoke(headway, ["alerts", *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.e2e
def test_an_alert_is_listed_told_taken_on_and_silenced_in_the_terminal(broker):
    name, now = f"r-{uuid.uuid4().hex[:8]}", time.time_ns() // 1000
    definitions.publish(RULE, broker)
    with following(broker, alert(name, since_at=now - 90 * S, value=0.5, at=now)):
        assert f"{name}/line" in command(broker)
        told = command(broker, "show", f"{name}/line")
        assert "12 of 80 tasks" in told and "sent" in told and "paused adaptive-balancing" in told
        assert "is taken on by" in command(broker, "ack", f"{name}/line", "--comment", "looking")
        assert "is silent until" in command(broker, "silence", f"{name}/line", "--for", "2h")
        (row,) = (
            one for line in command(broker, "list", "--json").splitlines() if (one := json.loads(line))["rule"] == name
        )
        assert row["acknowledged_by"] and row["silenced_until_at"] > now
        assert "is over" in command(broker, "silence", f"{name}/line", "--for", "0")
    write(broker, alert(name, state="resolved", until_at=now, since_at=now - S))
    assert f"{name}/line" not in command(broker)
    assert f"{name}/line" in command(broker, "--all")
    assert "There is no alert nothing" in command(broker, "show", "nothing", code=1)
    assert "nothing to take on" in command(broker, "ack", f"{name}/line", code=2)


@pytest.mark.e2e
def test_a_rule_is_made_changed_and_taken_out_in_the_terminal(broker, tmp_path):
    definitions.publish(RULE, broker)
    name, file = f"r-{uuid.uuid4().hex[:8]}", tmp_path / "rule.md"
    file.write_text("---\ndescription: Many wait.\nmeasure: queue_share\nabove: 0.5\nseverity: info\n---\nLook.\n")
    command(broker, "rules", "add", name, "--file", str(file))
    assert "queue_share above 0.5 for 60 s" in command(broker, "rules", "show", name)
    file.write_text(file.read_text().replace("0.5", "0.7"))
    command(broker, "rules", "edit", name, "--file", str(file))
    assert "queue_share above 0.7" in command(broker, "rules")
    file.write_text(file.read_text().replace("info", "awful"))
    assert "line 5: `severity` is 'awful'" in command(broker, "rules", "edit", name, "--file", str(file), code=2)
    assert "is taken out" in command(broker, "rules", "remove", name)
    assert "headway alerts rules list" in command(broker, "rules", "show", name, code=1)
