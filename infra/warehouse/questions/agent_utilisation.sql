-- How much of their slots' time do the agents work?
-- normal: 0.5–0.8
-- parameters: hours=1
-- A pool speaks when something changes; until then it is as it said last, if that is not more than a day ago.
SELECT sum(running * lasted) / sum(slots * lasted) AS used, uniqExact(pool) AS pools
FROM (
  SELECT pool, running, slots,
    leadInFrame(at, 1, now64(6)) OVER (
      PARTITION BY pool ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    ) AS until,
    dateDiff('millisecond', greatest(at, now64(6) - toIntervalHour({hours:UInt32})), until) AS lasted
  FROM pool_status
  WHERE _topic = 'pools.status' AND _at > now() - toIntervalHour({hours:UInt32}) - toIntervalDay(1)
)
WHERE lasted > 0
