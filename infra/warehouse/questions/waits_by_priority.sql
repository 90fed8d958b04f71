-- How long do tasks wait, by priority?
-- parameters: hours=24
SELECT priority, count() AS tasks, quantile(0.5)(waited) AS wait_s_p50, quantile(0.9)(waited) AS wait_s_p90,
  quantile(0.99)(waited) AS wait_s_p99, max(waited) AS wait_s_max
FROM (
  SELECT priority, dateDiff('microsecond', submitted_at, started_at) / 1000000 AS waited FROM task_outcome
  WHERE started_at IS NOT NULL AND _at > now() - toIntervalHour({hours:UInt32})
)
GROUP BY priority
ORDER BY priority
