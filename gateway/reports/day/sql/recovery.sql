-- How long was a dead-lettered task in coming back: from its letter to the end of the task that tried it again?
SELECT toString(toDate(ended._at)) AS day, count() AS tasks, avg(dateDiff('millisecond', letter.at, ended.finished_at)) / 3600000 AS hours
FROM (
  SELECT _at, session_id, task_id, finished_at FROM task_outcome
  WHERE status = 'completed' AND _at >= fromUnixTimestamp64Milli({start_ms:Int64} - 7 * 86400000, 'UTC')
    AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
    AND toUnixTimestamp64Milli(_at) % 86400000 < {end_ms:Int64} - {start_ms:Int64}
    AND (session_id, task_id) IN (SELECT session_id, task_id FROM task_submitted WHERE redrive_of IS NOT NULL)
) AS ended
INNER JOIN (SELECT DISTINCT session_id, task_id, assumeNotNull(redrive_of) AS origin FROM task_submitted WHERE redrive_of IS NOT NULL) AS again
  ON again.session_id = ended.session_id AND again.task_id = ended.task_id
INNER JOIN (SELECT assumeNotNull(task_id) AS origin, min(at) AS at FROM dead_letter WHERE task_id IS NOT NULL GROUP BY origin) AS letter
  ON letter.origin = again.origin
GROUP BY day
