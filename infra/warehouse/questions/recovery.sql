-- How long until a dead-lettered task that was handed in again completes, on the mean, in hours?
-- normal: <= 4
-- parameters: hours=168
SELECT avg(dateDiff('second', letter.at, task.finished_at)) / 3600 AS mean_recovery_h, count() AS recovered
FROM task
INNER JOIN (SELECT assumeNotNull(task_id) AS task_id, min(at) AS at FROM dead_letter WHERE task_id IS NOT NULL GROUP BY task_id) AS letter
  ON letter.task_id = task.redrive_of
WHERE task.redrive_of IS NOT NULL AND task.status = 'completed' AND task.submitted_at > now() - toIntervalHour({hours:UInt32})
