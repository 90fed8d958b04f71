-- How many learned models came into use in the last week?
-- normal: 1–2
SELECT if(count() = 0, NULL, countIf(promoted_at > now() - toIntervalWeek(1))) AS updates, uniqExact(name) AS models,
  maxOrNull(promoted_at) AS newest
FROM (SELECT DISTINCT name, promoted_at FROM routing_model WHERE promoted_at IS NOT NULL AND name != 'rules')
