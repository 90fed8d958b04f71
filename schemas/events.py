"""Generated from the .avsc files by `python -m schemas`. Do not edit: change the schema.

Every event is a plain dict; these types name its fields. `*_at` are microseconds UTC, `*_ms` durations, money is in
micro-dollars.
"""

from typing import Literal, TypedDict

AgentRole = Literal["unknown", "primary", "standard", "automation"]
Runner = Literal["unknown", "auto", "anthropic", "simulated", "external"]
AlertState = Literal["unknown", "firing", "resolved"]
AlertSeverity = Literal["unknown", "info", "warning", "critical"]
AlertCommandKind = Literal["unknown", "acknowledge", "silence"]
Phase = Literal["unknown", "queued", "delayed", "running", "cancelling", "joining", "done", "cancel_requested"]
ItemStatus = Literal["unknown", "open", "completed", "failed", "cancelled", "expired", "dead_lettered", "refused"]
Verdict = Literal["unknown", "accept", "redo"]
ExperimentChange = Literal[
    "unknown",
    "created",
    "started",
    "paused",
    "resumed",
    "extended",
    "arm_stopped",
    "tuned",
    "stopped",
    "ended",
    "adopted",
    "given_back",
]
ExperimentStatus = Literal["unknown", "draft", "running", "paused", "completed"]
ExperimentUnit = Literal["unknown", "session", "task", "tenant"]
ExperimentMode = Literal["unknown", "sequential", "fixed", "bandit"]
FeedbackKind = Literal["unknown", "positive", "neutral", "negative"]
FleetStep = Literal["unknown", "silent", "ejected", "trial", "well", "redistributed", "ping", "restarted", "verified"]
HostState = Literal["unknown", "open", "cordoned", "drained"]
LabCommandKind = Literal["unknown", "start", "stop"]
LabFaultKind = Literal["unknown", "kill", "delay", "failover"]
LabRunState = Literal["unknown", "waiting", "running", "ended", "stopped", "failed"]
NoteKind = Literal["unknown", "practice", "decision"]
ModelStatus = Literal["unknown", "candidate", "rejected", "promoted"]
OutcomeStatus = Literal["unknown", "completed", "failed", "cancelled", "expired", "dead_lettered", "refused"]
MissedRuns = Literal["unknown", "last", "all", "skip"]
OverlappingRuns = Literal["unknown", "allow", "skip"]
AssignmentKind = Literal["unknown", "run", "cancel"]
CommandKind = Literal["unknown", "cancel"]
ProgressKind = Literal["unknown", "started", "progress", "text", "step"]
ResultKind = Literal["unknown", "step", "completed", "failed", "cancelled", "expired", "lost"]
ConversationRole = Literal["unknown", "user", "assistant"]


class AgentDefinition(TypedDict):
    """One agent of the registry: what it can do and how it is run."""

    agent_id: str
    description: str
    role: AgentRole
    capabilities: list[str]
    perspectives: list[str]
    keywords: list[str]
    fallback: bool
    runner: Runner
    model: str | None
    max_tokens: int
    instances: int
    prompt: str
    removed: bool
    updated_at: int


class ZoneInstances(TypedDict):
    """How many in one zone."""

    zone: str
    instances: int


class AgentDesired(TypedDict):
    """How many instances of an agent there shall be, and where. The newest record of an agent counts, before its
    definition."""

    event_id: str
    agent_id: str
    zones: list[ZoneInstances]
    at: int
    by: str
    reason: str


class RunningAttempt(TypedDict):
    """An attempt the host has in hand."""

    task_id: str
    attempt: int


class InstanceReport(TypedDict):
    """One instance on the host."""

    instance_id: str
    running: list[RunningAttempt]
    probed_at: int | None


class AgentHeartbeat(TypedDict):
    """An executor host says which instances of one pool it runs and what they have in hand."""

    event_id: str
    pool: str
    agent_id: str
    host_id: str
    incarnation: str
    sequence: int
    at: int
    draining: bool
    instances: list[InstanceReport]
    zone: str
    strays: list[InstanceReport]
    cpu_used: float | None


class AgentWeight(TypedDict):
    """How much an agent is preferred among those who can do a task, and what a day made of it. The newest record of an
    agent counts."""

    event_id: str
    agent_id: str
    day: str
    at: int
    weight: float
    before: float
    target: float
    applied: bool
    by: str
    reason: str
    runs: int
    completed: int
    good: int
    neutral: int
    bad: int
    praise: float
    blame: float


class AlertTask(TypedDict):
    """A task that shows what an alert means."""

    task_id: str
    tenant_id: str


class AlertAction(TypedDict):
    """Something that an alert set off."""

    what: str
    at: int
    result: str


class Alert(TypedDict):
    """One alert as it is after its newest change; the newest record of an id is the truth."""

    alert_id: str
    state: AlertState
    severity: AlertSeverity
    rule: str
    subject: str
    measure: str
    since_at: int
    until_at: int | None
    at: int
    value: float | None
    threshold: float
    worst: float
    evidence: str
    tasks: list[AlertTask]
    actions: list[AlertAction]
    acknowledged_by: str | None
    acknowledged_at: int | None
    silenced_until_at: int | None
    silenced_by: str | None
    comment: str
    fired: int


class AlertCommand(TypedDict):
    """Somebody takes an alert on, or wants quiet. The monitor, which alone writes alerts, follows."""

    event_id: str
    target: str
    kind: AlertCommandKind
    until_at: int | None
    at: int
    by: str
    comment: str


class AlertRule(TypedDict):
    """When to raise an alert, about what, and what is done then."""

    rule: str
    description: str
    measure: str
    above: float | None
    below: float | None
    for_s: float
    window_s: float
    severity: AlertSeverity
    actions: list[str]
    subjects: str
    advice: str
    removed: bool
    updated_at: int


class DeadLetter(TypedDict):
    """Something that could not be handled: a message that makes no sense, or a task whose retries are used up. Nothing
    is lost: the payload is here."""

    event_id: str
    at: int
    service: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    payload: bytes
    reason: str
    task_id: str | None
    session_id: str | None
    tenant_id: str | None
    attempts: int


class Step(TypedDict):
    """One finished step of a task, kept so that a crash does not buy it again."""

    name: str
    output: str
    model: str | None
    tokens_in: int
    tokens_out: int
    cost_usd_micros: int
    finished_at: int


class ItemOutcome(TypedDict):
    """How one item of a task that decomposes ended."""

    index: int
    task_id: str
    status: ItemStatus
    output: str
    error: str | None
    tokens_in: int
    tokens_out: int
    cost_usd_micros: int


class Override(TypedDict):
    """A setting of the line that this task is worked on with, in place of the configured one."""

    name: str
    value: str


class Decided(TypedDict):
    """What the router knew and chose when it decided: what there is to learn from."""

    router: str
    propensity: float
    scorer: str | None
    expected: float | None
    complexity: float
    past_success_rate: float
    recent_task_count: int
    avg_task_duration_ms: float


class DispatchRecord(TypedDict):
    """The dispatcher's memory of one task; the newest record is the truth. Read back after a crash."""

    task_id: str
    session_id: str
    tenant_id: str
    phase: Phase
    pool: str
    agent_id: str | None
    skill: str
    complexity: float
    entered_at: int
    queued_at: int
    ready_at: int
    attempt: int
    retries: int
    redos: int
    crashes: int
    instance_id: str | None
    started_at: int | None
    feedback: str | None
    error: str | None
    steps: list[Step]
    items: list[ItemOutcome]
    tokens_in: int
    tokens_out: int
    cost_usd_micros: int
    task: bytes
    settings: list[Override]
    decided: Decided | None
    model: str | None
    moved_from: str | None


class Evaluation(TypedDict):
    """The judgement of one finished attempt, and whether it is done again."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    attempt: int
    agent_id: str
    at: int
    success: bool
    quality: float
    verdict: Verdict
    reasons: list[str]
    redos: int
    evaluator: str


class Arm(TypedDict):
    """One arm of an experiment."""

    name: str
    value: str
    share: int
    stopped: bool


class Experiment(TypedDict):
    """An A/B experiment on the line, as it is after a change; the newest record of a name is the truth."""

    experiment: str
    version: int
    change: ExperimentChange
    at: int
    by: str
    reason: str
    question: str
    status: ExperimentStatus
    parameter: str
    arms: list[Arm]
    control: str
    unit: ExperimentUnit
    layer: str
    first_bucket: int
    buckets: int
    metrics: list[str]
    guardrails: list[str]
    covariates: list[str]
    cluster: str | None
    mode: ExperimentMode
    days: float
    adopt_winner: bool
    created_at: int
    started_at: int | None
    ran_ms: int
    ended_at: int | None
    adopted: str | None


class ArmFigure(TypedDict):
    """One metric of one arm beside control."""

    metric: str
    arm: str
    units: int
    value: float
    effect: float | None
    low: float | None
    high: float | None
    p: float | None


class ExperimentVerdict(TypedDict):
    """What an experiment said at a time, and from which data, so that it can be computed again."""

    event_id: str
    experiment: str
    at: int
    verdict: str
    winner: str | None
    reasons: list[str]
    from_at: int
    to_at: int
    rows: int
    data_hash: str
    srm_p: float | None
    figures: list[ArmFigure]


class FeedbackGiven(TypedDict):
    """Somebody says how good a task's answer is. Of several by one person the newest counts."""

    feedback_id: str
    task_id: str
    session_id: str
    tenant_id: str
    kind: FeedbackKind
    score: float | None
    comment: str
    by: str
    at: int


class FleetEvent(TypedDict):
    """Something that happened to an instance or to all of an agent: it gave no answer, fell silent, was left out, is
    tried, works again."""

    event_id: str
    subject: str
    pool: str
    host_id: str
    what: FleetStep
    at: int
    detail: str
    tasks: list[str]


class HostDesired(TypedDict):
    """What an executor host shall do. The newest record of a host counts; without one it is open."""

    event_id: str
    host_id: str
    state: HostState
    at: int
    by: str
    reason: str


class InstanceProbe(TypedDict):
    """The dispatcher asks an instance whether it would take work, the way that work goes. The next heartbeat of its
    host answers."""

    event_id: str
    instance_id: str
    agent_id: str
    pool: str
    at: int
    answer_ms: int


class ItemFinished(TypedDict):
    """A subtask ended; tells the task it is an item of. Keyed by the parent's pool."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    pool: str
    parent_id: str
    at: int
    item: ItemOutcome


class LabAsked(TypedDict):
    """What is to be run."""

    scenario: str
    text: str | None
    agents: int
    seed: int
    minutes: float | None
    balancer: str | None
    scaling: bool
    quick: bool


class LabCommand(TypedDict):
    """Somebody starts or stops a run of the lab. A lab process, which alone writes lab.runs, follows."""

    event_id: str
    run_id: str
    kind: LabCommandKind
    asked: LabAsked | None
    at: int
    by: str


class LabPhase(TypedDict):
    """A part of the load."""

    minutes: float
    per_minute: float


class LabFault(TypedDict):
    """Something that is broken."""

    kind: LabFaultKind
    first_minutes: float
    every_minutes: float | None
    away_s: float
    percent: float
    delay_ms: float


class LabPlan(TypedDict):
    """What comes and what is broken meanwhile, before anything runs."""

    about: str
    minutes: float
    load: list[LabPhase]
    failures: float
    faults: list[LabFault]
    targets: list[str]


class LabSeries(TypedDict):
    """How it went, a value for each step of simulated time: the newest of the step, of `completed` the sum."""

    step_minutes: int
    instances: list[int]
    waiting: list[int]
    running: list[int]
    completed: list[int]


class LabWaits(TypedDict):
    """How long something took: quantiles and the longest; null: it never happened."""

    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class LabSizes(TypedDict):
    """Instances; null: no minute has passed."""

    first: int | None
    least: int | None
    most: int | None
    last: int | None


class LabScaling(TypedDict):
    """A change of size by the autoscaler."""

    minute: float
    agent_id: str
    before: int
    after: int
    reason: str


class LabTarget(TypedDict):
    """A target of the scenario."""

    target: str
    value: float | None
    holds: bool


class LabReport(TypedDict):
    """What a run found; the same for the same arguments."""

    handed_in: int
    accepted: int
    outcomes: dict[str, int]
    lost: int
    doubled: int
    left: int
    attempts_again: int
    throughput_per_minute: float
    errors: float | None
    refused: float | None
    wait_s: LabWaits
    wait_s_by_priority: dict[str, LabWaits]
    utilisation: float | None
    spread_by_agent: dict[str, float]
    kills: int
    recovery_s: LabWaits
    instances: LabSizes
    scalings: list[LabScaling]
    scalings_count: int
    tokens: int
    cost_usd_micros: int
    passed_over_minutes: float
    targets: list[LabTarget]


class LabRun(TypedDict):
    """A run of the lab, as it stands. The newest record of a run counts."""

    run_id: str
    asked: LabAsked
    plan: LabPlan | None
    asked_at: int
    asked_by: str
    state: LabRunState
    starts: int
    started_at: int | None
    over_at: int | None
    reason: str
    simulated_minutes: float
    handed_in: int
    series: LabSeries | None
    report: LabReport | None


class LabScenario(TypedDict):
    """A scenario that the lab can run. The newest record of a name counts."""

    scenario: str
    text: str
    plan: LabPlan
    removed: bool
    updated_at: int


class LoadDay(TypedDict):
    """How busy an agent was on one day, kept for longer than what ended then: so weekdays can be learned."""

    event_id: str
    agent_id: str
    day_at: int
    step_s: int
    peaks: list[float]


class LoadJudgement(TypedDict):
    """What became of a prediction when its hour was over."""

    event_id: str
    agent_id: str
    at: int
    predicted_at: int
    load: float
    expected: float
    low: float
    high: float
    reached: float | None
    minutes: int


class LoadMove(TypedDict):
    """Work that another agent has room for."""

    to_agent: str
    tasks: float
    shared: str


class LoadPrediction(TypedDict):
    """What the load score of an agent is expected to reach within the next hour, and what could be moved."""

    event_id: str
    agent_id: str
    at: int
    until_at: int
    load: float
    instances: int
    slots: int
    rest: float
    expected: float | None
    low: float | None
    high: float | None
    expected_at: int | None
    moves: list[LoadMove]
    instances_more: int
    suggestion: str


class NoteDefinition(TypedDict):
    """A note of the knowledge base: something that people decided, or found to be good practice."""

    note: str
    kind: NoteKind
    title: str
    tags: list[str]
    text: str
    removed: bool
    updated_at: int


class IllInstance(TypedDict):
    """An instance that gets no work, or a trial only."""

    instance_id: str
    since_at: int
    reason: str


class PoolStatus(TypedDict):
    """The newest state of one pool: its queue, slots and recent performance."""

    event_id: str
    pool: str
    agent_id: str
    at: int
    waiting: int
    waiting_max: int
    running: int
    slots: int
    instances: int
    oldest_wait_ms: int
    completed: int
    failed: int
    mean_response_ms: float
    error_rate: float
    load_score: float
    ill: list[IllInstance]
    silent_since_at: int | None


class Candidate(TypedDict):
    """One agent the router considered."""

    agent_id: str
    score: float
    reason: str
    learned: float | None
    cost_usd_micros: int | None
    wait_ms: int | None
    utility: float | None


class Exposure(TypedDict):
    """An experiment that this task takes part in."""

    experiment: str
    arm: str
    unit: str
    propensity: float


class RoutingStep(TypedDict):
    """One step on the way to a choice."""

    step: str
    result: str
    reason: str


class RoutingDecision(TypedDict):
    """The router's choice of agent for one task, with everything that explains it."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    decided_at: int
    agent_id: str | None
    pool: str
    skill: str
    complexity: float
    confidence: float
    propensity: float
    router: str
    reason: str
    candidates: list[Candidate]
    refusal: str | None
    task: bytes
    exposures: list[Exposure]
    settings: list[Override]
    decided: Decided | None
    model: str | None
    steps: list[RoutingStep]
    alternative: str | None


class SampleRange(TypedDict):
    """Offsets of one partition of training.samples."""

    partition: int
    from_offset: int
    to_offset: int


class RoutingModel(TypedDict):
    """A learned router: its weights, what they were made from, and whether it is used. The newest record of a name is
    the truth; in use is the promoted one with the latest `promoted_at`."""

    name: str
    kind: str
    status: ModelStatus
    reason: str
    by: str
    at: int
    created_at: int
    promoted_at: int | None
    weights: bytes
    weights_hash: str
    embedder: str
    features: str
    seed: int
    samples: int
    ranges: list[SampleRange]
    metrics: dict[str, float]


class Ended(TypedDict):
    """What an outcome says that a sample needs."""

    skill: str
    agent_id: str
    model: str | None
    priority: int
    decided: Decided
    status: OutcomeStatus
    quality: float | None
    cost_usd_micros: int
    wait_ms: int
    duration_ms: int
    submitted_at: int
    finished_at: int


class Opinion(TypedDict):
    """What one person said last of the answer."""

    by: str
    session_id: str
    tenant_id: str
    kind: FeedbackKind
    score: float | None
    at: int
    feedback_id: str


class SampleRecord(TypedDict):
    """The joiner's memory of one task; the newest record is the truth. Read back after a crash."""

    task_id: str
    session_id: str
    tenant_id: str
    at: int
    text: str | None
    item_count: int
    ended: Ended | None
    opinions: list[Opinion]
    revisions: int


class ScalingSignal(TypedDict):
    """One measure of the load."""

    name: str
    value: float
    score: float


class ScalingDecision(TypedDict):
    """The autoscaler changed how many instances an agent has, or would have."""

    event_id: str
    agent_id: str
    at: int
    before: int
    after: int
    applied: bool
    score: float
    signals: list[ScalingSignal]
    expected: float | None
    reason: str


class Escalation(TypedDict):
    """What is done when runs do not succeed."""

    after_failures: int
    priority: int | None
    agent: str | None


class Schedule(TypedDict):
    """Work that is handed in again and again: when, and what. The newest record of a schedule counts."""

    schedule: str
    description: str
    cron: str | None
    every: str | None
    timezone: str
    missed: MissedRuns
    overlap: OverlappingRuns
    enabled: bool
    tenant: str
    priority: int
    agent: str | None
    skill: str | None
    model: str | None
    timeout_s: float | None
    deadline_s: float | None
    escalate: Escalation | None
    text: str
    removed: bool
    updated_at: int


class ScheduledRun(TypedDict):
    """One run of a schedule."""

    task_id: str
    due_at: int
    submitted_at: int
    by: str | None
    escalated: bool
    status: OutcomeStatus | None
    finished_at: int | None
    error: str | None


class ScheduleRuns(TypedDict):
    """What a schedule has run, and how far it has come. The newest record of a schedule counts."""

    schedule: str
    counting: str
    through_at: int
    passed_over: int
    runs: list[ScheduledRun]


class SkillDefinition(TypedDict):
    """A kind of work: what points to it, and which models do it well for their cost."""

    skill: str
    description: str
    category: str
    words: list[str]
    capabilities: list[str]
    preferred: list[str]
    fallback: list[str]
    cost_weight: float
    performance_weight: float
    removed: bool
    updated_at: int


class StreamPosition(TypedDict):
    """How far one input topic's partition has been handled; written in the same transaction as what came of it."""

    topic: str
    partition: int
    next_offset: int
    at: int


class TaskAssigned(TypedDict):
    """The dispatcher hands an attempt to an instance, or takes it back."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    kind: AssignmentKind
    attempt: int
    instance_id: str
    agent_id: str
    pool: str
    skill: str
    assigned_at: int
    deadline_at: int | None
    timeout_ms: int
    feedback: str | None
    steps: list[Step]
    reason: str | None
    task: bytes
    settings: list[Override]
    model: str | None


class TaskCommand(TypedDict):
    """Somebody wants a task changed. Written once to every partition, for the sender does not know the task's pool."""

    event_id: str
    task_id: str
    kind: CommandKind
    at: int
    by: str
    reason: str


class TaskDecided(TypedDict):
    """The router's memory of one task: it has its decision, and the same id handed in again gets no second one."""

    task_id: str
    at: int


class TaskMoved(TypedDict):
    """A waiting task goes to another agent, for all instances of the one it waited for are silent. It does so once at
    most."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    at: int
    pool: str
    agent_id: str
    from_pool: str
    from_agent_id: str
    reason: str
    record: bytes


class TaskOutcome(TypedDict):
    """The one terminal outcome of a task. There is exactly one for each accepted task."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    status: OutcomeStatus
    output: str
    error: str | None
    retry_after_ms: int | None
    agent_id: str | None
    instance_id: str | None
    model: str | None
    skill: str | None
    priority: int
    attempts: int
    redos: int
    quality: float | None
    submitted_at: int
    started_at: int | None
    finished_at: int
    parent_id: str | None
    item_index: int | None
    items: list[ItemOutcome]
    tokens_in: int
    tokens_out: int
    cost_usd_micros: int
    decided: Decided | None


class TaskProgress(TypedDict):
    """Something worth showing while a task runs. May be lost or conflated; nothing depends on it."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    kind: ProgressKind
    attempt: int
    sequence: int
    at: int
    agent_id: str
    instance_id: str
    fraction: float | None
    message: str


class TaskResult(TypedDict):
    """What an executor host reports of one attempt."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    kind: ResultKind
    attempt: int
    pool: str
    agent_id: str
    instance_id: str
    host_id: str
    incarnation: str
    started_at: int | None
    finished_at: int
    output: str
    error: str | None
    retryable: bool
    retry_after_ms: int | None
    model: str | None
    steps: list[Step]
    tokens_in: int
    tokens_out: int
    cost_usd_micros: int


class ConversationMessage(TypedDict):
    """What was said in a conversation before a task."""

    role: ConversationRole
    text: str


class TaskSubmitted(TypedDict):
    """A person or program asks for work. The only event an outside producer has to write."""

    task_id: str
    session_id: str
    tenant_id: str
    text: str
    submitted_at: int
    priority: int
    agent_id: str | None
    skill: str | None
    model: str | None
    deadline_at: int | None
    timeout_ms: int | None
    retries_max: int | None
    redos_max: int | None
    items: list[str]
    parent_id: str | None
    item_index: int | None
    redrive_of: str | None
    conversation: list[ConversationMessage]
    by: str | None


class TrainingSample(TypedDict):
    """One task as something to learn from: what was known, who was chosen, and how good it turned out. Of several of a
    task the one with the highest revision counts."""

    event_id: str
    task_id: str
    session_id: str
    tenant_id: str
    revision: int
    at: int
    text: str
    skill: str
    agent_id: str
    model: str | None
    priority: int
    item_count: int
    decided: Decided
    status: OutcomeStatus
    quality: float | None
    feedback: FeedbackKind | None
    score: float | None
    label: float
    cost_usd_micros: int
    wait_ms: int
    duration_ms: int
    submitted_at: int
    finished_at: int
