-- Experiments on the line, in the words of the design; until now these views were empty.

CREATE OR REPLACE VIEW ab_experiments (
  id String COMMENT 'The experiment.',
  name String COMMENT 'What it is to find out; its id where nobody said.',
  parameter_name String COMMENT 'Setting that differs.',
  variants String COMMENT 'JSON: value by variant.',
  traffic_split String COMMENT 'JSON: planned share by variant, of the units that take part.',
  status String COMMENT 'draft, running, paused or completed.',
  results Nullable(String) COMMENT 'JSON: figures of the last verdict by metric and variant; NULL until there is one.',
  winner_variant Nullable(String) COMMENT 'Variant that won; NULL while none has.',
  statistical_significance Nullable(Float64) COMMENT 'How sure that is, 0–1: 1 less the smallest p; NULL while none has won.',
  created_at DateTime64(6, 'UTC') COMMENT 'When it was made [µs, UTC]',
  started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it started; NULL before [µs, UTC]',
  ended_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When it ended; NULL before [µs, UTC]'
) AS
SELECT
  e.experiment AS id, if(e.question = '', e.experiment, e.question) AS name, e.parameter AS parameter_name,
  toJSONString(mapFromArrays(arrayMap(a -> a.name, e.arms), arrayMap(a -> a.value, e.arms))) AS variants,
  toJSONString(mapFromArrays(arrayMap(a -> a.name, e.arms), arrayMap(a -> a.share / 10000, e.arms))) AS traffic_split,
  e.status AS status, if(v.experiment = '', NULL, toJSONString(v.figures)) AS results, v.winner AS winner_variant,
  if(v.winner IS NULL, NULL, 1 - arrayMin(arrayMap(f -> ifNull(f.p, 1), v.figures))) AS statistical_significance,
  e.created_at AS created_at, e.started_at AS started_at, e.ended_at AS ended_at
FROM (SELECT * FROM experiment ORDER BY version DESC, _offset DESC LIMIT 1 BY experiment) AS e
LEFT JOIN (SELECT * FROM experiment_verdict ORDER BY at DESC, _offset DESC LIMIT 1 BY experiment) AS v
  ON v.experiment = e.experiment
COMMENT 'A/B experiments as they are now, with what they said last.';

CREATE OR REPLACE VIEW ab_experiment_logs (
  id String COMMENT 'The measurement: experiment, session, task and metric.',
  experiment_id String COMMENT 'Its experiment.',
  variant_id String COMMENT 'Variant that the task was in.',
  session_id String COMMENT 'Session of the task.',
  metric_name String COMMENT 'What was measured: completed, routing_success, redone (1 or 0), completion_ms, quality, cost_usd.',
  metric_value Float64 COMMENT 'The figure.',
  created_at DateTime64(6, 'UTC') COMMENT 'When the task ended [µs, UTC]'
) AS
SELECT
  d.experiment || '/' || d.session_id || '/' || d.task_id || '/' || m.1 AS id,
  d.experiment AS experiment_id, d.arm AS variant_id, d.session_id AS session_id,
  m.1 AS metric_name, assumeNotNull(m.2) AS metric_value, o.finished_at AS created_at
FROM (
  SELECT session_id, task_id, e.experiment AS experiment, e.arm AS arm
  FROM routing_decision ARRAY JOIN exposures AS e
  ORDER BY _at, _offset LIMIT 1 BY session_id, task_id, experiment
) AS d
INNER JOIN (SELECT * FROM task_outcome ORDER BY _at, _offset LIMIT 1 BY session_id, task_id) AS o
  ON o.session_id = d.session_id AND o.task_id = d.task_id
ARRAY JOIN arrayFilter(pair -> isNotNull(pair.2), [
  ('completed', if(o.status = 'cancelled', NULL, toFloat64(o.status = 'completed'))),
  ('routing_success', if(o.status IN ('completed', 'failed', 'dead_lettered') AND empty(o.items),
    toFloat64(o.status = 'completed' AND o.redos = 0), NULL)),
  ('redone', if(o.status = 'cancelled', NULL, toFloat64(o.redos > 0))),
  ('completion_ms', if(o.status = 'completed', dateDiff('microsecond', o.submitted_at, o.finished_at) / 1000, NULL)),
  ('quality', o.quality),
  ('cost_usd', toNullable(o.cost_usd_micros / 1000000))
]) AS m
COMMENT 'What was measured of each task that took part in an experiment.';
