-- How did the day move the weights of agents, and what did people set on it?
SELECT agent_id AS agent, before, weight, applied, reason
FROM (
  SELECT agent_id, before, weight, applied, reason, at FROM agent_weight
  WHERE (by = 'weights' AND day = formatDateTime(fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC'), '%F'))
    OR (by != 'weights' AND at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC'))
  LIMIT 1 BY event_id
)
WHERE weight != 1 OR before != 1
ORDER BY abs(log(weight / before)) DESC, agent, at
LIMIT {rows:UInt32}
