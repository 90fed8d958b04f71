-- Of the sessions that lost an attempt with its host, how many got an outcome for all of their tasks?
-- normal: > 0.95
-- parameters: hours=24
SELECT countIf(open = 0) / count() AS continued, count() AS sessions_hit, sum(open) AS open_tasks
FROM (
  SELECT session_id, countIf(phase != 'done') AS open
  FROM (
    SELECT session_id, phase, max(crashes) OVER (PARTITION BY session_id) AS hit
    FROM (
      SELECT * FROM dispatch_record WHERE _at > now() - toIntervalHour({hours:UInt32})
      ORDER BY _at DESC, _offset DESC LIMIT 1 BY session_id, task_id
    )
  )
  WHERE hit > 0
  GROUP BY session_id
)
