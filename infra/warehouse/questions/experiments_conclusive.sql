-- Of the experiments that are over, how many found a winner?
-- normal: > 0.5
SELECT countIf(v.winner IS NOT NULL) / count() AS conclusive, count() AS over, groupArrayIf(e.experiment, v.winner IS NULL) AS without_winner
FROM (SELECT * FROM experiment ORDER BY version DESC, _offset DESC LIMIT 1 BY experiment) AS e
LEFT JOIN (SELECT * FROM experiment_verdict ORDER BY at DESC, _offset DESC LIMIT 1 BY experiment) AS v
  ON v.experiment = e.experiment
WHERE e.status = 'completed' AND e.started_at IS NOT NULL
HAVING over > 0
