-- How many units has each arm of the running experiments?
-- normal: >= 100
SELECT f.units AS units, experiment, f.arm AS arm, f.metric AS metric, round(f.value, 4) AS value, at AS looked_at
FROM (SELECT * FROM experiment_verdict ORDER BY at DESC, _offset DESC LIMIT 1 BY experiment)
ARRAY JOIN figures AS f
WHERE experiment IN (
  SELECT experiment FROM (SELECT experiment, status FROM experiment ORDER BY version DESC, _offset DESC LIMIT 1 BY experiment)
  WHERE status = 'running'
)
ORDER BY experiment, metric, arm
