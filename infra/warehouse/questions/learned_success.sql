-- How much more often than the rules is a learned router right at the first attempt?
-- normal: > 1.0
-- parameters: hours=168
SELECT learned_accurate / nullIf(rules_accurate, 0) AS ratio, learned_accurate, rules_accurate, learned, by_rules
FROM (
  SELECT countIf(good AND NOT ruled) / nullIf(countIf(NOT ruled), 0) AS learned_accurate,
    countIf(good AND ruled) / nullIf(countIf(ruled), 0) AS rules_accurate,
    countIf(NOT ruled) AS learned, countIf(ruled) AS by_rules
  FROM (
    SELECT startsWith(assumeNotNull(router), 'rules') AS ruled, status = 'completed' AND redos = 0 AS good FROM task
    WHERE router IS NOT NULL AND items = 0 AND status IN ('completed', 'failed', 'dead_lettered')
      AND submitted_at > now() - toIntervalHour({hours:UInt32})
  )
)
