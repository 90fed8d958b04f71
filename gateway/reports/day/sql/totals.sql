-- How did the day and the seven before it go, in whole and hour by hour? Of each day the same time of day is taken.
SELECT
  toString(day_) AS day, if(grouping(hour_) = 1, -1, toInt32(hour_)) AS hour,
  count() AS tasks, countIf(status = 'completed') AS completed,
  countIf(status IN ('failed', 'dead_lettered')) AS failed, countIf(status = 'expired') AS expired,
  countIf(status = 'refused') AS refused, countIf(status = 'cancelled') AS cancelled,
  countIf(redos > 0) AS redone, countIf(attempts - redos > 1) AS retried,
  avgOrNullIf(response, status = 'completed') AS response_ms_mean,
  quantilesTDigestIf(0.5, 0.95, 0.99)(response, status = 'completed') AS response_ms,
  avgOrNull(waited) AS wait_ms_mean, quantilesTDigestIf(0.5, 0.95, 0.99)(assumeNotNull(waited), waited IS NOT NULL) AS wait_ms,
  -- What a task with items cost is already told by its items.
  sumIf(cost, whole) AS cost_usd_micros, sumIf(bought, whole) AS tokens
FROM (
  SELECT toDate(_at) AS day_, toHour(_at) AS hour_, toString(status) AS status, redos, attempts, cost_usd_micros AS cost, tokens_in + tokens_out AS bought,
    empty(items) AS whole,
    toFloat32(dateDiff('microsecond', submitted_at, finished_at) / 1000) AS response,
    toFloat32(dateDiff('microsecond', submitted_at, started_at) / 1000) AS waited
  FROM task_outcome
  WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64} - 7 * 86400000, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
    AND toUnixTimestamp64Milli(_at) % 86400000 < {end_ms:Int64} - {start_ms:Int64}
)
GROUP BY GROUPING SETS ((day_), (day_, hour_))
ORDER BY day, hour
