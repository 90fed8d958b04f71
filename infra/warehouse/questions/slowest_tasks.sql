-- Which tasks took longest, and where did the time go?
-- parameters: hours=24 rows=20
SELECT task_id, status, agent_id, priority, attempts, redos,
  dateDiff('millisecond', submitted_at, finished_at) / 1000 AS response_s,
  dateDiff('millisecond', submitted_at, started_at) / 1000 AS wait_s,
  dateDiff('millisecond', started_at, finished_at) / 1000 AS run_s
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32})
ORDER BY response_s DESC, task_id
LIMIT {rows:UInt32}
