-- How many tasks end and how long do they take, minute by minute?
-- parameters: hours=1 step_s=60
SELECT toStartOfInterval(_at, toIntervalSecond({step_s:UInt32})) AS from_time,
  countIf(status = 'completed') AS completed, completed * 60 / {step_s:UInt32} AS completed_per_min,
  countIf(status IN ('failed', 'dead_lettered')) / nullIf(countIf(status NOT IN ('refused', 'cancelled')), 0) AS failed,
  avg(dateDiff('millisecond', submitted_at, started_at)) / 1000 AS mean_wait_s,
  quantileIf(0.5)(dateDiff('millisecond', submitted_at, finished_at), status = 'completed') / 1000 AS response_s_p50,
  quantileIf(0.9)(dateDiff('millisecond', submitted_at, finished_at), status = 'completed') / 1000 AS response_s_p90,
  quantileIf(0.99)(dateDiff('millisecond', submitted_at, finished_at), status = 'completed') / 1000 AS response_s_p99
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32})
GROUP BY from_time
ORDER BY from_time
