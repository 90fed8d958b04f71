-- How long did each instance work, where, on the day and the seven before it? Of each day the same time of day is taken.
SELECT
  toString(toDate(_at)) AS day, agent_id AS agent, instance_id AS instance, host_id AS host, count() AS attempts,
  sum(dateDiff('millisecond', started_at, finished_at)) AS busy_ms
FROM task_result
WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64} - 7 * 86400000, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
  AND toUnixTimestamp64Milli(_at) % 86400000 < {end_ms:Int64} - {start_ms:Int64}
  AND kind NOT IN ('step', 'lost')
GROUP BY day, agent, instance, host
