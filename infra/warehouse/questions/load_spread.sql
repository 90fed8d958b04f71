-- How far is the load of the busiest instance of an agent above that of the idlest, as a share of their mean?
-- normal: <= 0.2
-- parameters: hours=24
SELECT (max(busy_s) - min(busy_s)) / avg(busy_s) AS spread, agent_id, count() AS instances, avg(busy_s) AS mean_busy_s
FROM (
  SELECT agent_id, instance_id, sum(dateDiff('millisecond', started_at, finished_at)) / 1000 AS busy_s
  FROM task_result
  WHERE _at > now() - toIntervalHour({hours:UInt32}) AND kind NOT IN ('step', 'lost') AND started_at IS NOT NULL
  GROUP BY agent_id, instance_id
)
GROUP BY agent_id
HAVING count() > 1
ORDER BY spread DESC, agent_id
