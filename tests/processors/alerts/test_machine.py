"""When alerts fire and are resolved, what they set off, and what restarts and people may do to that."""

from hypothesis import given
from hypothesis import strategies as st

from processors.alerts.machine import CLEAR_S_MAX, DUE, GAP_US, SILENCED, Alerts
from processors.alerts.measures import Reading
from tests.support.alerts import T0, S, command, rule

RULE = rule(above=10.0, measure="load", for_s=5.0, actions=["notify", "pause_experiments"])
RULES = {"errors": RULE}
values = st.one_of(st.none(), st.sampled_from([0.0, 8.9, 9.1, 10.0, 10.1, 50.0]))
steps = st.lists(st.tuples(st.integers(1, 7), values), max_size=60)
"""Seconds since the look before, and the value seen."""


def sees(value, subject="line"):
    return {"errors": {subject: Reading(value, "said", [])}}


def looks(alerts, given_steps, now=T0, rules=RULES):
    """Each record with the time of its look."""
    for gap_s, value in given_steps:
        now += gap_s * S
        for record in alerts.look(rules, sees(value), now):
            yield now, record


def fired(alerts, now=T0):
    """An alert that fires, and the time it fired at."""
    found = list(looks(alerts, [(1, 50.0)] * 6, now))
    return found[-1][1], found[-1][0]


@given(steps)
def test_an_alert_fires_after_its_time_at_every_look_and_is_resolved_only_after_it_fired(given_steps):
    alerts, now, beyond_since, last, firing = Alerts(), T0, None, None, False
    for gap_s, value in given_steps:
        now += gap_s * S
        is_beyond = value is not None and value > 10
        if not is_beyond or (last is not None and now - last > GAP_US) or beyond_since is None:
            beyond_since = now if is_beyond else None
        last = now
        for record in alerts.look(RULES, sees(value), now):
            if record["state"] == "firing" and record["since_at"] == now:
                assert not firing
                assert beyond_since is not None and now - beyond_since >= RULE["for_s"] * S
                firing = True
            elif record["state"] == "resolved":
                assert firing and value in (None, 0.0, 8.9)
                firing = False
        assert firing == bool(alerts.firing)
        assert len({alert["alert_id"] for alert in alerts.firing}) == len(alerts.firing) <= 1


@given(steps)
def test_the_same_looks_give_the_same_alerts(given_steps):
    assert list(looks(Alerts(), given_steps)) == list(looks(Alerts(), given_steps))


@given(steps, st.data())
def test_who_goes_on_from_the_records_loses_no_alert_and_does_nothing_twice(given_steps, data):
    """Actions are done as they come due and their result is recorded; a restart at any look changes nothing of that."""
    alerts, now, topic, started = Alerts(), T0, {}, []
    for gap_s, value in given_steps:
        now += gap_s * S
        if data.draw(st.booleans(), "restart"):
            alerts = Alerts(topic.values())
            assert {a["alert_id"] for a in alerts.firing} == {i for i, a in topic.items() if a["state"] == "firing"}
        records = alerts.look(RULES, sees(value), now)
        topic |= {record["alert_id"]: record for record in records}
        for alert, what in alerts.due():
            started.append((alert["alert_id"], alert["since_at"], what))
            for record in alerts.done(alert["alert_id"], alert["since_at"], what, "sent", now):
                topic[record["alert_id"]] = record
        assert topic == alerts.known
    assert len(started) == len(set(started))


def test_an_action_without_a_result_is_due_again_after_a_restart():
    alert, now = fired(Alerts())
    again = Alerts([alert])
    assert [what for _, what in again.due()] == ["notify", "pause_experiments"]
    again.done(alert["alert_id"], alert["since_at"], "notify", "sent", now)
    assert [what for _, what in again.due()] == ["pause_experiments"]
    assert again.done(alert["alert_id"], alert["since_at"] - 1, "pause_experiments", "paused", now) == []


def test_a_value_that_hovers_at_the_threshold_does_not_flap():
    alerts = Alerts()
    fired(alerts)
    records = [record for _, record in looks(alerts, [(1, 9.5), (1, 10.5)] * 100, T0 + 10 * S)]
    assert {record["state"] for record in records} == {"firing"}
    assert alerts.known["errors/line"]["fired"] == 1
    assert len(records) <= 20, "new values are told every ten seconds"


def test_one_that_fires_again_is_the_same_alert_since_another_time():
    alerts = Alerts()
    first, now = fired(alerts)
    (resolved,) = [record for _, record in looks(alerts, [(1, 0.0)] * 6, now)]
    assert (resolved["state"], resolved["until_at"], resolved["worst"]) == ("resolved", now + 6 * S, 50.0)
    second, _ = fired(alerts, now + 60 * S)
    assert (second["alert_id"], second["fired"]) == (first["alert_id"], 2)
    assert second["since_at"] > resolved["until_at"]


def test_what_is_gone_is_resolved():
    alerts = Alerts()
    _, now = fired(alerts)
    (record,) = alerts.look({}, {}, now + S)
    assert (record["state"], record["evidence"]) == ("resolved", "Its rule is there no more.")
    assert [action["result"] for action in record["actions"]] == ["not done: it was resolved while due"] * 2
    _, now = fired(alerts, now + 60 * S)
    looks_s = int(min(RULE["for_s"], CLEAR_S_MAX)) + 1
    records = [record for i in range(1, looks_s + 1) for record in alerts.look(RULES, {"errors": {}}, now + i * S)]
    assert records[-1]["state"] == "resolved"


def test_a_rule_for_too_little_fires_below_and_is_well_a_tenth_above():
    few = rule(above=None, below=10.0, measure="instances", for_s=2.0)
    alerts = Alerts()
    records = [r for _, r in looks(alerts, [(1, 5.0)] * 4 + [(1, 10.5)] * 9 + [(1, 11.0)] * 4, rules={"errors": few})]
    assert [record["state"] for record in records] == ["firing", "firing", "resolved"]
    assert records[0]["worst"] == 5.0


def test_silence_hides_the_notification_and_not_the_alert():
    alerts = Alerts()
    alerts.obey(command("silence", "errors", T0, T0 + 60 * S))
    alert, now = fired(alerts)
    assert (alert["state"], alert["silenced_by"], alert["silenced_until_at"]) == ("firing", "ana", T0 + 60 * S)
    assert {a["what"]: a["result"] for a in alert["actions"]} == {"notify": SILENCED, "pause_experiments": DUE}
    assert [what for _, what in alerts.due()] == ["pause_experiments"]
    list(looks(alerts, [(1, 50.0)] * 60, now))
    assert [what for _, what in alerts.due()] == ["notify", "pause_experiments"], "it still fires when silence is over"


@given(st.booleans(), st.integers(0, 120))
def test_commands_read_again_by_who_starts_anew_change_nothing(acknowledged, after_s):
    alerts, said = Alerts(), []
    _, now = fired(alerts)
    said.append(command("silence", "errors/line", now, now + 60 * S))
    if acknowledged:
        said.append(command("acknowledge", "errors/line", now + S))
    for one in said:
        alerts.obey(one)
    now += after_s * S
    alerts.look(RULES, sees(50.0), now)
    again = Alerts(alerts.known.values())
    assert [record for one in said for record in again.obey(one)] == []
    assert again.look(RULES, sees(50.0), now) == []
    assert again.known == alerts.known
    assert ("notify" in [what for _, what in again.due()]) == (after_s >= 60)


def test_an_acknowledgement_is_of_what_fires_now():
    alerts = Alerts()
    alert, now = fired(alerts)
    assert alerts.obey(command("acknowledge", "errors/line", alert["since_at"] - 1)) == []
    (taken,) = alerts.obey(command("acknowledge", "errors/line", now + S))
    assert (taken["state"], taken["acknowledged_by"], taken["acknowledged_at"]) == ("firing", "ana", now + S)
    assert alerts.obey(command("acknowledge", "other/line", now)) == []
