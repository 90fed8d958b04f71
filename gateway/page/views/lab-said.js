/** What is said of scenarios and runs, in words and figures. Pure: no element, no request. */

import { cost, count, duration, number, percent } from "../format.js";

export const RATES_FOR = 200; // instances that the rates of a scenario are for
export const OVER = ["ended", "stopped", "failed"];
const DAY = 1440;

/** Simulated time: 40 s, 12 min, 4 h, 1 h 30 min, 3 d. */
export const simulated = (minutes) => duration(minutes * 60_000);

/** The state of a run: a tone and a word. */
export function stateOf({ state, targets, targets_held: held }) {
  if (state === "ended") return held === targets ? { tone: "good", word: "holds" } : { tone: "bad", word: "missed" };
  const tones = { waiting: "wait", running: "busy", stopped: "quiet", failed: "bad" };
  return { tone: tones[state] ?? "quiet", word: state };
}

/** The same of a whole run. */
export const stateOfRun = ({ state, report }) =>
  stateOf({ state, ...(report && { targets: report.targets.length, targets_held: held(report) }) });

/** Whether a target holds: a tone and a word. */
export const passed = (holds) => (holds ? { tone: "good", word: "PASS" } : { tone: "bad", word: "FAIL" });

export const held = (report) => report.targets.filter((target) => target.holds).length;

/** How far it is, 0–1. */
export const shareOf = ({ state, simulated_minutes: done }, minutes) =>
  state === "ended" ? 1 : minutes ? Math.min(1, done / minutes) : 0;

/** How long a run that goes on still takes [ms], as it went so far; null while nobody can say. */
export function leftMs(share, startedAt, nowUs) {
  const took = (nowUs - startedAt) / 1000;
  return startedAt && share > 0.02 && took > 2000 ? (took * (1 - share)) / share : null;
}

/** The whole number of tasks that a plan brings to so many instances, within its first minutes. */
export function tasksOf(plan, agents, minutes) {
  let left = minutes || Infinity;
  let sum = 0;
  for (const phase of plan.load) {
    const part = Math.max(0, Math.min(left, phase.minutes));
    sum += part * phase.per_minute;
    left -= part;
  }
  return Math.round((sum * agents) / RATES_FOR);
}

/** How long it may take, in a sentence. */
export function estimate(plan, agents, minutes, pace) {
  const tasks = tasksOf(plan, agents, minutes);
  const took = duration(Math.max(1, Math.round(1 + tasks / pace.tasks_per_s)) * 1000);
  const source = pace.measured ? "as the newest runs went" : "a guess, until runs here have told";
  return `${count(tasks, "task")}: about ${took} (${source}).`;
}

/** Where the load changes: { from, to, value } in minutes and tasks a minute, as far as it is run. */
export function stepsOf(plan, agents, minutes) {
  const end = Math.min(plan.minutes, minutes || Infinity);
  let from = 0;
  const steps = [];
  for (const phase of plan.load) {
    if (from >= end) break;
    const to = Math.min(end, from + phase.minutes);
    steps.push({ from, to, value: (phase.per_minute * agents) / RATES_FOR });
    from = to;
  }
  return steps;
}

const BANDS = 400; // of a fault that comes again and again, so many are drawn

/** When what is broken: { from, to, kind } in minutes. */
export function windowsOf(plan, minutes) {
  const end = Math.min(plan.minutes, minutes || Infinity);
  const found = [];
  for (const { kind, first_minutes: first, every_minutes: every, away_s: away } of plan.faults) {
    for (let n = 0, at = first; at < end && n < BANDS; n++, at = first + n * every) {
      found.push({ from: at, to: Math.min(end, at + away / 60), kind });
      if (!every) break;
    }
  }
  return found;
}

export const FAULTS = { kill: "hosts die", delay: "slow network", failover: "failover" };

export function faultInWords({ kind, first_minutes: first, every_minutes: every, away_s: away, ...how }) {
  const what = {
    kill: `${number(how.percent)} % of the hosts die`,
    delay: `each hop takes ${number(how.delay_ms)} ms longer`,
    failover: "the dispatchers fail over",
  }[kind];
  const again = every ? ` and every ${simulated(every)}` : "";
  return `${what ?? kind} after ${simulated(first)}${again}, for ${duration(away * 1000)}`;
}

/** Round moments on an axis of simulated minutes, at most so many, each with its words. */
export function moments(total, wanted) {
  const unit = total >= 2 * DAY ? [DAY, "d"] : total > 180 ? [60, "h"] : [1, "min"];
  const steps = [0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, DAY, 2 * DAY, 5 * DAY, 10 * DAY];
  const step = steps.find((one) => one >= unit[0] / 2 && total / one <= wanted) ?? total;
  const found = [];
  for (let at = 0; at <= total + 1e-9; at += step) found.push({ at, words: `${number(at / unit[0])} ${unit[1]}` });
  return found;
}

/** The course of a run as points: { minute, instances, waiting, running, completed (a minute) }. */
export function pointsOf(series) {
  if (!series) return [];
  const { step_minutes: step } = series;
  return series.completed.map((completed, n) => ({
    minute: (n + 1) * step,
    instances: series.instances[n],
    waiting: series.waiting[n],
    running: series.running[n],
    completed: completed / step,
  }));
}

const seconds = (value) => (value === null ? "–" : duration(value * 1000));
const plain = (value) => number(value);

/** The figures of a report that are told and compared: name, how it is written, which way is better (0: neither). */
export const FIGURES = [
  ["Tasks handed in", (r) => r.handed_in, plain, 0],
  ["Completed a minute, for 200 instances", (r) => r.throughput_per_minute, plain, 1],
  ["Wait to the start, half", (r) => r.wait_s.p50, seconds, -1],
  ["Wait, 99 of 100", (r) => r.wait_s.p99, seconds, -1],
  ["Wait, the longest", (r) => r.wait_s.max, seconds, -1],
  ["Wait of urgent tasks, 99 of 100", (r) => r.wait_s_by_priority["2"]?.p99 ?? null, seconds, -1],
  ["Slots in use", (r) => r.utilisation, percent, 0],
  ["Spread of load, worst agent", (r) => worst(r.spread_by_agent), percent, -1],
  ["Failed, of the accepted", (r) => r.errors, (value) => percent(value, 2), -1],
  ["Refused", (r) => r.refused, (value) => percent(value, 2), -1],
  ["Attempts after the first", (r) => r.attempts_again, plain, -1],
  ["Lost, doubled or left", (r) => r.lost + r.doubled + r.left, plain, -1],
  ["Dead hosts", (r) => r.kills, plain, 0],
  ["Work of dead hosts elsewhere, at most", (r) => r.recovery_s.max, seconds, -1],
  ["Instances, the most", (r) => r.instances.most, plain, 0],
  ["Changes of size", (r) => r.scalings_count, plain, 0],
  ["Cost", (r) => r.cost_usd_micros, cost, -1],
].map(([name, of, write, better]) => ({ name, of, write, better }));

const worst = (spreads) => {
  const all = Object.values(spreads);
  return all.length ? Math.max(...all) : null;
};

const MANIFOLD = 3; // from so many times the first on, a difference is told in times

/** What differs from the first, also whether it is better where that is `judged`; null where nothing differs. */
export function difference({ write, better }, first, other, judged) {
  if (first === null || other === null || first === other) return null;
  const sign = other > first ? "+" : "−";
  const words = !first
    ? `${sign}${write(Math.abs(other - first))}`
    : other / first >= MANIFOLD
      ? `${number(other / first)} times`
      : `${sign}${percent(Math.abs((other - first) / first))}`;
  if (!judged || !better) return { words, word: "", tone: "quiet" };
  const good = Math.sign(other - first) === better;
  return { words, word: good ? "better" : "worse", tone: good ? "good" : "bad" };
}

/** Whether two runs had the same to do, so that one can be called better. */
export const alike = (one, other) => JSON.stringify(loadOf(one)) === JSON.stringify(loadOf(other));
const loadOf = ({ plan }) => [plan?.load, plan?.faults, plan?.failures];

/** So far the course of a run is drawn [simulated min]. */
export const reachOf = ({ state, plan, simulated_minutes: done }) =>
  state === "ended" ? plan.minutes : Math.min(plan.minutes, Math.max(10, done));

/** The arguments of a run as people tell them apart. */
export function argumentsOf(asked, minutes) {
  return [
    count(asked.agents, "instance"),
    minutes && simulated(minutes),
    `seed ${asked.seed}`,
    asked.balancer?.replaceAll("_", " "),
    asked.scaling ? null : "no autoscaler",
    asked.quick && "quick",
  ].filter(Boolean);
}

/** The address where the same can be asked for again. */
export function again(asked) {
  const query = new URLSearchParams({ scenario: asked.text === null ? asked.scenario : "own", agents: asked.agents });
  query.set("seed", asked.seed);
  if (asked.minutes) query.set("minutes", asked.minutes);
  if (asked.balancer) query.set("balancer", asked.balancer);
  if (!asked.scaling) query.set("scaling", "off");
  if (asked.quick) query.set("quick", "on");
  return `/lab?${query}`;
}
