-- What was set aside, by service and reason?
-- parameters: hours=168
SELECT service, topic, reason, count() AS letters, countIf(task_id IS NOT NULL) AS can_be_redriven, max(at) AS newest
FROM dead_letter
WHERE _at > now() - toIntervalHour({hours:UInt32})
GROUP BY service, topic, reason
ORDER BY letters DESC, service, reason
