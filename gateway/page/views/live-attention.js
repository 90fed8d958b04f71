/** What is wrong, in words, each with one step to take. Rules only: what they are given is what they know. */

import { count, cost, duration, number, percent, time } from "../format.js";
import { ERROR_LIMIT, WAIT_LIMIT_MS } from "./live-charts.js";

export const MEAN_LIMIT_MS = 30_000;
export const QUEUE_LIMIT = 0.8;
export const ENOUGH_ENDED = 10; // below it a share of errors says little
const STALE_MS = 5000;
const BUSY_PERCENT = 90;
const NAMED_MAX = 3;
const LOOK_AT_AGENTS = "Look at the agents";

const tasks = (filter) => `/tasks?${new URLSearchParams(filter)}`;
const finding = (key, tone, text, label, href = null) => ({ key, tone, text, step: { label, href } });

/**
 * `board`: the newest; `age_ms`: how old it is; `live`: the state of the connection; `targets`: instances wanted by
 * agent; `pools`: the newest status of each; `points`: the charts'; `cap`: micro-dollars a day, or null.
 */
export function findings(seen) {
  return RULES.flatMap((rule) => rule(seen) ?? []);
}

/** How a figure of the board stands: "", "warn" or "bad". */
export const tones = {
  instances: ({ instances }, target) => (target && instances === 0 ? "bad" : instances < target ? "warn" : ""),
  queue: ({ waiting, waiting_max }) => level(waiting_max ? waiting / waiting_max : 0, QUEUE_LIMIT, 0.95),
  waits: ({ wait_ms, mean_wait_ms }) =>
    wait_ms?.p99 > WAIT_LIMIT_MS ? "bad" : mean_wait_ms > MEAN_LIMIT_MS ? "warn" : "",
  errors: (board) => (board.error_rate > ERROR_LIMIT && endedIn(board) >= ENOUGH_ENDED ? "bad" : ""),
  cost: ({ cost_usd_micros_today: spent }, cap) => (cap ? level(spent / cap, 0.8, 1) : ""),
};

const level = (share, warn, bad) => (share >= bad ? "bad" : share >= warn ? "warn" : "");
export const endedIn = ({ ended_per_s, window_s }) => Math.round(ended_per_s * window_s);

function connection({ live, board, age_ms }) {
  if (live.state === "stale") {
    const since = time(live.since * 1000);
    const text = `The gateway hears nothing from Kafka since ${since}. What you see is as it was then.`;
    return finding("stale", "bad", text, "headway status");
  }
  if (live.state === "live" && board && age_ms > STALE_MS) {
    const text = `The board is ${duration(age_ms)} old: the gateway is busy, or the way to it is slow.`;
    return finding("silent", "warn", text, "headway status");
  }
  return null;
}

/** Tasks that come in and are nowhere: whoever should choose an agent for them does not. */
function stuck({ board }) {
  if (!board || board.window_s < 30 || board.submitted_per_s * board.window_s < ENOUGH_ENDED) return null;
  if (board.ended_per_s > 0 || board.running > 0) return null;
  const n = Math.round(60 * board.submitted_per_s);
  const coming = `${count(n, "task")} a minute ${n === 1 ? "comes" : "come"} in`;
  if (!board.waiting) {
    const text = `${coming}, and none of them gets as far as a queue: the router does not work.`;
    return finding("stuck", "bad", text, "headway logs router-0");
  }
  const text = `${coming}, ${number(board.waiting)} ${board.waiting === 1 ? "waits" : "wait"}, and no agent takes one.`;
  return finding("stuck", "bad", text, "headway status");
}

function unmanned({ pools, targets }) {
  const wanted = (pool) => !pool.removed && (targets === null || targets.get(pool.agent_id) > 0);
  const found = pools.filter((pool) => pool.instances === 0 && wanted(pool));
  if (!found.length) return null;
  const waiting = found.reduce((sum, pool) => sum + pool.waiting, 0);
  const waits = waiting ? ` ${count(waiting, "task")} wait${waiting === 1 ? "s" : ""}.` : "";
  const tone = waiting ? "bad" : "warn";
  const names = some(found.map((pool) => pool.pool));
  const many = `${names} have no instance at all.${waits}`;
  if (found.length > 1) return finding("unmanned", tone, many, LOOK_AT_AGENTS, "/agents");
  const href = `/agents/${encodeURIComponent(found[0].agent_id)}`;
  return finding("unmanned", tone, `${names} has no instance at all.${waits}`, "Look at the agent", href);
}

/** Tasks that nobody will take: the queue of an agent outlives it. */
function left({ pools }) {
  const found = pools.filter((pool) => pool.removed && pool.waiting);
  return found.slice(0, NAMED_MAX).map(({ pool, agent_id, waiting }) => {
    const text = `${pool} is removed; ${count(waiting, "task")} ${waiting === 1 ? "waits" : "wait"} in its queue.`;
    return finding(`left ${pool}`, "bad", text, "See what waits", tasks({ state: "queued", agent: agent_id }));
  });
}

/** Those that have some of their instances, not all. */
function missing({ board, targets, pools }) {
  if (!board || targets === null) return null;
  const target = [...targets.values()].reduce((sum, one) => sum + one, 0);
  const wanted = (pool) => targets.get(pool.agent_id) ?? 0;
  const unmanned = pools.filter((pool) => pool.instances === 0).reduce((sum, pool) => sum + wanted(pool), 0);
  const lacking = target - board.instances - unmanned;
  if (lacking <= 0) return null;
  const short = pools.filter((pool) => pool.instances && pool.instances < wanted(pool));
  const by = short.map((pool) => `${pool.pool} has ${pool.instances} of ${wanted(pool)}`);
  const named = by.length ? `: ${some(by)}` : "";
  const text = `${number(lacking)} of ${number(target)} instances are missing${named}.`;
  return finding("missing", tones.instances(board, target), text, LOOK_AT_AGENTS, "/agents");
}

/** The first few of them, in words. */
function some(names) {
  const left = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(", ") + (left > 0 ? ` and ${number(left)} more` : "");
}

function silent({ board }) {
  const hosts = board?.workers?.filter((host) => host.instances === 0) ?? [];
  return hosts.slice(0, NAMED_MAX).map(({ host_id, heard_at, most }) => {
    const text = `${host_id} is silent since ${time(heard_at)}. It had ${count(most, "instance")}.`;
    return finding(`host ${host_id}`, "warn", text, "headway logs executor-0");
  });
}

function queue({ board, pools }) {
  const fill = (pool) => pool.waiting / pool.waiting_max;
  const full = pools.filter((pool) => pool.waiting && fill(pool) >= QUEUE_LIMIT).sort((a, b) => fill(b) - fill(a));
  if (full.length) {
    const held = full.map((pool) => `${pool.pool} (${number(pool.waiting)} of ${number(pool.waiting_max)})`);
    const text = `${full.length === 1 ? "The queue" : "The queues"} of ${some(held)} will soon refuse tasks.`;
    const filter = full.length === 1 ? { state: "queued", agent: full[0].agent_id } : { state: "queued" };
    return finding("queue", tones.queue(full[0]), text, "See what waits", tasks(filter));
  }
  const tone = board && tones.queue(board);
  if (!tone) return null;
  const text = `The queues are ${percent(board.waiting / board.waiting_max, 0)} full.`;
  return finding("queue", tone, text, "See what waits", tasks({ state: "queued" }));
}

function waits({ board }) {
  const tone = board && tones.waits(board);
  if (!tone) return null;
  const late = `One task in a hundred waits more than ${duration(board.wait_ms.p99)} for its start`;
  const slow = `Tasks wait ${duration(board.mean_wait_ms)} for their start on average`;
  const [what, limit] = tone === "bad" ? [late, WAIT_LIMIT_MS] : [slow, MEAN_LIMIT_MS];
  return finding("waits", tone, `${what}; up to ${duration(limit)} is normal.`, "See the waits", "/?chart=waits");
}

function errors({ board, pools }) {
  if (!board || !tones.errors(board)) return null;
  const worst = pools.filter((pool) => pool.failed > 0).sort((a, b) => b.error_rate - a.error_rate)[0];
  const most = worst ? ` Most of late at ${worst.pool}.` : "";
  const failed = `${percent(board.error_rate)} of the tasks of the last minute failed`;
  const text = `${failed}; up to ${percent(ERROR_LIMIT)} is borne.${most}`;
  return finding("errors", "bad", text, "See what went wrong", tasks({ state: "went_wrong" }));
}

function spending({ board, cap }) {
  const tone = board && tones.cost(board, cap);
  if (!tone) return null;
  const over = `Today's cap of ${cost(cap)} is spent; agents that cost money wait for tomorrow (UTC).`;
  const near = `${cost(board.cost_usd_micros_today)} of today's ${cost(cap)} is spent.`;
  return finding("cost", tone, tone === "bad" ? over : near, "See the cost", "/?chart=cost");
}

/** For half a minute, not for a moment. */
function machine({ points }) {
  const lately = points.slice(-7);
  const always = (name) => lately.length === 7 && lately.every((point) => point[name] > BUSY_PERCENT);
  const found = [];
  const tell = (key, text) => found.push(finding(key, "warn", text, "See the machine", "/?chart=machine"));
  const over = `over ${BUSY_PERCENT} % for half a minute`;
  if (always("cpu_percent")) tell("cpu", `The processor of the gateway's machine has been busy ${over}.`);
  if (always("memory_percent")) tell("memory", `The memory of the gateway's machine has been in use ${over}.`);
  return found;
}

const RULES = [connection, stuck, unmanned, left, missing, silent, queue, waits, errors, spending, machine];
