-- How good was the routing, week by week and by router?
SELECT toStartOfWeek(decided_at, 1) AS week, router, count() AS judged, avg(quality) AS mean_quality,
  countIf(redos = 0 AND status = 'completed') / count() AS accepted_at_once, avg(confidence) AS mean_confidence
FROM task
WHERE router IS NOT NULL AND quality IS NOT NULL AND status != 'open'
GROUP BY week, router
ORDER BY week DESC, router
