-- How long does a task wait on the mean, from handed in to started?
-- normal: < 30
-- parameters: hours=24
SELECT avg(dateDiff('microsecond', submitted_at, started_at)) / 1000000 AS mean_wait_s, count(started_at) AS started
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32})
