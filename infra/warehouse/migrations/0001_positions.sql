-- How far every partition of every topic is stored. It lives with the rows: whoever loses them reads from the start.
CREATE TABLE IF NOT EXISTS sink_position (
  topic LowCardinality(String) COMMENT 'Topic.',
  partition Int32 COMMENT 'Partition.',
  next_offset Int64 COMMENT 'Everything below is in the tables.',
  at DateTime64(3, 'UTC') COMMENT 'When that was written [ms, UTC]'
) ENGINE = ReplacingMergeTree(next_offset) ORDER BY (topic, partition)
COMMENT 'How far every partition of every topic is stored.';
