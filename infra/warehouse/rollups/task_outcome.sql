-- How it ended; there is one outcome a task, and of one told twice the first counts.
-- cell: ended
INSERT INTO {into} (task_id, session_id, newest, ended, graded, started, worker, worked)
SELECT task_id, session_id, toDateTime(_at),
  ({rank}, toString(status), finished_at, redos, cost_usd_micros),
  ({rank}, quality),
  ({rank}, started_at),
  ({rank}, agent_id, model),
  ({rank}, instance_id, error, attempts, tokens_in, tokens_out)
FROM {from} WHERE {which}
