-- What share of the work and the money has each tenant?
-- parameters: hours=24
SELECT tenant_id, count() AS tasks, tasks / sum(tasks) OVER () AS share_of_tasks, sum(cost_usd_micros) / 1000000 AS cost_usd,
  cost_usd / sum(cost_usd) OVER () AS share_of_cost,
  avg(dateDiff('microsecond', submitted_at, started_at)) / 1000000 AS mean_wait_s, countIf(status = 'refused') AS refused
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND empty(items)
GROUP BY tenant_id
ORDER BY tasks DESC, tenant_id
