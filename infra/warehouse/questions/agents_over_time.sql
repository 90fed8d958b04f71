-- How many instances were there, and how many of them at work, minute by minute?
-- parameters: hours=1 step_s=60
SELECT at_ AS from_time, sum(all_) AS instances, sum(active_) AS active, instances - active AS idle, sum(runs_) AS runs
FROM (
  SELECT toStartOfInterval(at, toIntervalSecond({step_s:UInt32})) AS at_, host_id, pool,
    avg(length(instances.running)) AS all_, avg(arrayCount(runs -> notEmpty(runs), instances.running)) AS active_,
    avg(arraySum(runs -> length(runs), instances.running)) AS runs_
  FROM agent_heartbeat
  WHERE _at > now() - toIntervalHour({hours:UInt32})
  GROUP BY at_, host_id, pool
)
GROUP BY from_time
ORDER BY from_time
