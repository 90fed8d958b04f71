-- How often was the first attempt right, over time: where a learned router chose, and where the rules did?
-- parameters: hours=168 step_s=21600
SELECT toStartOfInterval(submitted_at, toIntervalSecond({step_s:UInt32})) AS from_time,
  countIf(good AND NOT ruled) / nullIf(countIf(NOT ruled), 0) AS learned_accurate,
  countIf(good AND ruled) / nullIf(countIf(ruled), 0) AS rules_accurate,
  countIf(NOT ruled) AS learned, countIf(ruled) AS by_rules
FROM (
  SELECT submitted_at, startsWith(assumeNotNull(router), 'rules') AS ruled, status = 'completed' AND redos = 0 AS good
  FROM task
  WHERE router IS NOT NULL AND items = 0 AND status IN ('completed', 'failed', 'dead_lettered')
    AND submitted_at > now() - toIntervalHour({hours:UInt32})
)
GROUP BY from_time
ORDER BY from_time
