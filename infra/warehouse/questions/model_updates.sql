-- How many versions of a learned router came into use in the last week?
-- normal: 1–2
SELECT if(count() = 0, NULL, countIf(first_decision > now() - toIntervalWeek(1))) AS new_versions, count() AS versions,
  maxOrNull(first_decision) AS newest
FROM (
  SELECT router, min(decided_at) AS first_decision FROM routing_decision WHERE NOT startsWith(router, 'rules') GROUP BY router
)
