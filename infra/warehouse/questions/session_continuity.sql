-- Of the sessions that lost an attempt with its host, how many got an outcome for all of their tasks?
-- normal: > 0.95
-- parameters: hours=24
SELECT countIf(open = 0) / count() AS continued, count() AS sessions_hit, sum(open) AS open_tasks
FROM (
  SELECT session_id, countIf(phase != 'done') AS open
  FROM (
    SELECT session_id, tupleElement(held, 'phase') AS phase, tupleElement(held, 'crashes') AS crashes,
      fromUnixTimestamp64Milli(toInt64(intDiv(tupleElement(held, 'rank'), 1048576))) AS told_at
    FROM task_rollup FINAL
  )
  WHERE phase != '' AND told_at > now() - toIntervalHour({hours:UInt32})
  GROUP BY session_id
  HAVING max(crashes) > 0
)
