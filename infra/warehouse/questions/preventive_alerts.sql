-- How many of the alarms about the load of the next hour came true, and how many of the predictions before too much load were alarms?
-- normal: >= 0.8
-- parameters: hours=168 alarm=85 over=80
SELECT countIf(alarmed AND came) / nullIf(countIf(alarmed), 0) AS came_true, countIf(alarmed AND came) / nullIf(countIf(came), 0) AS foreseen,
  countIf(alarmed) AS alarms, countIf(came) AS overloads, count() AS judged, countIf(inside) / nullIf(count(), 0) AS interval_held
FROM (
  SELECT expected > {alarm:Float64} AS alarmed, assumeNotNull(reached) > {over:Float64} AS came, reached BETWEEN low AND high AS inside
  FROM load_judgement
  -- When the load was there already it was no prediction; null: too little of the hour was seen.
  WHERE _at > now() - toIntervalHour({hours:UInt32}) AND reached IS NOT NULL AND load <= {over:Float64}
  LIMIT 1 BY event_id
)
