-- Which tasks of the day took longest, and where did the time go?
SELECT task_id, toString(status) AS status, coalesce(agent_id, '') AS agent, attempts, redos,
  dateDiff('microsecond', submitted_at, finished_at) AS response_us,
  dateDiff('microsecond', submitted_at, started_at) AS wait_us
FROM task_outcome
WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
ORDER BY response_us DESC, task_id
LIMIT {rows:UInt32}
