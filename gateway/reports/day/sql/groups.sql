-- Who did the work of the day, with what, and for whom?
SELECT
  kind, name, count() AS tasks, countIf(status = 'completed') AS completed,
  countIf(status IN ('failed', 'dead_lettered')) AS failed, countIf(redos > 0) AS redone,
  quantilesTDigestIf(0.5, 0.95)(response, status = 'completed') AS response_ms,
  quantilesTDigestIf(0.5, 0.95)(assumeNotNull(waited), waited IS NOT NULL) AS wait_ms,
  sumIf(cost, whole) AS cost_usd_micros, sumIf(bought, whole) AS tokens
FROM (
  SELECT toString(status) AS status, redos, cost_usd_micros AS cost, tokens_in + tokens_out AS bought, empty(items) AS whole,
    [('agent', coalesce(agent_id, '')), ('model', coalesce(model, '')), ('tenant', tenant_id)] AS names,
    toFloat32(dateDiff('microsecond', submitted_at, finished_at) / 1000) AS response,
    toFloat32(dateDiff('microsecond', submitted_at, started_at) / 1000) AS waited
  FROM task_outcome
  WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
)
ARRAY JOIN names.1 AS kind, names.2 AS name
GROUP BY kind, name
ORDER BY kind, tasks DESC, name
LIMIT {rows:UInt32} BY kind
