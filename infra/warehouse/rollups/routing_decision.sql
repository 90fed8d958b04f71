-- What the router decided first, and the first choice of an agent among its decisions.
-- cell: decided
INSERT INTO {into} (task_id, session_id, newest, decided, choice, kind, chosen)
SELECT task_id, session_id, toDateTime(_at),
  ({rank}, decided_at, router, confidence),
  ({rank}, agent_id),
  ({rank}, skill, complexity),
  if(agent_id IS NOT NULL AND refusal IS NULL,
    ({rank}, ifNull(agent_id, ''), pool, skill, complexity, decided_at, arrayMap(c -> (c.1, c.2), candidates)),
    (18446744073709551615, '', '', '', 0, decided_at, [])
  )
FROM {from} WHERE {which}
