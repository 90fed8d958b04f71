-- How often did pools grow or shrink?
-- parameters: hours=24
SELECT pool, countIf(instances > before) AS grew, countIf(instances < before) AS shrank, argMax(instances, at) AS instances_now
FROM (
  SELECT pool, at, instances,
    lagInFrame(instances, 1, instances) OVER (
      PARTITION BY pool ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS before
  FROM pool_status
  WHERE _topic = 'pools.status' AND _at > now() - toIntervalHour({hours:UInt32})
)
GROUP BY pool
ORDER BY grew + shrank DESC, pool
