-- Which errors ended attempts, minute by minute?
-- parameters: hours=1 step_s=60
SELECT toStartOfInterval(_at, toIntervalSecond({step_s:UInt32})) AS from_time, kind, coalesce(error, '') AS reason,
  count() AS attempts, uniqExact(agent_id) AS agents
FROM task_result
WHERE kind IN ('failed', 'expired', 'lost') AND _at > now() - toIntervalHour({hours:UInt32})
GROUP BY from_time, kind, reason
ORDER BY from_time, attempts DESC, kind, reason
