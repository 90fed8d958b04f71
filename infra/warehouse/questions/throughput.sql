-- How many tasks complete in a minute?
-- parameters: hours=24
SELECT count() / ({hours:UInt32} * 60) AS completed_per_min, count() AS completed, max(finished_at) AS newest
FROM task_outcome
WHERE status = 'completed' AND _at > now() - toIntervalHour({hours:UInt32})
