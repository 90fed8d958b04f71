-- Of the predictions of a load whose hour ended on the day and the seven before it: which were alarms, and which came true?
SELECT toString(toDate(at)) AS day, countIf(expected > {alarm:Float64}) AS alarms, countIf(reached > {over:Float64}) AS overloads,
  countIf(expected > {alarm:Float64} AND reached > {over:Float64}) AS foreseen
FROM (
  SELECT _at AS at, expected, reached FROM load_judgement
  WHERE _at >= fromUnixTimestamp64Milli({start_ms:Int64} - 7 * 86400000, 'UTC') AND _at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
    AND toUnixTimestamp64Milli(_at) % 86400000 < {end_ms:Int64} - {start_ms:Int64}
    AND reached IS NOT NULL AND load <= {over:Float64}
  LIMIT 1 BY event_id
)
GROUP BY day
