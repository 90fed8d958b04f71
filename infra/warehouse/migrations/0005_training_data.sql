-- What there is to learn from, from the samples that the joiner makes; until now this view joined choices with outcomes.

CREATE OR REPLACE VIEW routing_training_data (
  id String COMMENT 'The task: a task is one sample, and of several revisions the newest counts.',
  task_embedding Array(Float32) COMMENT 'Embedding of the text; empty, for whoever learns makes it from the text.',
  task_features String COMMENT 'JSON: text (of a long one the two ends), skill, complexity, priority, items, characters of the text.',
  agent_features String COMMENT 'JSON: role, capabilities and perspectives of the chosen agent, and its success rate, tasks and mean time at the choice.',
  selected_agent_id String COMMENT 'Agent chosen.',
  candidate_scores String COMMENT 'JSON: score by agent, of every agent that the decision tells.',
  user_feedback Nullable(String) COMMENT 'positive, neutral or negative; NULL when nobody said anything.',
  result_status String COMMENT 'success: completed; failure: every other end that teaches something.',
  actual_score Float64 COMMENT 'What is to be learned, 0–1.',
  created_at DateTime64(6, 'UTC') COMMENT 'When the task was handed in [µs, UTC]',
  used_for_training Bool COMMENT 'Whether a model has learned from it.'
) AS
SELECT
  t.task_id AS id,
  CAST([], 'Array(Float32)') AS task_embedding,
  toJSONString(CAST(
    (t.text, t.skill, t.complexity, t.priority, t.item_count, lengthUTF8(t.text)),
    'Tuple(text String, skill String, complexity Float64, priority Int32, item_count Int32, text_length UInt64)'
  )) AS task_features,
  toJSONString(CAST(
    (toString(a.role), a.capabilities, a.perspectives, t.past_success_rate, t.recent_task_count, t.avg_task_duration_ms),
    'Tuple(role String, capabilities Array(String), perspectives Array(String), past_success_rate Float64,
      recent_task_count Int64, avg_task_duration_ms Float64)'
  )) AS agent_features,
  t.agent_id AS selected_agent_id,
  toJSONString(CAST((arrayMap(c -> c.1, d.candidates), arrayMap(c -> c.2, d.candidates)), 'Map(String, Float64)')) AS candidate_scores,
  t.feedback AS user_feedback,
  if(t.status = 'completed', 'success', 'failure') AS result_status,
  t.label AS actual_score,
  t.submitted_at AS created_at,
  arrayExists(s -> t.place >= s.1 AND t.place < s.2, m.spans) AS used_for_training
FROM (SELECT task_id, session_id, tupleElement(chosen, 'candidates') AS candidates FROM task_rollup FINAL) AS d
INNER JOIN (
  SELECT task_id, session_id, text, skill, agent_id, priority, item_count, toString(status) AS status,
    CAST(feedback, 'Nullable(String)') AS feedback, label, submitted_at, tupleElement(decided, 'complexity') AS complexity,
    tupleElement(decided, 'past_success_rate') AS past_success_rate,
    tupleElement(decided, 'recent_task_count') AS recent_task_count,
    tupleElement(decided, 'avg_task_duration_ms') AS avg_task_duration_ms, _partition AS part, _offset AS place
  FROM training_sample ORDER BY revision DESC LIMIT 1 BY session_id, task_id
) AS t ON t.session_id = d.session_id AND t.task_id = d.task_id
LEFT JOIN (
  SELECT tupleElement(one, 'partition') AS part,
    groupArray((tupleElement(one, 'from_offset'), tupleElement(one, 'to_offset'))) AS spans
  FROM (SELECT DISTINCT name, arrayJoin(ranges) AS one FROM routing_model) GROUP BY part
) AS m ON m.part = t.part
ASOF LEFT JOIN agent_definition AS a ON a.agent_id = t.agent_id AND a.updated_at <= t.submitted_at
COMMENT 'What a router learns from: one row a task that teaches something, with its label.';
