-- Of the parameters that experiments have varied, how many work with a better value since?
-- normal: > 0.3
SELECT uniqExactIf(parameter, adopted IS NOT NULL AND adopted != control) / uniqExact(parameter) AS improved,
  uniqExact(parameter) AS varied, groupUniqArrayIf(parameter, adopted IS NOT NULL AND adopted != control) AS which
FROM (SELECT * FROM experiment ORDER BY version DESC, _offset DESC LIMIT 1 BY experiment)
WHERE started_at IS NOT NULL
HAVING varied > 0
