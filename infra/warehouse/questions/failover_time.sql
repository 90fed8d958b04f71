-- How many seconds pass, at worst, until an attempt that was lost with its host runs again?
-- normal: < 90
-- parameters: hours=24
-- Counted from the last word of the host; where a new life of the host tells of the loss, from there.
SELECT maxOrNull(dateDiff('millisecond', lost_at, assigned_at)) / 1000 AS worst_s, count() AS lost_attempts
FROM (
  SELECT session_id, task_id, attempt, assigned_at FROM task_assigned
  WHERE kind = 'run' AND attempt > 1 AND _at > now() - toIntervalHour({hours:UInt32})
) AS again
INNER JOIN (
  SELECT session_id, task_id, attempt + 1 AS attempt,
    assigned_at - toIntervalSecond(toUInt32OrZero(extract(assumeNotNull(reason), 'for (\\d+)'))) AS lost_at
  FROM task_assigned
  WHERE kind = 'cancel' AND startsWith(reason, 'no word from its host') AND _at > now() - toIntervalHour({hours:UInt32})
  UNION ALL
  SELECT session_id, task_id, attempt + 1 AS attempt, finished_at AS lost_at FROM task_result
  WHERE kind = 'lost' AND _at > now() - toIntervalHour({hours:UInt32})
) AS lost USING (session_id, task_id, attempt)
