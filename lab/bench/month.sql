-- The events of a part of a month, made by ClickHouse itself: warehouse.py fills in {tasks} of the month, its end {now} [s],
-- and {first} and {count} of the tasks of this part. From the tasks, the first statement, all else follows.

CREATE OR REPLACE VIEW month_task AS
SELECT number AS n, cityHash64(n) AS chance,
  toDateTime64({now}, 6, 'UTC') - toIntervalDay(30) + toIntervalMicrosecond(intDiv(n * 2592000000000, {tasks}) + chance % 1000000) AS submitted_at,
  leftPad(lower(hex(toUnixTimestamp64Milli(submitted_at))), 12, '0') AS time_hex, lower(hex(chance)) AS chance_hex,
  -- An id as producers make it (UUIDv7): its first half is the time.
  concat(substring(time_hex, 1, 8), '-', substring(time_hex, 9, 4), '-7', substring(chance_hex, 1, 3), '-a', substring(chance_hex, 4, 3), '-', substring(hex(sipHash64(n)), 1, 12)) AS task_id,
  concat('session-', toString(intDiv(n, 200) * 10 + chance % 10)) AS session_id,
  concat('tenant-', toString(chance % 7)) AS tenant_id,
  concat('agent-', toString(intDiv(chance, 7) % 12)) AS agent_id,
  concat(agent_id, '-', toString(intDiv(chance, 84) % 4 + 1)) AS instance_id,
  ['code_review', 'code_writing', 'testing', 'documentation'][chance % 4 + 1] AS skill,
  ['claude-haiku-4-5', 'claude-sonnet-4-5', 'claude-opus-4-5'][intDiv(chance, 64) % 3 + 1] AS model,
  toInt32(intDiv(chance, 100) % 10 + 1) AS priority,
  concat('rules/', toString(intDiv(n * 4, {tasks}) + 1)) AS router,
  (chance % 9973) / 9973 AS quality,
  submitted_at + toIntervalMillisecond(20) AS decided_at,
  decided_at + toIntervalMillisecond(chance % 20000) AS started_at,
  started_at + toIntervalMillisecond(1000 + chance % 59000) AS finished_at,
  -- Of a thousand tasks 5 fail, 5 are set aside, 5 are refused and 5 never end; 30 are done again, 2 lose their host.
  chance % 1000 AS fate,
  multiIf(fate < 5, 'failed', fate < 10, 'dead_lettered', fate < 15, 'refused', fate < 20, 'open', 'completed') AS status,
  multiIf(fate < 5, 'the model refused', fate < 15, 'too much at once', NULL) AS error,
  fate BETWEEN 20 AND 49 AS redone, fate IN (50, 51) AS crashed, toInt32(if(redone OR crashed, 2, 1)) AS attempts,
  toInt32(chance % 4) AS session_partition, toInt32(intDiv(chance, 7) % 12 % 4) AS pool_partition
FROM numbers({first}, {count});

INSERT INTO task_submitted (_topic, _partition, _offset, _at, _key, task_id, session_id, tenant_id, text, submitted_at, priority, redrive_of)
SELECT 'tasks.submitted', session_partition, n, submitted_at, session_id, task_id, session_id, tenant_id,
  concat('Review module ', toString(chance), ' for security holes and say what to do about each of them, the worst first.'),
  submitted_at, priority, if(fate = 99, concat('redriven-', toString(n)), NULL)
FROM month_task;

INSERT INTO routing_decision (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, decided_at,
  agent_id, pool, skill, complexity, confidence, propensity, router, reason, candidates, task, exposures)
SELECT 'routing.decisions', pool_partition, n, decided_at, agent_id, concat(task_id, '/0/decided'), task_id, session_id, tenant_id, decided_at,
  agent_id, agent_id, skill, quality, 1 - quality / 2, 1, router, concat('agent ', agent_id, ' fits best: ', skill),
  [(agent_id, 0.8, 'it can do it'), ('agent-fallback', 0.2, 'it takes what is left')], chance_hex,
  [('of-the-month', if(cityHash64(task_id) % 2 = 0, 'control', 'b'), task_id, 0.5)]
FROM month_task;

INSERT INTO task_assigned (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, kind, attempt,
  instance_id, agent_id, pool, skill, assigned_at, timeout_ms, reason, task)
SELECT 'tasks.assigned', pool_partition, 4 * n + part, started_at + toIntervalSecond(part), instance_id, concat(task_id, '/', toString(part)), task_id, session_id, tenant_id,
  if(crashed AND part = 1, 'cancel', 'run'), if(part = 2 OR (redone AND part = 1), 2, 1), instance_id, agent_id, agent_id, skill, started_at + toIntervalSecond(part), 600000,
  if(crashed AND part = 1, 'no word from its host for 15 s', NULL), if(crashed AND part = 1, '', chance_hex)
FROM month_task ARRAY JOIN if(crashed, [0, 1, 2], if(redone, [0, 1], [0])) AS part
WHERE status != 'refused';

INSERT INTO task_progress (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, kind, attempt,
  sequence, at, agent_id, instance_id, message)
SELECT 'tasks.progress', session_partition, n, started_at, session_id, concat(task_id, '/1/0'), task_id, session_id, tenant_id, 'started', 1,
  0, started_at, agent_id, instance_id, ''
FROM month_task WHERE n % 2 = 0;

INSERT INTO task_result (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, kind, attempt, pool,
  agent_id, instance_id, host_id, incarnation, started_at, finished_at, output, error, retryable, model, tokens_in, tokens_out, cost_usd_micros)
SELECT 'tasks.results', pool_partition, 2 * n + part, finished_at, agent_id, concat(task_id, '/', toString(part)), task_id, session_id, tenant_id,
  if(status IN ('failed', 'dead_lettered'), 'failed', 'completed'), part + 1, agent_id,
  agent_id, instance_id, concat('host-', toString(chance % 5)), 'life-1', started_at, finished_at, 'There is no hole that I can see.', error, status = 'dead_lettered',
  model, 300 + chance % 700, 100 + chance % 400, 1000 + chance % 5000
FROM month_task ARRAY JOIN if(redone, [0, 1], [0]) AS part
WHERE status NOT IN ('refused', 'open');

INSERT INTO evaluation (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, attempt, agent_id, at,
  success, quality, verdict, reasons, redos, evaluator)
SELECT 'evaluations', session_partition, 2 * n + part, finished_at, task_id, concat(task_id, '/', toString(part)), task_id, session_id, tenant_id, part + 1, agent_id, finished_at,
  part = 1 OR NOT redone, quality, if(redone AND part = 0, 'redo', 'accept'), if(redone AND part = 0, ['too short', 'no example'], []), part, 'rules/1'
FROM month_task ARRAY JOIN if(redone, [0, 1], [0]) AS part
WHERE status = 'completed';

INSERT INTO task_outcome (_topic, _partition, _offset, _at, _key, event_id, task_id, session_id, tenant_id, status, output, error,
  agent_id, instance_id, model, skill, priority, attempts, redos, quality, submitted_at, started_at, finished_at,
  tokens_in, tokens_out, cost_usd_micros)
SELECT 'tasks.outcomes', session_partition, n, finished_at, session_id, concat(task_id, '/outcome'), task_id, session_id, tenant_id, status, 'There is no hole that I can see.', error,
  if(status = 'refused', NULL, agent_id), if(status = 'refused', NULL, instance_id), if(status = 'refused', NULL, model), skill, priority,
  if(status = 'refused', 0, attempts), redone, if(status = 'completed', quality, NULL), submitted_at, if(status = 'refused', NULL, started_at), finished_at,
  300 + chance % 700, 100 + chance % 400, if(status = 'refused', 0, 1000 + chance % 5000)
FROM month_task WHERE status != 'open';

INSERT INTO dispatch_record (_topic, _partition, _offset, _at, _key, task_id, session_id, tenant_id, phase, pool, agent_id, skill,
  complexity, entered_at, queued_at, ready_at, attempt, retries, redos, crashes, instance_id, started_at, error, tokens_in, tokens_out, cost_usd_micros, task)
SELECT 'dispatch.log', pool_partition, 2 * n + part, if(part = 0, decided_at, finished_at), task_id, task_id, session_id, tenant_id,
  multiIf(part = 0, 'queued', status = 'open', 'running', 'done'), agent_id, agent_id, skill,
  quality, if(part = 0, decided_at, finished_at), decided_at, 0, part * attempts, 0, part * redone, part * crashed, if(part = 0, NULL, instance_id), if(part = 0, NULL, started_at),
  error, 300, 100, 1000, if(part = 0, concat(chance_hex, hex(sipHash128(n))), '')
FROM month_task ARRAY JOIN [0, 1] AS part;

INSERT INTO dead_letter (_topic, _partition, _offset, _at, _key, event_id, at, service, topic, partition, offset, payload, reason,
  task_id, session_id, tenant_id, attempts)
SELECT 'dead.letters', session_partition, n, finished_at, task_id, task_id, finished_at, 'dispatcher', 'tasks.results', -1, -1, chance_hex, 'too much at once',
  task_id, session_id, tenant_id, 3
FROM month_task WHERE status = 'dead_lettered';

INSERT INTO pool_status (_topic, _partition, _offset, _at, _key, event_id, pool, agent_id, at, waiting, waiting_max, running, slots,
  instances, oldest_wait_ms, completed, failed, mean_response_ms, error_rate, load_score)
SELECT ['pools.status', 'dispatch.log'][number % 2 + 1], intDiv(number, 2) % 12 % 4, intDiv(number, 2) + 10000000, toDateTime64({now}, 6, 'UTC') - toIntervalDay(30) + toIntervalMillisecond(intDiv(number * 2592000000, {tasks} / 2)), concat('agent-', toString(intDiv(number, 2) % 12)),
  '', concat('agent-', toString(intDiv(number, 2) % 12)), concat('agent-', toString(intDiv(number, 2) % 12)), toDateTime64({now}, 6, 'UTC') - toIntervalDay(30) + toIntervalMillisecond(intDiv(number * 2592000000, {tasks} / 2)),
  cityHash64(number) % 300, 1000, cityHash64(number) % 9, 8, 4 - (cityHash64(number) % 1000 = 0), 100, number, 0, 20000, 0.01, 30
FROM numbers(intDiv({first}, 2), intDiv({count}, 2));

INSERT INTO agent_heartbeat (_topic, _partition, _offset, _at, _key, event_id, pool, agent_id, host_id, incarnation, sequence, at, draining, instances)
SELECT 'agents.heartbeats', number % 12 % 4, number, toDateTime64({now}, 6, 'UTC') - toIntervalDay(30) + toIntervalMillisecond(intDiv(number * 2592000000, {tasks})), concat('agent-', toString(number % 12)),
  '', concat('agent-', toString(number % 12)), concat('agent-', toString(number % 12)), 'host-0', 'life-1', number, toDateTime64({now}, 6, 'UTC') - toIntervalDay(30) + toIntervalMillisecond(intDiv(number * 2592000000, {tasks})), false,
  arrayMap(i -> (concat('agent-', toString(number % 12), '-', toString(i)), if(cityHash64(number, i) % 3 = 0, [], [(toString(number), 1)])), [1, 2, 3, 4])
FROM numbers({first}, {count});

DROP VIEW month_task;
