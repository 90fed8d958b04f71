-- How far is the success that the model in use expected from the success that came of it?
-- normal: <= 0.1
-- parameters: hours=168
SELECT if(decisions < 30, NULL, abs(expected - observed)) AS apart, band, expected, observed, decisions
FROM (
  SELECT least(9, floor(10 * assumeNotNull(tupleElement(decided, 'expected')))) / 10 AS band,
    avg(assumeNotNull(tupleElement(decided, 'expected'))) AS expected, avg(label) AS observed, count() AS decisions
  FROM (
    SELECT decided, label FROM training_sample WHERE submitted_at > now() - toIntervalHour({hours:UInt32})
    ORDER BY revision DESC LIMIT 1 BY session_id, task_id
  )
  WHERE tupleElement(decided, 'expected') IS NOT NULL AND tupleElement(decided, 'scorer') = (
    SELECT argMax(name, (promoted_at, name))
    FROM (SELECT name, status, promoted_at FROM routing_model ORDER BY at DESC, _offset DESC LIMIT 1 BY name)
    WHERE status = 'promoted' AND promoted_at IS NOT NULL
  )
  GROUP BY band
)
ORDER BY band
