-- How many of the accepted tasks complete?
-- normal: >= 0.95
-- parameters: hours=24
SELECT countIf(status = 'completed') / count() AS completed, count() AS ended
FROM task_outcome
WHERE _at > now() - toIntervalHour({hours:UInt32}) AND status NOT IN ('refused', 'cancelled')
