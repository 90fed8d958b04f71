-- Why were answers judged too poor?
-- parameters: hours=168
SELECT arrayJoin(reasons) AS reason, count() AS times, uniqExact(task_id) AS tasks, topK(3)(agent_id) AS agents
FROM evaluation
WHERE verdict = 'redo' AND _at > now() - toIntervalHour({hours:UInt32})
GROUP BY reason
ORDER BY times DESC, reason
