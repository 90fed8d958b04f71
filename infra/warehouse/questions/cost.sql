-- What was spent, by agent and model?
-- parameters: hours=24
SELECT coalesce(agent_id, '') AS agent, coalesce(model, '') AS model_used, sum(cost_usd_micros) / 1000000 AS cost_usd,
  count() AS tasks, cost_usd / tasks AS usd_a_task, sum(tokens_in) AS tokens_in_all, sum(tokens_out) AS tokens_out_all
FROM task_outcome
-- What a task with items cost is already told by its items.
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND empty(items)
GROUP BY agent, model_used
ORDER BY cost_usd DESC, agent, model_used
