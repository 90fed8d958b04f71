-- What was asked; of a task handed in twice the first counts.
-- cell: submitted
INSERT INTO {into} (task_id, session_id, newest, submitted, asked, words)
SELECT task_id, session_id, toDateTime(_at),
  ({rank}, submitted_at, toUInt32(length(items))),
  ({rank}, tenant_id, parent_id, redrive_of, priority),
  ({rank}, text, skill, agent_id, model, items, retries_max)
FROM {from} WHERE {which}
