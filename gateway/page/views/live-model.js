/** What the live view knows: the boards of the last minutes, and the newest tasks. No document, bounded memory. */

export const SPAN_MS = 15 * 60_000;
export const MINUTE_MS = 60_000;
export const REACH_MS = 360 * MINUTE_MS;
const STEP_MS = 5000;
const OPEN_MAX = 3000;
const ENDED_MAX = 50;

const ENDS = { task_completed: "completed", task_cancelled: "cancelled", task_failed: "failed" };

/** The newest board; those of the last fifteen minutes, a point for each five seconds; of six hours one a minute. */
export class History {
  constructor() {
    this.points = [];
    this.minutes = [];
    this.board = null;
    this.heardAt = null; // by this browser's clock [ms]
  }

  /** As the gateway tells it: rows in the order of `columns`. */
  reset(told, board) {
    this.points = pointsOf(told);
    if (board) this.add(board);
  }

  /** Further back than what is known; a gateway that began anew may know less than this page. */
  reach(told) {
    const found = pointsOf(told);
    const first = found[0]?.at ?? Infinity;
    this.minutes = [...this.minutes.filter((point) => point.at < first - MINUTE_MS / 2), ...found];
  }

  /** The points of the last so many milliseconds, as close as they are known: each tells of the minute before it. */
  within(span) {
    if (span <= SPAN_MS || !this.points.length) return this.points;
    const first = this.points[0].at;
    return [...this.minutes.filter((point) => point.at < first), ...this.points];
  }

  /** The newest point stands for itself until five seconds have passed. */
  add(board) {
    const { wait_ms: waits, machine, at } = board;
    this.board = board;
    this.heardAt = Date.now();
    const share = (name) => waits?.[name] ?? null;
    const shares = { wait_p50_ms: share("p50"), wait_p90_ms: share("p90"), wait_p99_ms: share("p99") };
    const point = { ...board, ...shares, ...machine, at: at / 1000 };
    const { points } = this;
    if (points.length > 1 && points.at(-1).at - points.at(-2).at < STEP_MS) points.pop();
    points.push(point);
    while (points[0].at < point.at - SPAN_MS - 2 * STEP_MS) points.shift();
    this.#keepMinute(point);
  }

  #keepMinute(point) {
    const { minutes } = this;
    if (minutes.length && point.at - minutes.at(-1).at < MINUTE_MS) return;
    minutes.push(point);
    while (minutes[0].at < point.at - REACH_MS - 2 * MINUTE_MS) minutes.shift();
  }

  /** What time it is at the gateway [ms], as far as that is known here. */
  get now() {
    return this.board === null ? Date.now() : this.board.at / 1000 + (Date.now() - this.heardAt);
  }

  /** The most of something in the time that is known. */
  peak(name) {
    return this.points.reduce((most, point) => Math.max(most, point[name] ?? 0), 0);
  }
}

const pointsOf = ({ columns, points }) =>
  points.map((row) => {
    const point = Object.fromEntries(columns.map((name, n) => [name, row[n] ?? null]));
    return { ...point, at: point.at / 1000 };
  });

/** The tasks that run, and those that ended last. */
export class Tasks {
  constructor() {
    this.open = new Map(); // by tenant and id, in the order in which they were heard of
    this.ended = []; // the newest first
    this.fresh = 0; // attempts begun since the view counted
  }

  reset(rows) {
    this.open.clear();
    this.ended = [];
    for (const row of [...rows].reverse()) {
      const task = { ...row, key: keyOf(row) };
      if (row.finished_at === null) this.open.set(task.key, task);
      else this.ended.unshift(task);
    }
    this.ended.sort((a, b) => b.finished_at - a.finished_at).splice(ENDED_MAX);
  }

  hear({ event, session_id, data, timestamp, progress }) {
    if (!(event in ENDS || event in CHANGE)) return;
    const key = keyOf(data);
    const task = this.open.get(key) ?? this.#begin(key, data, session_id);
    if (event in ENDS) this.#end(task, event, data);
    else CHANGE[event](task, data, timestamp, progress, this);
  }

  /** The newest that are with an agent. */
  running(count, but = () => false) {
    const found = [];
    for (const task of this.open.values()) if (atWork(task) && !but(task)) found.push(task);
    return found.sort((a, b) => b.started_at - a.started_at).slice(0, count);
  }

  #begin(key, { task_id, tenant_id }, session_id) {
    const task = { key, task_id, tenant_id, session_id, state: "submitted", text: "" };
    Object.assign(task, { progress: null, started_at: null, finished_at: null });
    this.open.set(key, task);
    if (this.open.size > OPEN_MAX) this.open.delete(this.open.keys().next().value);
    return task;
  }

  #end(task, event, data) {
    this.open.delete(task.key);
    const { finished_at, submitted_at, quality, error, cost_usd_micros, agent_id, instance_id } = data;
    Object.assign(task, { finished_at, submitted_at, quality, error, cost_usd_micros });
    Object.assign(task, { agent_id: agent_id ?? task.agent_id, instance_id: instance_id ?? task.instance_id });
    task.started_at ??= data.started_at;
    task.state = data.status ?? ENDS[event];
    this.ended.unshift(task);
    if (this.ended.length > ENDED_MAX) this.ended.pop();
  }
}

const CHANGE = {
  task_submitted(task, { text }, at) {
    Object.assign(task, { text: text.slice(0, 200), submitted_at: at, state: "submitted" });
  },
  task_queued(task, { agent_id, skill }) {
    Object.assign(task, { agent_id, skill, state: "queued" });
  },
  task_moved(task, { agent_id }) {
    if (["submitted", "queued", "waiting to retry"].includes(task.state)) Object.assign(task, { agent_id, state: "queued" });
  },
  agent_assigned(task, { agent_id, instance_id, attempt, skill }) {
    Object.assign(task, { agent_id, instance_id, attempt, skill: skill ?? task.skill, state: "assigned" });
  },
  task_started(task, { agent_id, instance_id, attempt }, at, progress, tasks) {
    Object.assign(task, { agent_id, instance_id, attempt, started_at: at, progress: 0, state: "running" });
    tasks.fresh += 1;
  },
  progress_update(task, { agent_id, instance_id }, at, progress) {
    Object.assign(task, { agent_id, instance_id, progress: progress ?? task.progress, state: "running" });
    task.started_at ??= at;
  },
  attempt_ended(task, { kind }) {
    task.state = kind === "completed" ? "judged" : "waiting to retry";
  },
  task_evaluated(task, { verdict }) {
    task.state = verdict === "redo" ? "waiting to retry" : "judged";
  },
  task_cancelling(task) {
    task.state = "cancelling";
  },
};

const AT_WORK = new Set(["running", "cancelling", "judged"]);
export const atWork = (task) => task.started_at !== null && AT_WORK.has(task.state);

const keyOf = ({ tenant_id, task_id }) => `${tenant_id} ${task_id}`;
