-- Which is the newest day before this one that has tasks?
SELECT toString(toDate(max(_at))) AS day, count() > 0 AS any
FROM task_outcome
WHERE _at < fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
