-- How far have the tasks of late moved from those that the model in use has learned from?
-- normal: < 0.25
-- parameters: hours=168
WITH
  (
    SELECT argMax(ranges, (promoted_at, name))
    FROM (SELECT name, status, promoted_at, ranges FROM routing_model ORDER BY at DESC, _offset DESC LIMIT 1 BY name)
    WHERE status = 'promoted' AND promoted_at IS NOT NULL
  ) AS spans,
  seen AS (
    SELECT text, item_count, skill, tupleElement(decided, 'complexity') AS complexity,
      submitted_at > now() - toIntervalHour({hours:UInt32}) AS late,
      arrayExists(s -> s.1 = _partition AND _offset >= s.2 AND _offset < s.3, spans) AS learned
    FROM training_sample ORDER BY revision DESC LIMIT 1 BY session_id, task_id
  ),
  shares AS (
    SELECT feature, countIf(late) AS now_count, countIf(learned) AS then_count,
      sum(now_count) OVER (PARTITION BY feature) AS tasks, sum(then_count) OVER (PARTITION BY feature) AS learned_from,
      greatest(0.001, now_count / tasks) AS now_share, greatest(0.001, then_count / learned_from) AS then_share
    FROM seen
    ARRAY JOIN
      ['length of the text', 'items', 'complexity', 'kind of work'] AS feature,
      [toString(floor(log2(1 + lengthUTF8(text)))), toString(least(item_count, 10)), toString(floor(10 * complexity)), skill] AS bin
    GROUP BY feature, bin
  )
SELECT round(sum((now_share - then_share) * log(now_share / then_share)), 4) AS psi, feature,
  any(shares.tasks) AS tasks, any(shares.learned_from) AS learned_from
FROM shares
GROUP BY feature
HAVING tasks >= 200 AND learned_from >= 200
ORDER BY psi DESC
