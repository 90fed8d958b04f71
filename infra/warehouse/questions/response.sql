-- How long does a task take on the mean, from handed in to its end, in minutes?
-- normal: <= 30
-- parameters: hours=24
SELECT avg(dateDiff('microsecond', submitted_at, finished_at)) / 60000000 AS mean_response_min, count() AS ended
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND status = 'completed'
