-- What share of all work hangs on the one host that does most of it?
-- normal: <= 0.5
-- parameters: hours=24
SELECT attempts / sum(attempts) OVER () AS share, host_id, attempts
FROM (
  SELECT host_id, count() AS attempts FROM task_result
  WHERE _at > now() - toIntervalHour({hours:UInt32}) AND kind NOT IN ('step', 'lost')
  GROUP BY host_id
)
ORDER BY share DESC, host_id
LIMIT 1
