-- Of the tasks whose agent the router chose, how many were accepted at the first attempt?
-- normal: > 0.75
-- parameters: hours=168
SELECT countIf(status = 'completed' AND redos = 0) / count() AS accurate, count() AS routed
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND status IN ('completed', 'failed', 'dead_lettered') AND empty(items)
  AND (session_id, task_id) NOT IN (
    SELECT session_id, task_id FROM task_submitted
    WHERE agent_id IS NOT NULL AND _at > now() - toIntervalHour({hours:UInt32}) - toIntervalDay(1)
  )
