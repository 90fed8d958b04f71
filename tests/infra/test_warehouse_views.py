"""The views and the question library on the real engine: what they say, and that all of it is explained."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.asking import Asker
from gateway.cli.models import _tell_whether_it_holds
from infra import warehouse
from infra.warehouse.questions import questions
from infra.warehouse.tables import tables
from tests.gateway.events import example
from tests.support.learning import sample
from tests.support.warehouse import every_example, running_warehouse, store

VIEWS = {
    "routing_training_data": "id task_embedding task_features agent_features selected_agent_id candidate_scores "
    "user_feedback result_status actual_score created_at used_for_training",
    "task_queue": "id session_id task_type task_payload priority status assigned_worker created_at started_at "
    "completed_at retry_count max_retries error_message",
    "orchestrator_state": "orchestrator_id status current_load max_capacity active_sessions session_ids "
    "last_heartbeat health_status instance_info created_at updated_at",
    "ab_experiments": "id name parameter_name variants traffic_split status results winner_variant "
    "statistical_significance created_at started_at ended_at",
    "ab_experiment_logs": "id experiment_id variant_id session_id metric_name metric_value created_at",
}
"""The columns of the design document (000, section 3)."""
REVIEW = "01998f3e-7c1a-7d52-9a41-5c0e6f2b8d10"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    with running_warehouse(tmp_path_factory.mktemp("empty")) as settings, Asker(settings) as asker:
        yield asker


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Where the examples of every event are, told twice as a crash might, and a task that is still open."""
    with running_warehouse(tmp_path_factory.mktemp("filled")) as settings:
        store(settings, every_example())
        store(settings, every_example())
        store(settings, [("TaskSubmitted", example("TaskSubmitted", 1, task_id="open"))])
        yield settings


@pytest.fixture(scope="module")
def filled(full):
    with Asker(full) as asker:
        yield asker


def rows(asker, sql):
    answer = asker.rows_of(sql)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def one(asker, sql):
    (row,) = rows(asker, sql)
    return row


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_columns_of_the_design(empty, view):
    assert empty.names()[view] == VIEWS[view].split()
    assert rows(empty, f"SELECT * FROM {view}") == []


def test_every_table_view_and_column_is_explained(empty):
    own = ", ".join(f"'{name}'" for name in [*tables(), *VIEWS, "task"])
    for kind in ("tables", "columns"):
        where = (
            f"database = currentDatabase() AND {'name' if kind == 'tables' else 'table'} IN ({own}) AND comment = ''"
        )
        assert rows(empty, f"SELECT * FROM system.{kind} WHERE {where}") == []


def test_a_task_is_one_row_from_submission_to_judgement(filled):
    task = one(filled, f"SELECT * FROM task WHERE task_id = '{REVIEW}'")
    assert (task["status"], task["agent_id"], task["router"]) == ("completed", "code-reviewer", "rules/1")
    assert (task["wait_ms"], task["run_ms"], task["response_ms"]) == (20, 9580, 9600)
    assert (task["quality"], task["cost_usd"], task["attempts"]) == (0.4, 0.001632, 2)
    assert rows(filled, "SELECT task_id FROM task GROUP BY task_id HAVING count() > 1") == []


def test_a_task_without_an_outcome_is_open_and_has_no_figures(filled):
    task = one(filled, "SELECT * FROM task WHERE task_id = 'open'")
    assert task["status"] == "open"
    assert {task[name] for name in ("agent_id", "wait_ms", "response_ms", "attempts", "quality", "cost_usd")} == {None}


def test_training_data_holds_the_newest_sample_of_a_task(filled):
    choice = one(filled, f"SELECT * FROM routing_training_data WHERE id = '{REVIEW}'")
    assert (choice["id"], choice["selected_agent_id"], choice["result_status"]) == (REVIEW, "code-reviewer", "success")
    assert json.loads(choice["candidate_scores"]) == {"code-reviewer": 0.82, "code-writer": 0.29}
    assert json.loads(choice["task_features"])["skill"] == "code_review"
    about_agent = json.loads(choice["agent_features"])
    assert (about_agent["role"], about_agent["past_success_rate"]) == ("primary", 0.92)
    assert (choice["task_embedding"], choice["user_feedback"], choice["actual_score"]) == ([], "positive", 1.0)
    other = one(filled, f"SELECT * FROM routing_training_data WHERE id != '{REVIEW}'")
    assert (other["result_status"], other["user_feedback"], other["actual_score"]) == ("failure", None, 0.0)


def test_training_data_counts_the_newest_revision_and_says_whether_a_model_saw_it(tmp_path):
    session = {"session_id": "s", "tenant_id": "t"}
    with running_warehouse(tmp_path) as settings, Asker(settings) as asker:
        events = [("TaskSubmitted", example("TaskSubmitted", 1, task_id=name, **session)) for name in "ab"]
        for name, revision, label in (("a", 1, 1.0), ("a", 0, 0.5), ("b", 0, 0.5), ("a", 2, 0.0)):
            sample = example("TrainingSample", 1, task_id=name, revision=revision, label=label, **session)
            events.append(("TrainingSample", sample))
        store(settings, events)
        last = one(asker, "SELECT _partition AS part, _offset AS place FROM training_sample WHERE revision = 2")
        span = {"partition": last["part"], "from_offset": last["place"], "to_offset": last["place"] + 1}
        store(settings, [("RoutingModel", example("RoutingModel", ranges=[span]))])
        found = rows(asker, "SELECT id, actual_score, used_for_training FROM routing_training_data ORDER BY id")
    assert [tuple(row.values()) for row in found] == [("a", 0.0, True), ("b", 0.5, False)]


def test_the_queue_speaks_the_words_of_the_design(filled):
    found = {row["id"]: row for row in rows(filled, "SELECT * FROM task_queue")}
    assert (found[REVIEW]["status"], found[REVIEW]["assigned_worker"]) == ("completed", "code-reviewer-1")
    assert (found[REVIEW]["retry_count"], found[REVIEW]["max_retries"]) == (1, 2)
    assert (found["t-1"]["status"], found["open"]["status"]) == ("failed", "pending")
    assert found["open"]["task_type"] == "routing"


def test_a_shard_that_wrote_just_now_is_healthy(full, filled):
    store(full, [("StreamPosition", example("StreamPosition"))], topic="dispatch.log")
    shard = one(filled, "SELECT * FROM orchestrator_state")
    assert (shard["status"], shard["health_status"], shard["current_load"]) == ("active", "healthy", 2)
    assert shard["session_ids"] == ["checkout-team", "release-2.4"]


@pytest.mark.parametrize("name", questions())
def test_every_question_has_an_answer(empty, filled, name):
    question = questions()[name]
    assert question.words.endswith("?")
    nothing = empty.rows_of(question.sql, question.parameters)
    something = filled.rows_of(question.sql, question.parameters)
    assert nothing.columns == something.columns
    if question.normal:
        assert all(row[0] is None or question.is_normal(row[0]) in (True, False) for row in something.rows)


def figure(asker, name, **over):
    question = questions()[name]
    return asker.rows_of(question.sql, {**question.parameters, **over}).rows[0][0]


def test_the_figures_are_those_of_the_examples(tmp_path):
    started, host_gone = 1_790_000_000_000_000, "no word from its host for 3 s"
    base = example("TaskOutcome", redos=0, submitted_at=started, items=[])
    ends = [("completed", 10), ("completed", 20), ("failed", 30), ("dead_lettered", 40), ("refused", None)]
    events = [
        ("TaskOutcome", base | {
            "task_id": f"t-{i}", "status": status, "finished_at": started + 60_000_000,
            "started_at": None if waited is None else started + waited * 1_000_000,
        })
        for i, (status, waited) in enumerate(ends)
    ]  # fmt: skip
    assigned = example("TaskAssigned", 1, task_id="t-0", assigned_at=started)
    lost = assigned | {"kind": "cancel", "reason": host_gone, "assigned_at": started + 20_000_000}
    events += [("TaskAssigned", assigned), ("TaskAssigned", lost)]
    events += [("TaskAssigned", assigned | {"attempt": 2, "assigned_at": started + 25_000_000})]
    now = int(datetime.now(UTC).timestamp() * 1e6)
    pool = example("PoolStatus", running=6, slots=10, waiting=900, waiting_max=1000, at=now - 1_800_000_000)
    events += [("PoolStatus", pool), ("PoolStatus", pool | {"running": 8, "instances": 5, "at": now - 900_000_000})]
    for i, busy_s in enumerate((90, 110)):
        times = {"started_at": started, "finished_at": started + busy_s * 1_000_000}
        events.append(("TaskResult", example("TaskResult", instance_id=f"i-{i}", host_id=f"host-{i}", **times)))
    with running_warehouse(tmp_path) as settings, Asker(settings) as asker:
        store(settings, events)
        wanted = {
            "mean_wait": 25, "completion": 0.5, "errors": 0.5, "routing_accuracy": 0.5, "response": 1,
            "failover_time": 8, "queue_length": 0.9, "load_spread": 0.2, "single_point_share": 0.5,
        }  # fmt: skip
        assert {name: figure(asker, name) for name in wanted} == wanted
        assert figure(asker, "agent_utilisation") == pytest.approx(0.7, abs=0.01)
        assert figure(asker, "throughput", hours="1") == pytest.approx(2 / 60)
        assert asker.rows_of(questions()["scale_events"].sql, {"hours": "24"}).rows == [["code-reviewer", 1, 0, 5]]


def test_a_learned_router_is_held_against_the_rules(tmp_path):
    now = int(datetime.now(UTC).timestamp() * 1e6)
    events = []
    for number in range(8):
        who = {"task_id": f"t-{number}", "session_id": "s"}
        router, redos = ("rules/1", number) if number < 4 else (f"mlp/{number % 2}", number == 7)
        events += [
            ("TaskSubmitted", example("TaskSubmitted", 1, **who, submitted_at=now, items=[])),
            ("RoutingDecision", example("RoutingDecision", **who, router=router, decided_at=now)),
            ("TaskOutcome", example("TaskOutcome", **who, status="completed", redos=int(redos), items=[])),
        ]
    month = 30 * 86_400_000_000
    for name, promoted_at in (("blend-1", now - month), ("blend-2", now), ("blend-2", None), ("rules", now)):
        events.append(("RoutingModel", example("RoutingModel") | {"name": name, "promoted_at": promoted_at}))
    with running_warehouse(tmp_path) as settings, Asker(settings) as asker:
        assert figure(asker, "learned_success") is None and figure(asker, "model_updates") is None
        store(settings, events)
        assert figure(asker, "learned_success") == 0.75 / 0.25
        (over_time,) = asker.rows_of(questions()["learned_over_time"].sql, {"hours": "1", "step_s": "86400"}).rows
        assert over_time[1:3] == [0.75, 0.25] and [int(count) for count in over_time[3:]] == [4, 4]
        assert figure(asker, "model_updates") == 1


def test_furnishing_twice_changes_nothing(empty):
    assert warehouse.furnish(empty._settings) == []


def test_every_question_and_view_is_in_the_manual():
    manual = (Path(__file__).parents[2] / "docs" / "warehouse.md").read_text(encoding="utf-8")
    assert [name for name in [*questions(), *VIEWS, "task"] if f"`{name}`" not in manual] == []


def test_what_the_model_in_use_expected_is_held_against_what_came_and_tasks_against_those_it_learned_from(
    tmp_path, capsys
):
    now = int(datetime.now(UTC).timestamp() * 1e6)

    def of(number, text, expected, label, **over):
        said = {"scorer": "mlp-2", "expected": expected, **over}
        return ("TrainingSample", sample(f"t-{number}", text, label=label, submitted_at=now, **said))

    learned = [of(n, "short", 0.85, float(n % 10 < 6)) for n in range(200)]  # 0.6 came of what was expected at 0.85
    late = [of(n, "a much longer text " * 20, 0.15, 0.0) for n in range(200, 220)]
    others = [of(n, "short", 0.95, 0.0, scorer="mlp-1") for n in range(220, 240)]
    with running_warehouse(tmp_path) as settings, Asker(settings) as asker:
        store(settings, [*learned, *late, *others])
        place = one(asker, "SELECT _partition AS part, min(_offset) AS low FROM training_sample GROUP BY part")
        span = {"partition": place["part"], "from_offset": place["low"], "to_offset": place["low"] + 200}
        used = {"status": "promoted", "promoted_at": now, "at": now, "ranges": [span]}
        gone = [{"promoted_at": now + 9, "at": now}, {"status": "candidate", "promoted_at": None, "at": now + 10}]
        models = [example("RoutingModel") | {"name": "mlp-2"} | used]
        models += [
            example("RoutingModel") | {"name": "mlp-3"} | used | one for one in gone
        ]  # put to use and taken back
        store(settings, [("RoutingModel", model) for model in models])
        calibration, drift = (
            asker.rows_of(questions()[name].sql, {"hours": "1"}) for name in ("calibration", "task_drift")
        )
        _tell_whether_it_holds(settings)
    said = capsys.readouterr().err.splitlines()
    assert "NOT normal: apart is 0.25, and <= 0.1 is normal." in said, "`headway models show` says whether it is well"
    assert "NOT normal: psi of 1 of 4 rows; < 0.25 is normal." in said
    assert [row[1] for row in calibration.rows] == [0.1, 0.8], "bands of the model in use alone"
    assert calibration.rows[0][0] is None, "of few tasks nothing is said"
    assert calibration.rows[1][0] == pytest.approx(0.25) and calibration.rows[1][4] == 200
    moved = {row[1]: row[0] for row in drift.rows}
    assert moved["length of the text"] > 0.25 and moved["items"] < 0.01, moved
