-- Which attempts failed, by agent and reason?
-- parameters: hours=24
SELECT agent_id, kind, coalesce(error, '') AS reason, countIf(retryable) AS may_pass, count() AS times, max(finished_at) AS newest
FROM task_result
WHERE kind IN ('failed', 'expired', 'lost') AND _at > now() - toIntervalHour({hours:UInt32})
GROUP BY agent_id, kind, reason
ORDER BY times DESC, agent_id, reason
