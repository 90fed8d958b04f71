-- Why was work of the day done again, why did it fail, and what was set aside?
SELECT about AS kind, who, reason, times FROM (
  SELECT 'redo' AS about, agent_id AS who, arrayJoin(reasons) AS reason, count() AS times
  FROM evaluation
  WHERE verdict = 'redo' AND _at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
  GROUP BY who, reason
  UNION ALL
  SELECT 'failure' AS about, agent_id AS who, coalesce(error, toString(kind)) AS reason, count() AS times
  FROM task_result
  WHERE kind IN ('failed', 'expired', 'lost') AND _at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
  GROUP BY who, reason
  UNION ALL
  SELECT 'letter' AS about, service AS who, reason, count() AS times
  FROM dead_letter
  WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
  GROUP BY who, reason
)
ORDER BY about, times DESC, who, reason
LIMIT {rows:UInt32} BY about
