-- How full is the queue of each pool, by its newest word?
-- normal: < 0.8
SELECT argMax(waiting / waiting_max, at) AS full, pool, argMax(waiting, at) AS waiting_now, argMax(waiting_max, at) AS room,
  argMax(oldest_wait_ms, at) AS longest_wait_ms, max(at) AS newest
FROM pool_status
GROUP BY pool
ORDER BY full DESC, pool
