-- How many of the dispatcher's shards are healthy now?
-- normal: > 0.99
SELECT countIf(health_status = 'healthy') / count() AS healthy, count() AS shards, min(last_heartbeat) AS longest_silent_since
FROM orchestrator_state
