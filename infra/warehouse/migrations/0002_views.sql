-- What people ask for, as views on the tables of the events. Every view and every column says what it means.
-- Of events that came twice the first counts, except where the newest is the truth (dispatch_record, pool_status).

CREATE OR REPLACE VIEW task (
  task_id String COMMENT 'The task; its items are tasks of their own.',
  session_id String COMMENT 'Session of the task.',
  tenant_id String COMMENT 'Tenant who pays.',
  parent_id Nullable(String) COMMENT 'Task whose item this is; NULL for a task of its own.',
  redrive_of Nullable(String) COMMENT 'Dead-lettered task that this one tries again; NULL otherwise.',
  items UInt64 COMMENT 'Items it decomposes into; 0: one piece.',
  text String COMMENT 'The task in words.',
  priority Int32 COMMENT '1 (first) to 10 (last).',
  skill Nullable(String) COMMENT 'Kind of work as understood by the router; NULL while not routed.',
  complexity Nullable(Float64) COMMENT 'How hard it looked to the router, 0–1.',
  router Nullable(String) COMMENT 'What routed it, with its version.',
  confidence Nullable(Float64) COMMENT 'How sure the router was, 0–1.',
  agent_id Nullable(String) COMMENT 'Agent that had it last, else the one chosen; NULL when none was.',
  instance_id Nullable(String) COMMENT 'Instance that had it last; NULL when none had.',
  model Nullable(String) COMMENT 'Model used; NULL when none.',
  status LowCardinality(String) COMMENT 'open, completed, failed, cancelled, expired, dead_lettered or refused.',
  error Nullable(String) COMMENT 'Why it did not complete; NULL when it did, or is open.',
  submitted_at DateTime64(6, 'UTC') COMMENT 'When it was handed in [µs, UTC]',
  decided_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When the router decided [µs, UTC]',
  started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'First start of an attempt; NULL while open, or when none started [µs, UTC]',
  finished_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it ended; NULL while open [µs, UTC]',
  wait_ms Nullable(Float64) COMMENT 'From handed in to started [ms]',
  run_ms Nullable(Float64) COMMENT 'From started to ended, redos and retries included [ms]',
  response_ms Nullable(Float64) COMMENT 'From handed in to ended [ms]',
  attempts Nullable(Int32) COMMENT 'Attempts started; NULL while open.',
  redos Nullable(Int32) COMMENT 'Attempts that were redos; NULL while open.',
  verdict Nullable(String) COMMENT 'Newest judgement: accept or redo; NULL when not judged.',
  quality Nullable(Float64) COMMENT 'Score 0–1 of the newest judgement; NULL when not judged.',
  tokens_in Nullable(Int64) COMMENT 'Input tokens bought; NULL while open [tokens]',
  tokens_out Nullable(Int64) COMMENT 'Output tokens bought; NULL while open [tokens]',
  cost_usd Nullable(Float64) COMMENT 'Money spent, that of its items included; NULL while open [USD]'
) AS
SELECT
  s.task_id AS task_id, s.session_id AS session_id, s.tenant_id AS tenant_id, s.parent_id AS parent_id,
  s.redrive_of AS redrive_of, length(s.items) AS items, s.text AS text, s.priority AS priority,
  d.skill AS skill, d.complexity AS complexity, d.router AS router, d.confidence AS confidence,
  coalesce(o.agent_id, d.agent_id) AS agent_id, o.instance_id AS instance_id, o.model AS model,
  coalesce(o.status, 'open') AS status, o.error AS error,
  s.submitted_at AS submitted_at, d.decided_at AS decided_at, o.started_at AS started_at, o.finished_at AS finished_at,
  dateDiff('microsecond', s.submitted_at, o.started_at) / 1000 AS wait_ms,
  dateDiff('microsecond', o.started_at, o.finished_at) / 1000 AS run_ms,
  dateDiff('microsecond', s.submitted_at, o.finished_at) / 1000 AS response_ms,
  o.attempts AS attempts, o.redos AS redos, e.verdict AS verdict, coalesce(e.quality, o.quality) AS quality,
  o.tokens_in AS tokens_in, o.tokens_out AS tokens_out, o.cost_usd_micros / 1000000 AS cost_usd
FROM (SELECT * FROM task_submitted ORDER BY _at LIMIT 1 BY session_id, task_id) AS s
LEFT JOIN (
  SELECT session_id, task_id, agent_id, toNullable(skill) AS skill, toNullable(complexity) AS complexity,
    toNullable(router) AS router, toNullable(confidence) AS confidence, toNullable(decided_at) AS decided_at
  FROM routing_decision ORDER BY _at LIMIT 1 BY session_id, task_id
) AS d ON d.session_id = s.session_id AND d.task_id = s.task_id
LEFT JOIN (
  SELECT session_id, task_id, agent_id, instance_id, model, toNullable(toString(status)) AS status, error, quality,
    started_at, toNullable(finished_at) AS finished_at, toNullable(attempts) AS attempts, toNullable(redos) AS redos,
    toNullable(tokens_in) AS tokens_in, toNullable(tokens_out) AS tokens_out, toNullable(cost_usd_micros) AS cost_usd_micros
  FROM task_outcome ORDER BY _at LIMIT 1 BY session_id, task_id
) AS o ON o.session_id = s.session_id AND o.task_id = s.task_id
LEFT JOIN (
  SELECT session_id, task_id, toNullable(toString(verdict)) AS verdict, toNullable(quality) AS quality
  FROM evaluation ORDER BY attempt DESC LIMIT 1 BY session_id, task_id
) AS e ON e.session_id = s.session_id AND e.task_id = s.task_id
COMMENT 'One row a task: what was asked, who got it, how it ended, what it took and how good it was.';

CREATE OR REPLACE VIEW routing_training_data (
  id String COMMENT 'The task: a task is routed once.',
  task_embedding Array(Float32) COMMENT 'Embedding of the text; empty, for nothing makes one yet.',
  task_features String COMMENT 'JSON: skill, complexity, priority, characters of the text, agent and model asked for.',
  agent_features String COMMENT 'JSON: the definition of the chosen agent and the state of its pool when it was chosen.',
  selected_agent_id String COMMENT 'Agent chosen.',
  candidate_scores String COMMENT 'JSON: score by agent, of every agent considered.',
  user_feedback Nullable(String) COMMENT 'positive, neutral or negative; NULL, for nobody is asked yet.',
  result_status Nullable(String) COMMENT 'success: completed; failure: failed, expired or dead-lettered; NULL: open, or no fault of the choice.',
  actual_score Nullable(Float64) COMMENT 'Score 0–1 of the newest judgement; NULL when not judged.',
  created_at DateTime64(6, 'UTC') COMMENT 'When it was chosen [µs, UTC]',
  used_for_training Bool COMMENT 'Whether a model has learned from it; false, for none learns yet.'
) AS
SELECT
  d.task_id AS id,
  CAST([], 'Array(Float32)') AS task_embedding,
  toJSONString(CAST(
    (d.skill, d.complexity, s.priority, lengthUTF8(s.text), s.agent_id, s.model),
    'Tuple(skill String, complexity Float64, priority Int32, text_length UInt64,
      agent_asked Nullable(String), model_asked Nullable(String))'
  )) AS task_features,
  toJSONString(CAST(
    (toString(a.role), a.capabilities, a.perspectives, a.keywords, a.instances,
     p.waiting, p.running, p.slots, p.mean_response_ms, p.error_rate, p.load_score),
    'Tuple(role String, capabilities Array(String), perspectives Array(String), keywords Array(String), instances Int32,
      waiting Int32, running Int32, slots Int32, mean_response_ms Float64, error_rate Float64, load_score Float64)'
  )) AS agent_features,
  d.chosen AS selected_agent_id,
  toJSONString(CAST((arrayMap(c -> c.1, d.candidates), arrayMap(c -> c.2, d.candidates)), 'Map(String, Float64)')) AS candidate_scores,
  CAST(NULL, 'Nullable(String)') AS user_feedback,
  multiIf(o.status = 'completed', 'success', o.status IN ('failed', 'expired', 'dead_lettered'), 'failure', NULL) AS result_status,
  coalesce(e.quality, o.quality) AS actual_score,
  d.decided_at AS created_at,
  false AS used_for_training
FROM (
  SELECT *, assumeNotNull(agent_id) AS chosen FROM routing_decision
  WHERE agent_id IS NOT NULL AND refusal IS NULL ORDER BY _at LIMIT 1 BY session_id, task_id
) AS d
LEFT JOIN (SELECT * FROM task_submitted ORDER BY _at LIMIT 1 BY session_id, task_id) AS s
  ON s.session_id = d.session_id AND s.task_id = d.task_id
LEFT JOIN (SELECT * FROM task_outcome ORDER BY _at LIMIT 1 BY session_id, task_id) AS o
  ON o.session_id = d.session_id AND o.task_id = d.task_id
LEFT JOIN (
  SELECT session_id, task_id, toNullable(quality) AS quality FROM evaluation ORDER BY attempt DESC LIMIT 1 BY session_id, task_id
) AS e ON e.session_id = d.session_id AND e.task_id = d.task_id
ASOF LEFT JOIN agent_definition AS a ON a.agent_id = d.chosen AND a.updated_at <= d.decided_at
ASOF LEFT JOIN (SELECT * FROM pool_status WHERE _topic = 'pools.status') AS p ON p.pool = d.pool AND p.at <= d.decided_at
COMMENT 'What a learned router trains on: one row for each choice of an agent, and what came of it.';

CREATE OR REPLACE VIEW task_queue (
  id String COMMENT 'The task.',
  session_id String COMMENT 'Session of the task.',
  task_type String COMMENT 'routing: no agent is chosen yet; execution: the rest. Judging takes no place in a queue.',
  task_payload String COMMENT 'JSON: text, skill, agent and model asked for, items.',
  priority Int32 COMMENT '1 (first) to 10 (last).',
  status String COMMENT 'pending, processing (has a slot, or waits for its items), completed, or failed (every other end).',
  assigned_worker Nullable(String) COMMENT 'Instance that has it, or had it last; NULL when none.',
  created_at DateTime64(6, 'UTC') COMMENT 'When it was handed in [µs, UTC]',
  started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'First start of an attempt; NULL when none started [µs, UTC]',
  completed_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it ended; NULL while open [µs, UTC]',
  retry_count Int32 COMMENT 'Retries used.',
  max_retries Nullable(Int32) COMMENT 'Most retries; NULL: the setting of the line (retries_max).',
  error_message Nullable(String) COMMENT 'Why it ended so, or the error of the last attempt; NULL when none.'
) AS
SELECT
  s.task_id AS id, s.session_id AS session_id,
  if(d.task_id = '', 'routing', 'execution') AS task_type,
  toJSONString(CAST(
    (s.text, s.skill, s.agent_id, s.model, s.items),
    'Tuple(text String, skill Nullable(String), agent_id Nullable(String), model Nullable(String), items Array(String))'
  )) AS task_payload,
  s.priority AS priority,
  multiIf(
    o.status = 'completed', 'completed', o.status != '', 'failed',
    r.phase IN ('running', 'cancelling', 'joining'), 'processing', 'pending'
  ) AS status,
  coalesce(o.instance_id, r.instance_id) AS assigned_worker,
  s.submitted_at AS created_at,
  coalesce(o.started_at, r.started_at) AS started_at,
  if(o.task_id = '', NULL, o.finished_at) AS completed_at,
  r.retries AS retry_count, s.retries_max AS max_retries,
  if(o.task_id = '', r.error, o.error) AS error_message
FROM (SELECT * FROM task_submitted ORDER BY _at LIMIT 1 BY session_id, task_id) AS s
LEFT JOIN (SELECT session_id, task_id FROM routing_decision LIMIT 1 BY session_id, task_id) AS d
  ON d.session_id = s.session_id AND d.task_id = s.task_id
LEFT JOIN (
  SELECT session_id, task_id, phase, instance_id, started_at, retries, error
  FROM dispatch_record ORDER BY _at DESC, _offset DESC LIMIT 1 BY session_id, task_id
) AS r ON r.session_id = s.session_id AND r.task_id = s.task_id
LEFT JOIN (
  SELECT session_id, task_id, status, instance_id, started_at, finished_at, error
  FROM task_outcome ORDER BY _at LIMIT 1 BY session_id, task_id
) AS o ON o.session_id = s.session_id AND o.task_id = s.task_id
COMMENT 'Every task as an entry of a queue, in the words of the design: pending, processing, completed, failed.';

CREATE OR REPLACE VIEW orchestrator_state (
  orchestrator_id String COMMENT 'Shard of the dispatcher: it moves whole from one process to another.',
  status String COMMENT 'active: wrote within 90 s; sleeping: not, and has no task; terminated: not, and has tasks.',
  current_load Int64 COMMENT 'Tasks in its hands: waiting and running.',
  max_capacity Int64 COMMENT 'Slots of the live instances of its pools.',
  active_sessions UInt64 COMMENT 'Sessions with a task in its hands.',
  session_ids Array(String) COMMENT 'Those sessions.',
  last_heartbeat DateTime64(3, 'UTC') COMMENT 'Newest record of the shard in its log [ms, UTC]',
  health_status String COMMENT 'By the age of that record: healthy to 30 s, degraded to 90 s, then unhealthy.',
  instance_info String COMMENT 'JSON: partition and pools. Host names are in no event.',
  created_at DateTime64(3, 'UTC') COMMENT 'Oldest record that is kept [ms, UTC]',
  updated_at DateTime64(3, 'UTC') COMMENT 'As last_heartbeat [ms, UTC]'
) AS
SELECT
  'dispatcher/' || toString(_partition) AS orchestrator_id,
  multiIf(silent_s <= 90, 'active', t.open = 0, 'sleeping', 'terminated') AS status,
  t.open AS current_load, p.slots AS max_capacity, length(t.sessions) AS active_sessions, t.sessions AS session_ids,
  newest AS last_heartbeat,
  multiIf(silent_s <= 30, 'healthy', silent_s <= 90, 'degraded', 'unhealthy') AS health_status,
  toJSONString(CAST((_partition, p.pools), 'Tuple(partition Int32, pools Array(String))')) AS instance_info,
  oldest AS created_at, newest AS updated_at
FROM (
  SELECT _partition, min(first) AS oldest, max(last) AS newest, dateDiff('second', newest, now64(3)) AS silent_s FROM (
    SELECT _partition, min(_at) AS first, max(_at) AS last FROM stream_position WHERE _topic = 'dispatch.log' GROUP BY _partition
    UNION ALL
    SELECT _partition, min(_at) AS first, max(_at) AS last FROM dispatch_record GROUP BY _partition
  ) GROUP BY _partition
) AS h
LEFT JOIN (
  SELECT _partition, toInt64(count()) AS open, arraySort(groupUniqArray(session_id)) AS sessions FROM (
    SELECT _partition, task_id, session_id, phase FROM dispatch_record ORDER BY _at DESC, _offset DESC LIMIT 1 BY _partition, task_id
  ) WHERE phase NOT IN ('done', 'cancel_requested')
  GROUP BY _partition
) AS t USING _partition
LEFT JOIN (
  SELECT _partition, sum(slots) AS slots, arraySort(groupArray(pool)) AS pools FROM (
    SELECT _partition, pool, argMax(slots, _at) AS slots FROM pool_status WHERE _topic = 'dispatch.log' GROUP BY _partition, pool
  ) GROUP BY _partition
) AS p USING _partition
COMMENT 'The dispatcher in the words of the design: its shards, their load and when they last wrote.';

CREATE OR REPLACE VIEW ab_experiments (
  id String COMMENT 'The experiment.',
  name String COMMENT 'Its name.',
  parameter_name String COMMENT 'Setting that differs.',
  variants String COMMENT 'JSON: value by variant.',
  traffic_split String COMMENT 'JSON: planned share by variant.',
  status String COMMENT 'draft, running, paused or completed.',
  results Nullable(String) COMMENT 'JSON: figures by variant; NULL until there are some.',
  winner_variant Nullable(String) COMMENT 'Variant that won; NULL while none has.',
  statistical_significance Nullable(Float64) COMMENT 'How sure that is, 0–1; NULL until it is known.',
  created_at DateTime64(6, 'UTC') COMMENT 'When it was made [µs, UTC]',
  started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it started; NULL before [µs, UTC]',
  ended_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it ended; NULL before [µs, UTC]'
) AS
SELECT
  '' AS id, '' AS name, '' AS parameter_name, '' AS variants, '' AS traffic_split, '' AS status,
  CAST(NULL, 'Nullable(String)') AS results, CAST(NULL, 'Nullable(String)') AS winner_variant,
  CAST(NULL, 'Nullable(Float64)') AS statistical_significance,
  now64(6, 'UTC') AS created_at, toNullable(created_at) AS started_at, toNullable(created_at) AS ended_at
WHERE false
COMMENT 'A/B experiments. Empty: no topic tells of them yet.';

CREATE OR REPLACE VIEW ab_experiment_logs (
  id String COMMENT 'The measurement.',
  experiment_id String COMMENT 'Its experiment.',
  variant_id String COMMENT 'Variant that was measured.',
  session_id String COMMENT 'Session that was measured.',
  metric_name String COMMENT 'What was measured.',
  metric_value Float64 COMMENT 'The figure.',
  created_at DateTime64(6, 'UTC') COMMENT 'When it was measured [µs, UTC]'
) AS
SELECT
  '' AS id, '' AS experiment_id, '' AS variant_id, '' AS session_id, '' AS metric_name, toFloat64(0) AS metric_value,
  now64(6, 'UTC') AS created_at
WHERE false
COMMENT 'What A/B experiments measured. Empty: no topic tells of them yet.';
