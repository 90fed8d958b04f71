-- How long were the queues and how many slots were at work, minute by minute?
-- parameters: hours=1 step_s=60
-- A pool speaks when something changes; a minute in which none spoke has no row.
SELECT from_time, sum(waiting_) AS waiting, sum(room_) AS room, sum(running_) AS running, sum(slots_) AS slots,
  max(oldest_) AS longest_wait_ms
FROM (
  SELECT toStartOfInterval(at, toIntervalSecond({step_s:UInt32})) AS from_time, pool, avg(waiting) AS waiting_,
    max(waiting_max) AS room_, avg(running) AS running_, avg(slots) AS slots_, max(oldest_wait_ms) AS oldest_
  FROM pool_status
  WHERE _topic = 'pools.status' AND _at > now() - toIntervalHour({hours:UInt32})
  GROUP BY from_time, pool
)
GROUP BY from_time
ORDER BY from_time
