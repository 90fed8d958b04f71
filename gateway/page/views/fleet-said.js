/** What is known of hosts, agents, decisions and schedules, in words. Pure: no element, no request. */

import { count, duration, number, time } from "../format.js";

/** How long ago, in whole seconds, then minutes: what is told each second need not flicker. */
export function ago(us) {
  const seconds = Math.floor((Date.now() - us / 1000) / 1000);
  if (seconds < 3) return "just now";
  return `${duration(1000 * (seconds < 60 ? seconds : seconds - (seconds % 60)))} ago`;
}

// --- hosts

const STATES = {
  open: ["good", ""],
  cordoned: ["warn", "nothing new starts"],
  draining: ["busy", ""],
  drained: ["quiet", "may be stopped"],
  stopping: ["busy", "ends by itself"],
  silent: ["bad", "its work went to others"],
};
/** The most urgent first. */
export const HOST_STATES = ["silent", "cordoned", "draining", "stopping", "drained", "open"];

/** How a host is, as a tone and a word, with what that means; `most`: what it had in hand when it began to drain. */
export function hostState({ state, running, instances }, most = 0) {
  const [tone, means] = STATES[state] ?? ["quiet", ""];
  if (state !== "draining") return { tone, word: state, means, left: null };
  const said = running
    ? `${number(running)} of ${count(Math.max(most, running), "attempt")} left`
    : `gives ${count(instances, "instance")} away`;
  return { tone, word: state, means: said, left: running / Math.max(most, running, 1) };
}

/** What may be asked of a host now; one that rests has a reason. */
export function actsOn({ state, reason }) {
  if (state === "cordoned") return ["Open", "Drain"];
  if (state === "draining" || state === "drained" || reason) return ["Open"];
  return ["Drain", "Cordon"];
}

export const ACTS = {
  Drain: { state: "drained", did: (id) => `${id} gives its instances away and finishes what it has.` },
  Cordon: { state: "cordoned", did: (id) => `${id} starts nothing new.` },
  Open: { state: "open", did: (id) => `${id} works again.` },
};

/** What an act will do, as a question; `hosts`: all there are, for the work has to go somewhere. */
export function effectOf(act, host, hosts) {
  const { host_id: id, zone, state } = host;
  const others = hosts.some((one) => one.host_id !== id && one.state === "open" && one.zone === zone);
  const none = zone ? `No other host of zone ${zone} is open` : "No other host is open";
  const alone = others ? "" : ` ${none}: new work waits until one is.`;
  const here = count(host.instances, "instance");
  const hand = host.running ? `the ${count(host.running, "attempt")} it has in hand` : "what it has in hand";
  if (act === "Open")
    return state === "cordoned"
      ? `Open ${id}? Its instances get new tasks again, at once.`
      : `Open ${id}? It takes its share of the instances again within seconds.`;
  if (act === "Cordon") {
    const keeps = `It keeps its ${here} and finishes ${hand}; nothing new starts there until it is opened.`;
    return `Cordon ${id}? ${keeps}${alone}`;
  }
  if (state === "silent") return `Drain ${id}? It is silent; should it come back, it stays empty until it is opened.`;
  const empty = "It stays empty until it is opened, also after a restart.";
  const gives = others ? `Others take over its ${here} within seconds, and it` : `It gives its ${here} up and`;
  return `Drain ${id}? ${gives} finishes ${hand}, however long that takes. ${empty}${alone}`;
}

export const heard = ({ heard_at }) => (heard_at === null ? "never" : ago(heard_at));

// --- agents

/** How many are asked for, and by whom. */
export function askedFor({ asked, instances, runner }) {
  if (runner === "external") return "programs of yours: as many as you start";
  if (!asked) return `${number(instances)}, as its file says`;
  const why = asked.reason ? `: ${asked.reason}` : "";
  return `${number(instances)}, by ${asked.by} ${ago(asked.at)}${why}`;
}

/** The instances that get no work, with why; the first two of many. */
export function illnessOf(ill) {
  const said = ill
    .slice(0, 2)
    .map(({ instance_id, since_at, reason }) => `${instance_id} is left out since ${time(since_at)}: ${reason}`);
  if (ill.length > 2) said.push(`${number(ill.length - 2)} more are left out`);
  return said.join("; ");
}

/** The words of an agent's trouble, which are counted and may be filtered by. */
export function troublesOf(agent) {
  const { instances, instances_live: live, ill, waiting } = agent;
  const found = [];
  if (live < instances) found.push("missing");
  if (ill.length) found.push("ill");
  if (waiting) found.push("waiting");
  if (!instances) found.push("off");
  return found;
}
export const TROUBLES = ["missing", "ill", "waiting", "off"];

const lack = ({ instances, instances_live: live }) => Math.max(0, instances - live);
const SORTED = {
  name: () => 0,
  need: (a, b) => lack(b) - lack(a) || b.ill.length - a.ill.length || b.waiting - a.waiting,
  waiting: (a, b) => b.waiting - a.waiting,
  load: (a, b) => b.load_score - a.load_score,
};
export const AGENT_SORTS = { name: "name", need: "need", waiting: "what waits", load: "load" };
/** What an address asks for is one of these orders, or it is by name. */
export const orderOf = (asked) => (Object.hasOwn(AGENT_SORTS, asked) ? asked : "name");
export const sorted = (agents, by) => [...agents].sort((a, b) => SORTED[orderOf(by)](a, b) || byName(a, b));
const byName = (a, b) => names.compare(a.agent_id, b.agent_id);

/** What is asked when an agent is to have another size. */
export function sizeQuestion({ agent_id: id, instances, instances_live: live }, mode) {
  const has = `It has ${number(live)} of ${count(instances, "instance")} asked for.`;
  const then = "More are there within a second or two; with fewer, what runs on those that go is finished first.";
  const hour = mode === "on" ? " The autoscaler leaves it so for an hour." : "";
  return `How many instances shall ${id} have? ${has} ${then}${hour}`;
}

/** Where the number is to hold. A zone brings the number that it has, and none where that is not known. */
export function zoneChoices({ instances, asked }, zones) {
  const now = new Map(asked?.zones.map((one) => [one.zone, one.instances]));
  const has = (zone) => (now.has(zone) ? `, which has ${number(now.get(zone))}` : "");
  const each = zones.map(({ zone }) => [
    zone,
    `in zone ${zone}${has(zone)}; the others stay`,
    { instances: now.get(zone) ?? "" },
  ]);
  return [[EVERYWHERE, "spread over all zones", { instances }], ...each];
}
export const EVERYWHERE = "*";

export function offQuestion({ agent_id: id, waiting }) {
  const now = waiting ? ` ${count(waiting, "task")} ${waiting === 1 ? "waits" : "wait"} now.` : "";
  return `Switch ${id} off? Without instances its tasks wait, and the router prefers others.${now}`;
}

// --- the autoscaler, schedules, orchestrators

export const MODES = {
  off: ["off", "The autoscaler is off; scaling = dry_run or on in headway.toml starts it."],
  dry_run: ["dry run", "A dry run: the autoscaler says what it would do, and changes nothing before scaling = on."],
  on: ["on", "The autoscaler changes sizes by itself; what a person asks for stays for an hour."],
};

/** When a schedule runs next, and how long that is. */
export function nextRun({ definition, next_due_at: next }) {
  if (!definition.enabled) return { at: "paused", left: "" };
  if (next === null) return { at: "never", left: "its times never come" };
  const left = Math.ceil((next / 1000 - Date.now()) / 1000);
  return { at: time(next), left: left > 0 ? `in ${duration(1000 * left)}` : "due" };
}

export function runQuestion({ definition: { schedule } }) {
  const what = "A task is handed in besides those that are due; an agent works on it, which may cost money.";
  return `Run ${schedule} now? ${what}`;
}

export function switchQuestion({ definition: { schedule, enabled }, when }) {
  return enabled
    ? `Pause ${schedule}? It does not run until it is resumed, and what is due meanwhile is not made up for.`
    : `Resume ${schedule}? It runs by itself from then on (${when}), which may cost money.`;
}

const STATUSES = { active: "good", sleeping: "quiet", terminated: "bad" };
export function orchestratorState({ status, ended }) {
  return { tone: ended === "stopped" ? "quiet" : (STATUSES[status] ?? "quiet"), word: ended || status };
}
const HEALTHS = { healthy: "good", degraded: "warn", unhealthy: "bad" };
export const healthTone = ({ health_status: health }) => ({ tone: HEALTHS[health] ?? "quiet", word: health });

// --- looking for some of many

/** host-2 before host-10 */
const names = new Intl.Collator("en", { numeric: true });
export const byHost = (a, b) => names.compare(a.host_id, b.host_id);

/**
 * Those of whose words each one of the filter is a part. One of `states`, as the chips have them, is meant as a whole:
 * it finds those that `statesOf` says it of, so that `ill` finds no `billing`.
 */
export function filtered(rows, find, wordsOf, states = [], statesOf = () => []) {
  const wanted = (find ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return rows;
  return rows.filter((row) => {
    const said = wordsOf(row).join(" ").toLowerCase();
    return wanted.every((word) => (states.includes(word) ? statesOf(row).includes(word) : said.includes(word)));
  });
}
