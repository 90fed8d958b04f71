-- How do the versions of the router compare?
-- parameters: hours=168
SELECT router, count() AS tasks, uniqExact(session_id) AS sessions, quantile(0.5)(response_ms) AS response_ms_p50,
  quantile(0.95)(response_ms) AS response_ms_p95, countIf(status IN ('failed', 'dead_lettered')) / count() AS failed,
  avg(quality) AS mean_quality, sum(cost_usd) / count() AS usd_a_task
FROM task
WHERE status != 'open' AND router IS NOT NULL AND items = 0 AND submitted_at > now() - toIntervalHour({hours:UInt32})
GROUP BY router
ORDER BY router
