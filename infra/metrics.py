"""Every metric of every process, each under what it counts, what a rise means and what to do about it.

Labels are bounded: pools, topics, statuses; never a task, session or tenant.
"""

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from infra.settings import Settings

SERVICES = ("router", "dispatcher", "executor", "sink", "judge", "gateway", "joiner", "scorer", "monitor", "lab")
PROCESSES_APART = 10  # ports between two processes of one service: room for further services

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # seconds, inside the line
SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)  # seconds, waiting and agents' work


# --- every process -----------------------------------------------------------------------------------------------

# Events read from a topic. No rise while tasks are submitted: the process is stuck or has no partition; see its log.
EVENTS_READ = Counter("headway_events_read", "Events read", ["topic"])

# Events written to a topic, without progress and heartbeats, which may be lost. For tasks.outcomes the rate is the
# throughput of the line.
EVENTS_WRITTEN = Counter("headway_events_written", "Events written and acknowledged", ["topic"])

# Records that could not be decoded. Any rise: some producer writes bad bytes; `headway dlq list` shows which.
BAD_MESSAGES = Counter("headway_bad_messages", "Records that could not be decoded", ["topic"])

# Events known already and ignored. A few after a restart are normal; a steady rise: a producer sends everything twice.
REPEATS = Counter("headway_repeats", "Events ignored because they were seen before", ["topic"])

# Records between what was handled and the end of a topic when it last sent something; one or two at rest, the marks of
# transactions. A rise: this process is too slow; start more of its service.
LAG = Gauge("headway_lag_records", "Records not yet read", ["topic", "partition"])

# Seconds of one transaction, outputs and position together. A rise: the broker's disk is slow, or batches are large.
TRANSACTION = Histogram("headway_transaction_seconds", "Time of one Kafka transaction", buckets=FAST)

# Transactions given up and done again. One at a rebalance is normal; a steady rise: two processes claim a partition.
TRANSACTIONS_ABORTED = Counter("headway_transactions_aborted", "Transactions given up and done again")

# Seconds to rebuild state after a partition was taken over. A rise: the logs are long; look at their compaction.
RECOVERY = Histogram("headway_recovery_seconds", "Time to rebuild a partition's state", buckets=SLOW)

# Partitions in hand. Zero in a running process: more processes than partitions, or it lost its group.
PARTITIONS = Gauge("headway_partitions", "Partitions in hand", ["topic"])

# Routers and dispatchers by health, as the last heartbeat of this one found them in Redis; those that died count as
# unhealthy for an hour, those that were stopped do not. Healthy ones as a share of all below 0.99: `headway
# orchestrators` says who is gone; start it again. Only one process has to be asked, all say the same.
ORCHESTRATORS = Gauge("headway_orchestrators", "Routers and dispatchers in Redis", ["health"])

# Seconds from the last word of a worker that died to the one that took a partition of its over. A rise: a restart takes
# long, or no other worker is there; above 10 s look at the log of the broker.
FAILOVER = Histogram("headway_failover_seconds", "Time until a partition was taken over", buckets=SLOW)

# Whether this process stands in Redis with its partitions: 1, or 0 while Redis is away or somebody bears its name. The
# line goes on without; who asks for owners is told of the last one, or of none.
ORCHESTRATING = Gauge("headway_orchestrating", "Whether others can see who owns what")


# --- router ------------------------------------------------------------------------------------------------------

# Decisions by chosen agent, none for a task with items. A shift nobody planned: agents changed or lost their health;
# `headway task` a task.
DECISIONS = Counter("headway_decisions", "Routing decisions", ["agent_id"])

# Seconds of one decision. A rise: too many agents or skills to compare.
DECISION = Histogram("headway_decision_seconds", "Time of one routing decision", buckets=FAST)

# Tasks that no agent gets: none is fit, or the task breaks a rule. A rise: an agent is missing or names the wrong
# skills, or a producer is at fault; the outcome says which.
UNROUTABLE = Counter("headway_unroutable", "Tasks that no agent gets")

# Decisions by who was more confident, rules/2 or hybrid/1, and whether an agent was tried. A fall of hybrid/1: the
# model in use does not know the tasks that come, or is out of service; a rise of tried: somebody has raised `explore`.
CHOICES = Counter("headway_choices", "Decisions by router", ["router", "tried"])

# The model in use has the value 1, none when the rules route alone. Another one than `headway models list` says: this
# router cannot use it; see the troubles below and its log.
MODEL_IN_USE = Gauge("headway_model_in_use", "The learned model in use", ["model"])

# Times that the rules had to answer for a model: unusable (corrupt, or made with another embedder or other features),
# failed, slow. Any rise: `headway models rollback`, or train anew; the log says what happened.
MODEL_TROUBLES = Counter("headway_model_troubles", "Times the rules answered for a model", ["trouble"])

# Seconds in which the model in use gave its opinion, embedding included. A rise: a slow embedder, or too many agents;
# above 0.05 three times in a row the rules answer until it is quick again.
MODEL_OPINION = Histogram("headway_model_opinion_seconds", "Time of a model's opinion", buckets=FAST)

# How far the tasks of late are from those the model in use was trained on, by feature (population stability index).
# Above 0.25: other work comes in than was learned from; `headway train`.
DRIFT_PSI = Gauge("headway_drift_psi", "Drift of the tasks since training", ["feature"])


# --- dispatcher --------------------------------------------------------------------------------------------------

# Waiting tasks. A steady rise: work comes faster than the pool does it; add instances, or expect refusals at queue_max.
QUEUED = Gauge("headway_queued_tasks", "Waiting tasks", ["pool"])

# Payload bytes waiting in a partition. Near queue_mb_max new tasks are refused; as above.
QUEUED_BYTES = Gauge("headway_queued_bytes", "Payload waiting", ["partition"])

# Seconds from submission to the first start. A rise: as for queued tasks.
WAIT = Histogram("headway_wait_seconds", "Time from submission to the first start", ["agent_id"], buckets=SLOW)

# Slots taken and slots there are. Taken equal to all for long: the pool is the bottleneck.
SLOTS_TAKEN = Gauge("headway_slots_taken", "Slots with a task", ["pool"])
SLOTS = Gauge("headway_slots", "Slots of healthy instances", ["pool"])

# Healthy instances. A fall: an executor host is gone or mute; `headway status`, then its log.
INSTANCES = Gauge("headway_instances", "Instances with a fresh heartbeat", ["pool"])

# Attempts taken back: cancelled, over their time, or without word from their host. A rise without cancels: hosts die or
# stall, or task_timeout_s is too short; `headway task` a task.
TAKEN_BACK = Counter("headway_attempts_taken_back", "Attempts taken back", ["pool"])

# Tasks of high priority that went to the primary agent. A rise: all instances of `from_agent` are silent; look at
# `headway fleet` for what has become of its hosts.
MOVED = Counter("headway_tasks_moved", "Tasks moved to the primary agent", ["from_agent", "to_agent"])

# Attempts after the first of a task. A rise: failures that may pass, poor answers, or hosts that die.
ATTEMPTS_AGAIN = Counter("headway_attempts_again", "Attempts after the first", ["pool"])

# Terminal outcomes; no agent: a task with items, or one that no agent gets. Rise of failed, expired, refused or
# dead_lettered: `headway dlq list`, `headway task`.
OUTCOMES = Counter("headway_outcomes", "Terminal outcomes", ["agent_id", "status"])

# Seconds from submission to the terminal outcome. A rise: compare with wait and attempt times to see which part.
TASK = Histogram("headway_task_seconds", "Time from submission to outcome", ["agent_id"], buckets=SLOW)

# Quality of the answers, 0 to 1. A fall: the agent or its model got worse.
QUALITY = Histogram("headway_quality", "Judged quality of an answer", ["agent_id"], buckets=[n / 10 for n in range(11)])


# --- executor host -----------------------------------------------------------------------------------------------

# Tasks in hand. At in_hand_max the host starts no more, at twice that it stops reading; add hosts.
IN_HAND = Gauge("headway_in_hand_tasks", "Tasks in hand", ["agent_id"])

# Seconds of one attempt, by result. A rise: the agent or its model got slower.
ATTEMPT = Histogram("headway_attempt_seconds", "Time of one attempt", ["agent_id", "status"], buckets=SLOW)

# Heartbeats sent. No rise: the host is stuck, and its leases will end.
HEARTBEATS = Counter("headway_heartbeats", "Heartbeats sent")

# Model requests by answer. Rise of 429: limits are too high for the key; of 5xx or timeout: the API has trouble.
MODEL_REQUESTS = Counter("headway_model_requests", "Requests to the model API", ["model", "answer"])

# Seconds of one model request. A rise: the API is slow.
MODEL_REQUEST = Histogram("headway_model_request_seconds", "Time of one model request", ["model"], buckets=SLOW)

# Tokens by direction (input, output, cached). A rise without more tasks: prompts or answers grew.
MODEL_TOKENS = Counter("headway_model_tokens", "Tokens paid for", ["model", "direction"])

# US dollars spent. At cost_cap_usd tasks fail until 00:00 UTC; raise it or use a cheaper model.
MODEL_COST = Counter("headway_model_cost_usd", "US dollars spent on models", ["model"])

# Seconds that requests waited for the shared rate limit. A rise: requests_per_min or tokens_per_min is the bottleneck.
MODEL_WAIT = Histogram("headway_model_wait_seconds", "Wait for the shared rate limit", buckets=SLOW)

# Answers found in the store of finished steps. A few after a crash: each saved a payment. A steady rise: hosts crash.
STEPS_REUSED = Counter("headway_steps_reused", "Model answers reused after a crash")

# Failed calls to Redis. Any rise: Redis is down; no model is called until it is back.
REDIS_FAILURES = Counter("headway_redis_failures", "Failed calls to Redis")


# --- sink --------------------------------------------------------------------------------------------------------

# Rows stored. No rise while the line works: the sink is stuck or the warehouse is away; see its log.
SINK_ROWS = Counter("headway_sink_rows", "Rows stored in the warehouse", ["table"])

# Seconds in which everything in hand was stored. Above one second rows come late: start more sinks, or a ClickHouse
# server.
SINK_FLUSH = Histogram("headway_sink_flush_seconds", "Time to store what is in hand", buckets=FAST)

# Waits for a warehouse that did not answer. A rise: ClickHouse is down or full; the line goes on, rows come later.
SINK_WAITS = Counter("headway_sink_waits", "Waits for a warehouse that did not answer")


# --- joiner ------------------------------------------------------------------------------------------------------

# Training samples: first of their task, or revised by late or corrected feedback. No rise while tasks end: the joiner
# is stuck, or nothing that ends was chosen by the router; its untaught tasks say which.
SAMPLES = Counter("headway_samples", "Training samples", ["revision"])

# Tasks that teach nothing about an agent, by the reason (docs/routing.md). A rise of never_started: agents lack slots.
SAMPLES_UNTAUGHT = Counter("headway_samples_untaught", "Tasks that teach nothing", ["reason"])

# What no sample can tell any more, because the partition remembers no more tasks. Any rise: raise samples_remembered;
# of late_feedback alone: people judge answers that are older than what is remembered.
SAMPLES_LOST = Counter("headway_samples_lost", "Tasks and feedback that were forgotten before they met", ["what"])

# Ended tasks by who chose the agent, rules or learned, and whether the answer was accepted at once. The learned share
# of accepted ones below that of the rules: `headway ask learned_success`, and `headway models rollback`.
CHOSEN_ENDED = Counter("headway_chosen_ended", "Ended tasks by who chose", ["by", "accepted"])

# Tasks that wait for their outcome, or outcomes for their task. Near samples_remembered the oldest are given up.
SAMPLES_WAITING = Gauge("headway_samples_waiting", "Tasks that have no sample yet", ["partition"])


# --- scorer ------------------------------------------------------------------------------------------------------

# Samples that came since the last training. Far above retrain_growth of those it saw: trainings fail; see its log.
SAMPLES_NEW = Gauge("headway_samples_new", "Samples since the last training")

# Trainings by what became of them: promoted, candidate (a person decides), rejected (`headway models show` says why),
# failed. A rise of failed: the log says why; of rejected: samples teach nothing new, or they are poisoned.
TRAININGS = Counter("headway_trainings", "Trainings", ["result"])

# How far what models expected of late was from what came of it (expected calibration error). Above 0.1: agents have
# changed since the training; `headway train`.
DRIFT_ECE = Gauge("headway_drift_ece", "Calibration error of late")

# Share of the newest samples that people judged so. Negative near a third of all that are judged: people reject too
# many answers; `headway ask` shows which agents. A fall of all: nobody gives feedback any more.
FEEDBACK_RATE = Gauge("headway_feedback_rate", "Share of samples with feedback", ["kind"])

# Seconds of one training, in a process of its own. A rise: more samples, or the machine is short of cores.
TRAINING = Histogram("headway_training_seconds", "Time of one training", buckets=SLOW)


# --- monitor -----------------------------------------------------------------------------------------------------

# Alerts that fire, by severity. Any rise: `headway alerts` says what is wrong and what to do.
ALERTS_FIRING = Gauge("headway_alerts_firing", "Alerts that fire", ["severity"])

# Notifications by what came of them: sent, failed (after its retries), none (alerts_webhook is empty). A rise of
# failed: whoever is told of alerts does not answer; `headway alerts` shows with each what was tried.
NOTIFICATIONS = Counter("headway_notifications", "Notifications of alerts", ["result"])

# Due times of schedules by what came of them: handed_in, passed_over. A rise of passed_over: the monitor was away when
# they were due, or runs take longer than their schedule leaves them; `headway schedules` shows which.
SCHEDULE_RUNS = Counter("headway_schedule_runs", "Due times of schedules", ["result"])


# --- lab ---------------------------------------------------------------------------------------------------------

# Runs of the lab by how they were over: ended, stopped, failed. A rise of failed: `headway lab` says why each did.
LAB_RUNS = Counter("headway_lab_runs", "Runs of the lab that are over", ["state"])

# Changes of size by the autoscaler, up or down: done yes, dry_run (it only said so), failed (Kafka did not answer, or
# somebody asked for another number at that moment). Up and down in turns: the load swings; raise scale_down_s. A rise
# of failed: see the monitor's log. Way held: more were needed and would have made nothing better; add hosts.
SCALINGS = Counter("headway_scalings", "Changes of size by the autoscaler", ["way", "done"])

# Predictions of a load whose hour is over, by what became of them: right, false_alarm, missed, quiet, late (the load
# was there already), unknown (the monitor was away). A rise of false_alarm or missed: loads follow no pattern of the
# days before, or the past is short; `headway ask preventive_alerts` has the accuracy.
PREDICTIONS = Counter("headway_load_predictions", "Predictions of a load whose hour is over", ["verdict"])


# --- judge -------------------------------------------------------------------------------------------------------

# Experiments by status. Running for longer than planned: the judge is stuck or the warehouse is away; see its log.
EXPERIMENTS = Gauge("headway_experiments", "Experiments", ["status"])

# Units by arm of a running experiment at the last look. No rise: nothing takes part; `headway experiment show`.
EXPERIMENT_UNITS = Gauge("headway_experiment_units", "Units of a running experiment", ["experiment", "arm"])


# --- gateway -----------------------------------------------------------------------------------------------------

# Requests by method and address, as declared, and class of their answer. A rise of 5xx: the log has the incidents; of
# 4xx: a program asks for what is not there, and its answers say what.
GATEWAY_REQUESTS = Counter("headway_gateway_requests", "Requests answered", ["route", "status"])

# Seconds from a request at the door to its answer, without those that stay open. A rise for POST /api/tasks alone:
# Kafka is slow to confirm; for all: the process lacks a core.
GATEWAY_REQUEST_SECONDS = Histogram("headway_gateway_request_seconds", "Time to answer", ["route"], buckets=FAST)

# Requests refused at the door, by status. A rise of 401: somebody guesses tokens, or one has ended; of 403 and 421: a
# page elsewhere tries; of 429: a program asks too often; of 503: Kafka or the warehouse is away.
GATEWAY_REFUSALS = Counter("headway_gateway_refusals", "Requests refused", ["status"])

# Live connections, WebSockets and event streams. Near gateway_connections_max: raise it, or start another gateway.
LIVE_CONNECTIONS = Gauge("headway_live_connections", "Live connections")

# Messages to live clients. A rise without more events: more clients, or some that are subscribed to everything.
LIVE_MESSAGES = Counter("headway_live_messages", "Messages sent to live clients")

# Seconds from Kafka's time of a record to when it is told. A rise: the broker is slow, or the process lacks a core;
# start another gateway.
LIVE_LAG = Histogram("headway_live_lag_seconds", "Time from a record to its telling", buckets=FAST)

# Clients that came back with a token: told all that they had missed, or of a gap. A rise of told: the network is poor,
# or gateways restart; of gap: clients are away for longer than topics are kept, or bring tokens of another cluster.
LIVE_RESUMES = Counter("headway_live_resumes", "Clients that came back with a token", ["kind", "result"])

# Live connections that ended: by whom, with which close code (docs/live.md; 1006: without a word). A rise of 1006 or
# 4408: the network or a proxy cuts; of 4410: clients read too slowly; of 4503 and 4504: limits are reached.
LIVE_CLOSES = Counter("headway_live_closes", "Live connections that ended", ["kind", "by", "code"])

# Clients that did not read and were taken out until they do. A rise: slow networks, or pages that do too much; nobody
# else is delayed, and nothing is lost.
LIVE_BEHIND = Counter("headway_live_behind", "Clients that fell behind")


def port_offset(service: str, index: int) -> int:
    """Place of a process in the range of ports: router i is 10i, dispatcher i 10i+1, executor 10i+2, sink 10i+3,
    judge 10i+4, gateway 10i+5, joiner 10i+6, scorer 10i+7,
    monitor 10i+8, lab 10i+9."""
    return SERVICES.index(service) + PROCESSES_APART * index


def serve(settings: Settings, offset: int) -> tuple[WSGIServer, Thread]:
    """Answer /metrics on metrics_port + `offset` (see `port_offset`), in a thread of its own."""
    return start_http_server(settings.metrics_port + offset, addr=settings.metrics_host)
