/** What a list of tasks is filtered by: in the address, as the API takes it, and as a check of one row. Pure. */

export const FIELDS = [
  "text",
  "state",
  "agent",
  "skill",
  "tenant",
  "session",
  "parent",
  "priority",
  "cost_min",
  "since",
  "until",
];
export const ENDED = ["completed", "failed", "cancelled", "expired", "dead_lettered", "refused"];
export const WENT_WRONG = ["failed", "expired", "dead_lettered", "refused"];
export const STATES = [
  ...["open", "went_wrong"], // each stands for several
  ...["submitted", "queued", "delayed", "running", "joining", "cancelling"],
  ...ENDED,
];
export const RANGES = { "15m": "15 minutes", "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days" };

const UNIT_US = { s: 1e6, m: 60e6, h: 3600e6, d: 86400e6 };

export const hasEnded = (row) => ENDED.includes(row.state);

function isAskedFor(row, state) {
  if (state === "open") return !hasEnded(row);
  return state === "went_wrong" ? WENT_WRONG.includes(row.state) : !state || row.state === state;
}

/** The part of a query that filters; the rest is none of the list's. */
export const filterOf = (query) =>
  Object.fromEntries(FIELDS.filter((name) => query[name]).map((name) => [name, query[name]]));

export const sameFilter = (a, b) => FIELDS.every((name) => (a[name] ?? "") === (b[name] ?? ""));

/** `1h` is an hour ago; else whole microseconds, or a moment in ISO 8601. NaN for what is none of them. */
export function moment(given, nowUs) {
  const span = /^(\d+)([smhd])$/.exec(given);
  if (span) return nowUs - Number(span[1]) * UNIT_US[span[2]];
  if (/^\d{12,}$/.test(given)) return Number(given);
  return Date.parse(given) * 1000;
}

/** As the API takes it: moments become microseconds; what is no moment goes as it is, for the API to say so. */
export function asked(filter, nowUs) {
  const wanted = { ...filter };
  for (const name of ["since", "until"]) {
    const at = filter[name] ? moment(filter[name], nowUs) : NaN;
    if (!Number.isNaN(at)) wanted[name] = String(Math.round(at));
  }
  if (filter.cost_min) wanted.cost_min = String(Math.round(Number(filter.cost_min) * 1e6));
  return wanted;
}

/** Whether a row is one of the list. */
export function matches(filter, row, nowUs) {
  const same = (name, value) => !filter[name] || String(value ?? "") === filter[name];
  const words = filter.text?.toLowerCase();
  return (
    isAskedFor(row, filter.state) &&
    same("agent", row.agent_id) &&
    same("skill", row.skill) &&
    same("tenant", row.tenant_id) &&
    same("session", row.session_id) &&
    same("parent", row.parent_id) &&
    same("priority", row.priority) &&
    (!filter.cost_min || row.cost_usd_micros >= Number(filter.cost_min) * 1e6) &&
    (!filter.since || row.submitted_at >= moment(filter.since, nowUs)) &&
    (!filter.until || row.submitted_at < moment(filter.until, nowUs)) &&
    (!words || row.text.toLowerCase().includes(words) || row.task_id.startsWith(filter.text))
  );
}

/** Changes a row by a live message; states are named as in the API's lists. Whether anything is other now. */
export function fold(row, { event, data, timestamp, progress, session_id }) {
  const change = CHANGES[event]?.(data, timestamp, row, progress, session_id);
  if (!change) return false;
  const other = Object.entries(change).some(([name, value]) => value !== undefined && row[name] !== value);
  for (const [name, value] of Object.entries(change)) if (value !== undefined) row[name] = value;
  return other;
}

const ended = (data) => ({
  state: data.status,
  agent_id: data.agent_id ?? undefined,
  submitted_at: data.submitted_at,
  started_at: data.started_at,
  finished_at: data.finished_at,
  attempts: data.attempts,
  quality: data.quality,
  cost_usd_micros: data.cost_usd_micros,
  parent_id: data.parent_id,
  error: data.error,
  progress: null,
});

const CHANGES = {
  task_submitted: (data, at, row, _, session_id) => ({
    state: row.state ?? "submitted",
    session_id,
    text: data.text,
    items: data.items,
    priority: data.priority,
    agent_id: row.agent_id ?? data.agent_id,
    skill: row.skill ?? data.skill,
    parent_id: data.parent_id,
    redrive_of: data.redrive_of,
    submitted_at: at,
  }),
  task_queued: (data) => ({ state: data.agent_id ? "queued" : "joining", agent_id: data.agent_id, skill: data.skill }),
  task_moved: (data, at, row) => (row.state === "running" ? {} : { state: "queued", agent_id: data.agent_id }),
  agent_assigned: (data) => ({ state: "running", agent_id: data.agent_id, attempts: data.attempt, progress: null }),
  task_started: (data, at, row) => ({ state: "running", started_at: row.started_at ?? at, progress: null }),
  progress_update: (data, at, row, progress) => ({ progress: progress ?? undefined }),
  attempt_ended: (data) => (data.kind === "completed" ? {} : { state: "delayed", error: data.error, progress: null }),
  task_evaluated: (data) => ({ quality: data.quality }),
  task_cancelling: () => ({ state: "cancelling" }),
  task_completed: ended,
  task_failed: ended,
  task_cancelled: ended,
};

/** A row of which nothing is known yet but the first live message. */
export const blank = ({ data, session_id }) => ({
  task_id: data.task_id,
  tenant_id: data.tenant_id,
  session_id,
  parent_id: null,
  redrive_of: null,
  text: null,
  items: 0,
  priority: null,
  submitted_at: null,
  agent_id: null,
  skill: null,
  state: undefined,
  started_at: null,
  finished_at: null,
  attempts: 0,
  quality: null,
  cost_usd_micros: 0,
  error: null,
});
