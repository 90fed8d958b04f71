"""Days of a line in a warehouse, made by the warehouse itself: as many tasks as wanted, in a second or so."""

from datetime import date

from infra import warehouse
from infra.settings import Settings

OUTCOMES = """
INSERT INTO task_outcome (
  _topic, _offset, _at, task_id, session_id, tenant_id, status, agent_id, instance_id, model, error,
  attempts, redos, submitted_at, started_at, finished_at, cost_usd_micros, tokens_in, tokens_out
)
SELECT
  'tasks.outcomes', number, ended, toString(generateUUIDv4()), 'S' || toString(number % 997),
  ['acme', 'globex', 'default'][1 + number % 3],
  multiIf(refused, 'refused', number % 1000 < {failed:UInt32}, 'failed', number % 500 = 499, 'expired', 'completed'),
  if(refused, NULL, agent), if(refused, NULL, agent || '-' || toString(number % 4)),
  if(number % 3 = 0, NULL, 'claude-haiku-4-5'),
  if(number % 1000 < {failed:UInt32}, 'the model said nothing', NULL), if(refused, 0, 1 + redone), redone,
  ended - toIntervalMillisecond(waited + ran), if(refused, NULL, ended - toIntervalMillisecond(ran)), ended,
  if(refused, 0, 800 + number % 900), 500, 200
FROM (
  SELECT
    number, ['code-reviewer', 'doc-writer', 'quick-helper', 'tester', 'researcher'][1 + number % 5] AS agent,
    number % 211 = 210 AS refused, number % 10 = 0 AS redone,
    toInt64({waited_ms:Float64} * (0.5 + rand(1) % 1000 / 1000)) AS waited,
    toInt64(4000 + rand(2) % 8000 + if(rand(3) % 50 = 0, 60000, 0)) AS ran,
    toDateTime64({day:Date}, 6, 'UTC') + toIntervalMillisecond(toInt64(86399999 * number / {tasks:UInt64})) AS ended
  FROM numbers({tasks:UInt64})
)
"""
RESULTS = """
INSERT INTO task_result (
  _topic, _offset, _at, task_id, session_id, tenant_id, kind, attempt, pool, agent_id, instance_id, host_id,
  started_at, finished_at, error
)
SELECT
  'tasks.results', _offset, _at, task_id, session_id, tenant_id, if(status = 'failed', 'failed', 'completed'), 1,
  assumeNotNull(agent_id), assumeNotNull(agent_id), assumeNotNull(instance_id),
  if(_offset % 10 < 7, 'executor-0', 'executor-1'), started_at, finished_at, error
FROM task_outcome WHERE agent_id IS NOT NULL AND toDate(_at) = {day:Date}
"""
SUBMISSIONS = """
INSERT INTO task_submitted (_topic, _offset, _at, task_id, session_id, tenant_id, text, submitted_at, priority)
SELECT 'tasks.submitted', _offset, submitted_at, task_id, session_id, tenant_id, 'Review the change', submitted_at, 5
FROM task_outcome WHERE toDate(_at) = {day:Date}
"""
EVALUATIONS = """
INSERT INTO evaluation (
  _topic, _offset, _at, task_id, session_id, attempt, agent_id, at, success, quality, verdict, reasons
)
SELECT
  'evaluations', _offset, _at, task_id, session_id, 1, assumeNotNull(agent_id), finished_at, true, 0.7,
  if(redos > 0, 'redo', 'accept'), if(redos > 0, ['The answer ends in the middle of a sentence.'], [])
FROM task_outcome WHERE agent_id IS NOT NULL AND toDate(_at) = {day:Date}
"""


def fill(settings: Settings, day: date, tasks: int, *, failed: int = 5, waited_ms: float = 400.0) -> None:
    """A day of tasks, evenly over its hours. Of a thousand, `failed` fail; one of 211 is refused, one of ten redone.
    Of every ten attempts seven are on one host."""
    values = {"day": day, "tasks": tasks, "failed": failed, "waited_ms": waited_ms}
    with warehouse.client(settings) as client:
        for statement in (OUTCOMES, RESULTS, SUBMISSIONS, EVALUATIONS):
            client.command(statement, parameters=values)
