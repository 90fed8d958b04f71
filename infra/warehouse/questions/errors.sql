-- How many of the accepted tasks end in an error?
-- normal: < 0.02
-- parameters: hours=24
SELECT countIf(status IN ('failed', 'dead_lettered')) / count() AS failed, count() AS ended
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND status NOT IN ('refused', 'cancelled')
