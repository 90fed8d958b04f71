"""What rules can measure: over a window that moves, with too little to say anything, of the line and of its pools."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rule_file
from processors.alerts.measures import LEAST, MEASURES, read
from processors.alerts.observing import KNOWN_US, Observed
from processors.alerts.windows import SLOTS, Slot, Window, step_of
from schemas.examples import examples
from tests.support.alerts import T0, S, heartbeat, outcome, rule

LEASE_US = 10 * S


def observed(*rules):
    seen = Observed(LEASE_US)
    seen.follow(rules)
    return seen


def value(seen, watched, now, subject="line"):
    return read(seen, {"r": watched}, now)["r"][subject]


def pool_status(pool="coder", **over):
    return examples("pool_status", 1)[0] | {"pool": pool, "agent_id": pool, **over}


def test_files_know_the_same_measures_and_each_says_what_it_is():
    assert set(rule_file.MEASURES) == set(MEASURES)
    assert all(inspect.getdoc(measure) for measure in MEASURES.values())


def test_a_failure_of_two_is_no_error_rate_and_a_fifth_of_many_is():
    watched = rule()
    seen = observed(watched)
    for number in range(2):
        seen.outcome(outcome(number, T0, "failed" if number else "completed"), T0)
    assert value(seen, watched, T0).value is None
    for number in range(2, 100):
        seen.outcome(outcome(number, T0, ("failed", "dead_lettered", *["completed"] * 8)[number % 10]), T0)
    found = value(seen, watched, T0)
    assert found.value == pytest.approx(0.2, abs=0.02)
    assert "of 100 tasks" in found.said
    assert len(found.tasks) == 5 and found.tasks[0]["tenant_id"] == "acme"


def test_a_refused_task_has_not_ended_by_failing():
    watched = rule()
    seen = observed(watched)
    for number in range(LEAST):
        seen.outcome(outcome(number, T0, "refused"), T0)
    assert value(seen, watched, T0).value is None


def test_pools_are_measured_each_for_itself():
    watched = rule(subjects="pools")
    seen = observed(watched)
    for number in range(LEAST):
        seen.outcome(outcome(number, T0, "failed", "coder"), T0)
        seen.outcome(outcome(100 + number, T0, "completed", "writer"), T0)
    found = read(seen, {"r": watched}, T0)["r"]
    assert {subject: reading.value for subject, reading in found.items()} == {"pool/coder": 1.0, "pool/writer": 0.0}


def test_the_response_is_that_of_the_slowest_hundredth():
    watched = rule(measure="response_p99_s", above=8.0)
    seen = observed(watched)
    for number in range(300):
        wait_s = 20 if number < 6 else 0.5
        seen.outcome(outcome(number, T0, submitted_at=T0 - 30 * S, started_at=T0 - 30 * S + int(wait_s * S)), T0)
    assert value(seen, watched, T0).value == pytest.approx(20, rel=0.02)


def test_a_queue_is_full_by_its_share_and_a_load_is_a_mean_over_instances():
    full, busy = rule("full", measure="queue_share", above=0.8), rule("busy", measure="load", above=80.0)
    seen = observed(full, busy)
    seen.pool(pool_status("coder", waiting=900, waiting_max=1000, load_score=90.0, instances=3))
    seen.pool(pool_status("writer", waiting=100, waiting_max=1000, load_score=500.0, instances=1))
    seen.pool(pool_status("join:t-1", waiting=1000, waiting_max=1000) | {"agent_id": ""})
    assert value(seen, full, T0).value == 0.5
    assert value(seen, busy, T0).value == pytest.approx((3 * 90 + 100) / 4)
    assert value(seen, {**full, "subjects": "pools"}, T0, "pool/coder").value == 0.9


def test_an_instance_is_missed_when_it_falls_silent_but_not_when_it_left():
    silent, alive = rule("s", measure="instances_silent", above=0.0), rule("a", measure="instances", above=1.0)
    seen = observed(silent, alive)
    seen.heartbeat(heartbeat(T0, "coder-0", "coder-1", "coder-2"))
    seen.heartbeat(heartbeat(T0, "writer-0", pool="writer", host="h-1"))
    seen.heartbeat(heartbeat(T0 + S, "coder-0", "coder-1"))  # coder-2 was taken out
    seen.heartbeat(heartbeat(T0 + S, pool="writer", host="h-1", draining=True))
    assert (value(seen, silent, T0 + S).value, value(seen, alive, T0 + S).value) == (0, 2)
    assert value(seen, silent, T0 + S + LEASE_US).value == 0
    assert value(seen, silent, T0 + 2 * S + LEASE_US).value == 2
    assert value(seen, silent, T0 + 2 * S + KNOWN_US).value is None


def test_dead_letters_are_counted_by_the_minute():
    watched = rule(measure="dead_letters", above=1.0, window_s=120.0)
    seen = observed(watched)
    for _ in range(6):
        seen.dead_letter(examples("dead_letter", 1)[0] | {"at": T0}, T0)
    assert value(seen, watched, T0).value == 3.0
    assert value(seen, watched, T0 + 130 * S).value == 0.0


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 90), st.booleans(), st.floats(0, 1e5)), min_size=1, max_size=60
    )
)
def test_a_window_holds_what_happened_in_it_whatever_the_order_and_no_more_than_its_slots(happened):
    """(the second it is told in, how long ago it was then, whether it failed, how long it waited)"""
    window, length, told = Window(60 * S), 60 * S, []
    for now_s, ago_s, failed, wait_s in sorted(happened):
        now, at = T0 + now_s * S, T0 + (now_s - ago_s) * S
        slot = Slot(ended=1, failed=int(failed))
        slot.responses[step_of(wait_s)] += 1
        window.add(slot, at, now)
        told.append((at, failed))
        window.move(now)
        within = [one for one in told if one[0] > now - length]
        assert window.total.ended == len(within) == window.total.responses.total()
        assert window.total.failed == sum(failed for _, failed in within)
        assert len(window._slots) <= SLOTS
        if within:
            assert window.response_s(0.99) <= max(w for _, _, _, w in happened) * 1.02 + 0.002
