-- Where it is: the newest record of the dispatcher; and the shard that has it, by the newest record that is no
-- cancellation kept for a task that has not come.
-- cell: held newest
INSERT INTO {into} (task_id, session_id, newest, held, shard)
SELECT task_id, session_id, toDateTime(_at),
  ({rank}, toString(phase), crashes, instance_id, started_at, retries, error),
  if(phase = 'cancel_requested', (0, 0, ''), ({rank}, _partition, toString(phase)))
FROM {from} WHERE {which}
