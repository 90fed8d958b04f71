/** The story of a task as a row of phases that follow each other without a gap, each with what it waited for. Pure. */

/** What a phase is called, and what sort of time it is: waiting, working, judging. */
export const KINDS = {
  route: ["Routing", "wait"],
  queue: ["Queued", "wait"],
  items: ["Waits for its items", "wait"],
  hand: ["Handed over", "wait"],
  run: ["Running", "work"],
  judge: ["Judged", "judge"],
  retry: ["Waits to retry", "again"],
  redo: ["Waits to be redone", "again"],
  cancel: ["Taken back", "wait"],
  close: ["Closing", "wait"],
};

/**
 * From the timeline that the API tells, in the order of time: [{ key, kind, attempt, from, to, open, note, entry }],
 * times in microseconds, `entry` what it began with. The last one of a task without outcome is open and ends now.
 */
export function phasesOf(timeline, nowUs) {
  const found = [];
  let attempt = 0;
  const last = () => found.at(-1);
  let entry = null;
  const begin = (kind, at, note = "") => {
    const before = last();
    const from = before ? Math.max(at, before.from) : at;
    if (before && before.to === null) before.to = from;
    found.push({ key: `${found.length} ${kind}`, kind, attempt, from, to: null, open: false, note, entry });
  };
  for (entry of timeline) {
    const { event, at, fields } = entry;
    if (event === "TaskSubmitted") begin("route", at);
    else if (event === "RoutingDecision" && !fields.refusal)
      begin(fields.agent_id ? "queue" : "items", at, fields.agent_id ?? "");
    else if (event === "TaskAssigned" && fields.kind === "cancel") begin("cancel", at, fields.reason ?? "");
    else if (event === "TaskAssigned") {
      attempt = fields.attempt;
      begin("hand", at, fields.instance_id);
    } else if (event === "TaskProgress" && last()?.kind !== "run") {
      if (last()?.kind === "hand" && fields.attempt === attempt) begin("run", at, fields.instance_id);
    } else if (event === "TaskResult" && fields.kind !== "step") ended(fields, at);
    else if (event === "Evaluation")
      begin(fields.verdict === "redo" ? "redo" : "close", at, fields.reasons?.join("; ") ?? "");
    else if (event === "TaskOutcome") outcome(at);
  }
  if (last() && last().to === null) Object.assign(last(), { to: Math.max(nowUs, last().from), open: true });
  return found.filter((phase, i) => phase.kind !== "close" || i === 0 || phase.open || phase.to - phase.from >= 1000);

  function ended(result, at) {
    // Progress may be gone, or not come: the result tells of the start too.
    if (last()?.kind === "hand" && result.started_at) begin("run", result.started_at, result.instance_id);
    begin(result.kind === "completed" ? "judge" : "retry", at, result.error ?? "");
  }

  function outcome(at) {
    const before = last();
    if (!before || before.to !== null) return;
    before.to = Math.max(at, before.from);
    if (["retry", "redo"].includes(before.kind)) before.kind = "close";
  }
}

/** Where ticks stand on an axis so long, in ms: round ones, so many at most. */
export function ticksOf(lengthMs, most) {
  const rough = Math.max(lengthMs, 1) / Math.max(1, most);
  const steps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3,
    3600e3,
  ];
  const step = steps.find((one) => one >= rough) ?? 3600e3 * Math.ceil(rough / 3600e3);
  const ticks = [];
  for (let at = 0; at <= lengthMs; at += step) ticks.push(at);
  return ticks;
}

/** What came of each attempt: [{ attempt, instance, agent, from, to, result, judged, feedback, steps }]. */
export function attemptsOf(timeline) {
  const found = new Map();
  const of = (n) => found.get(n) ?? found.set(n, { attempt: n, steps: [] }).get(n);
  for (const { event, at, fields } of timeline) {
    if (event === "TaskAssigned" && fields.kind !== "cancel")
      Object.assign(of(fields.attempt), {
        instance: fields.instance_id,
        agent: fields.agent_id,
        given: at,
        feedback: fields.feedback,
      });
    else if (event === "TaskProgress" && fields.attempt) of(fields.attempt).from ??= at;
    else if (event === "TaskResult" && fields.kind === "step") of(fields.attempt).steps.push(...(fields.steps ?? []));
    else if (event === "TaskResult") {
      const one = of(fields.attempt);
      Object.assign(one, {
        result: fields,
        to: at,
        instance: fields.instance_id,
        agent: fields.agent_id,
        from: one.from ?? fields.started_at,
      });
      if (fields.steps?.length) one.steps = fields.steps;
    } else if (event === "Evaluation") of(fields.attempt).judged = fields;
  }
  return [...found.values()].sort((a, b) => a.attempt - b.attempt);
}

export const fieldsOf = (timeline, name) => timeline.find((entry) => entry.event === name)?.fields ?? null;
