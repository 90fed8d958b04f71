-- One row a task, so that whoever looks at millions of them joins nothing. rollups.py tells how it is kept true.
-- A cell is a tuple that begins with the rank of the event it was made from: the first event of a kind wins (or the
-- newest), whatever comes twice and in whatever order. Read it with FINAL and tupleElement(cell, 'name'); cell.name would
-- be read before the rows of a task are merged, and be that of any of them.
-- Parts are kept apart by the time in the id, three days each, where ids have one (UUIDv7); a part of the past becomes one
-- piece within minutes, and FINAL has nothing to do in it.

CREATE TABLE IF NOT EXISTS task_rollup (
  task_id String COMMENT 'The task.',
  session_id String COMMENT 'Session of the task.',
  newest SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'When the newest event of the task came; it is kept a year from there [s, UTC]',
  submitted SimpleAggregateFunction(min, Tuple(rank UInt64, at DateTime64(6, 'UTC'), items UInt32))
    DEFAULT (18446744073709551615, toDateTime64(0, 6, 'UTC'), 0) COMMENT 'First submission: when, and how many items.',
  asked SimpleAggregateFunction(min, Tuple(rank UInt64, tenant_id String, parent_id Nullable(String), redrive_of Nullable(String), priority Int32))
    DEFAULT (18446744073709551615, '', NULL, NULL, 0) COMMENT 'First submission: for whom and how urgent.',
  words SimpleAggregateFunction(min, Tuple(rank UInt64, text String, skill Nullable(String), agent_id Nullable(String), model Nullable(String), items Array(String), retries_max Nullable(Int32)))
    DEFAULT (18446744073709551615, '', NULL, NULL, NULL, [], NULL) COMMENT 'First submission: what was asked for.',
  decided SimpleAggregateFunction(min, Tuple(rank UInt64, at DateTime64(6, 'UTC'), router String, confidence Float64))
    DEFAULT (18446744073709551615, toDateTime64(0, 6, 'UTC'), '', 0) COMMENT 'First decision of the router: when, by what and how sure.',
  choice SimpleAggregateFunction(min, Tuple(rank UInt64, agent_id Nullable(String)))
    DEFAULT (18446744073709551615, NULL) COMMENT 'First decision of the router: the agent.',
  kind SimpleAggregateFunction(min, Tuple(rank UInt64, skill String, complexity Float64))
    DEFAULT (18446744073709551615, '', 0) COMMENT 'First decision of the router: what kind of work, and how hard.',
  chosen SimpleAggregateFunction(min, Tuple(rank UInt64, agent_id String, pool String, skill String, complexity Float64, at DateTime64(6, 'UTC'), candidates Array(Tuple(agent_id String, score Float64))))
    DEFAULT (18446744073709551615, '', '', '', 0, toDateTime64(0, 6, 'UTC'), []) COMMENT 'First decision that chose an agent, with all that were considered.',
  ended SimpleAggregateFunction(min, Tuple(rank UInt64, status String, at DateTime64(6, 'UTC'), redos Int32, cost_usd_micros Int64))
    DEFAULT (18446744073709551615, 'open', toDateTime64(0, 6, 'UTC'), 0, 0) COMMENT 'Outcome: how and when it ended, redos and cost.',
  graded SimpleAggregateFunction(min, Tuple(rank UInt64, quality Nullable(Float64)))
    DEFAULT (18446744073709551615, NULL) COMMENT 'Outcome: its quality.',
  started SimpleAggregateFunction(min, Tuple(rank UInt64, at Nullable(DateTime64(6, 'UTC'))))
    DEFAULT (18446744073709551615, NULL) COMMENT 'Outcome: first start of an attempt.',
  worker SimpleAggregateFunction(min, Tuple(rank UInt64, agent_id Nullable(String), model Nullable(String)))
    DEFAULT (18446744073709551615, NULL, NULL) COMMENT 'Outcome: who had it last.',
  worked SimpleAggregateFunction(min, Tuple(rank UInt64, instance_id Nullable(String), error Nullable(String), attempts Int32, tokens_in Int64, tokens_out Int64))
    DEFAULT (18446744073709551615, NULL, NULL, 0, 0, 0) COMMENT 'Outcome: where, what went wrong, and what that took.',
  judged SimpleAggregateFunction(max, Tuple(rank UInt64, quality Nullable(Float64)))
    DEFAULT (0, NULL) COMMENT 'Judgement of the newest attempt: its score.',
  verdict SimpleAggregateFunction(max, Tuple(rank UInt64, verdict Nullable(String)))
    DEFAULT (0, NULL) COMMENT 'Judgement of the newest attempt: accept or redo.',
  held SimpleAggregateFunction(max, Tuple(rank UInt64, phase String, crashes Int32, instance_id Nullable(String), started_at Nullable(DateTime64(6, 'UTC')), retries Int32, error Nullable(String)))
    DEFAULT (0, '', 0, NULL, NULL, 0, NULL) COMMENT 'Newest record of the dispatcher.',
  shard SimpleAggregateFunction(max, Tuple(rank UInt64, partition Int32, phase String))
    DEFAULT (0, 0, '') COMMENT 'Shard of the dispatcher that has it: newest record that is no cancellation kept for later.',
  INDEX by_session session_id TYPE bloom_filter,
  INDEX by_time tupleElement(submitted, 'at') TYPE minmax
) ENGINE = AggregatingMergeTree
PARTITION BY if(match(task_id, '^0[0-9a-f]{7}-[0-9a-f]{4}-7'), substring(task_id, 1, 5), '')
ORDER BY (task_id, session_id)
TTL newest + INTERVAL 365 DAY
SETTINGS min_age_to_force_merge_seconds = 300, min_age_to_force_merge_on_partition_only = 1
COMMENT 'One row a task, as its cells have come so far. Read the views `task`, `task_queue` and `routing_training_data` instead.';

ALTER TABLE sink_position ADD COLUMN IF NOT EXISTS rolled Int64 COMMENT 'Everything below is in task_rollup too; 0: nothing is known to be.';

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
  task_id, session_id, tupleElement(asked, 'tenant_id') AS tenant_id, tupleElement(asked, 'parent_id') AS parent_id,
  tupleElement(asked, 'redrive_of') AS redrive_of, tupleElement(submitted, 'items') AS items, tupleElement(words, 'text') AS text,
  tupleElement(asked, 'priority') AS priority,
  if(tupleElement(kind, 'rank') = 18446744073709551615, NULL, tupleElement(kind, 'skill')) AS skill,
  if(tupleElement(kind, 'rank') = 18446744073709551615, NULL, tupleElement(kind, 'complexity')) AS complexity,
  if(tupleElement(decided, 'rank') = 18446744073709551615, NULL, tupleElement(decided, 'router')) AS router,
  if(tupleElement(decided, 'rank') = 18446744073709551615, NULL, tupleElement(decided, 'confidence')) AS confidence,
  coalesce(tupleElement(worker, 'agent_id'), tupleElement(choice, 'agent_id')) AS agent_id,
  tupleElement(worked, 'instance_id') AS instance_id, tupleElement(worker, 'model') AS model,
  tupleElement(ended, 'status') AS status, tupleElement(worked, 'error') AS error,
  tupleElement(submitted, 'at') AS submitted_at,
  if(tupleElement(decided, 'rank') = 18446744073709551615, NULL, tupleElement(decided, 'at')) AS decided_at,
  tupleElement(started, 'at') AS started_at,
  if(tupleElement(ended, 'rank') = 18446744073709551615, NULL, tupleElement(ended, 'at')) AS finished_at,
  dateDiff('microsecond', submitted_at, started_at) / 1000 AS wait_ms,
  dateDiff('microsecond', started_at, finished_at) / 1000 AS run_ms,
  dateDiff('microsecond', submitted_at, finished_at) / 1000 AS response_ms,
  if(tupleElement(worked, 'rank') = 18446744073709551615, NULL, tupleElement(worked, 'attempts')) AS attempts,
  if(tupleElement(ended, 'rank') = 18446744073709551615, NULL, tupleElement(ended, 'redos')) AS redos,
  tupleElement(verdict, 'verdict') AS verdict,
  coalesce(tupleElement(judged, 'quality'), tupleElement(graded, 'quality')) AS quality,
  if(tupleElement(worked, 'rank') = 18446744073709551615, NULL, tupleElement(worked, 'tokens_in')) AS tokens_in,
  if(tupleElement(worked, 'rank') = 18446744073709551615, NULL, tupleElement(worked, 'tokens_out')) AS tokens_out,
  if(tupleElement(ended, 'rank') = 18446744073709551615, NULL, tupleElement(ended, 'cost_usd_micros') / 1000000) AS cost_usd
FROM task_rollup FINAL
WHERE tupleElement(submitted, 'rank') != 18446744073709551615
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
    (d.skill, d.complexity, d.priority, lengthUTF8(d.text), d.agent_asked, d.model_asked),
    'Tuple(skill String, complexity Float64, priority Int32, text_length UInt64,
      agent_asked Nullable(String), model_asked Nullable(String))'
  )) AS task_features,
  toJSONString(CAST(
    (toString(a.role), a.capabilities, a.perspectives, a.keywords, a.instances,
     p.waiting, p.running, p.slots, p.mean_response_ms, p.error_rate, p.load_score),
    'Tuple(role String, capabilities Array(String), perspectives Array(String), keywords Array(String), instances Int32,
      waiting Int32, running Int32, slots Int32, mean_response_ms Float64, error_rate Float64, load_score Float64)'
  )) AS agent_features,
  d.agent_id AS selected_agent_id,
  toJSONString(CAST((arrayMap(c -> c.1, d.candidates), arrayMap(c -> c.2, d.candidates)), 'Map(String, Float64)')) AS candidate_scores,
  CAST(NULL, 'Nullable(String)') AS user_feedback,
  multiIf(d.status = 'completed', 'success', d.status IN ('failed', 'expired', 'dead_lettered'), 'failure', NULL) AS result_status,
  d.quality AS actual_score,
  d.at AS created_at,
  false AS used_for_training
FROM (
  SELECT task_id, tupleElement(chosen, 'agent_id') AS agent_id, tupleElement(chosen, 'pool') AS pool, tupleElement(chosen, 'skill') AS skill,
    tupleElement(chosen, 'complexity') AS complexity, tupleElement(chosen, 'at') AS at, tupleElement(chosen, 'candidates') AS candidates,
    tupleElement(asked, 'priority') AS priority, tupleElement(words, 'text') AS text,
    tupleElement(words, 'agent_id') AS agent_asked, tupleElement(words, 'model') AS model_asked,
    tupleElement(ended, 'status') AS status, coalesce(tupleElement(judged, 'quality'), tupleElement(graded, 'quality')) AS quality
  FROM task_rollup FINAL
  WHERE tupleElement(chosen, 'rank') != 18446744073709551615
) AS d
ASOF LEFT JOIN agent_definition AS a ON a.agent_id = d.agent_id AND a.updated_at <= d.at
ASOF LEFT JOIN (SELECT * FROM pool_status WHERE _topic = 'pools.status') AS p ON p.pool = d.pool AND p.at <= d.at
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
  task_id AS id, session_id,
  if(tupleElement(decided, 'rank') = 18446744073709551615, 'routing', 'execution') AS task_type,
  toJSONString(CAST(
    (tupleElement(words, 'text'), tupleElement(words, 'skill'), tupleElement(words, 'agent_id'), tupleElement(words, 'model'), tupleElement(words, 'items')),
    'Tuple(text String, skill Nullable(String), agent_id Nullable(String), model Nullable(String), items Array(String))'
  )) AS task_payload,
  tupleElement(asked, 'priority') AS priority,
  multiIf(
    tupleElement(ended, 'status') = 'completed', 'completed', tupleElement(ended, 'rank') != 18446744073709551615, 'failed',
    tupleElement(held, 'phase') IN ('running', 'cancelling', 'joining'), 'processing', 'pending'
  ) AS status,
  coalesce(tupleElement(worked, 'instance_id'), tupleElement(held, 'instance_id')) AS assigned_worker,
  tupleElement(submitted, 'at') AS created_at,
  coalesce(tupleElement(started, 'at'), tupleElement(held, 'started_at')) AS started_at,
  if(tupleElement(ended, 'rank') = 18446744073709551615, NULL, tupleElement(ended, 'at')) AS completed_at,
  tupleElement(held, 'retries') AS retry_count, tupleElement(words, 'retries_max') AS max_retries,
  if(tupleElement(ended, 'rank') = 18446744073709551615, tupleElement(held, 'error'), tupleElement(worked, 'error')) AS error_message
FROM task_rollup FINAL
WHERE tupleElement(submitted, 'rank') != 18446744073709551615
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
    SELECT session_id, tupleElement(shard, 'partition') AS _partition, tupleElement(shard, 'phase') AS phase FROM task_rollup FINAL
  ) WHERE phase NOT IN ('done', '')
  GROUP BY _partition
) AS t USING _partition
LEFT JOIN (
  SELECT _partition, sum(slots) AS slots, arraySort(groupArray(pool)) AS pools FROM (
    SELECT _partition, pool, argMax(slots, _at) AS slots FROM pool_status WHERE _topic = 'dispatch.log' GROUP BY _partition, pool
  ) GROUP BY _partition
) AS p USING _partition
COMMENT 'The dispatcher in the words of the design: its shards, their load and when they last wrote.';
