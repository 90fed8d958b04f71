-- How good it was: the judgement of the newest attempt.
-- cell: judged newest
INSERT INTO {into} (task_id, session_id, newest, judged, verdict)
SELECT task_id, session_id, toDateTime(_at), ({rank}, quality), ({rank}, toString(verdict))
FROM {from} WHERE {which}
