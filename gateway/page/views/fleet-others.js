/** What the autoscaler decided, the schedules, and the orchestrators: a part of the view each. */

import { post } from "../api.js";
import { h, say } from "../dom.js";
import { number, percent, time } from "../format.js";
import { badge, empty, sure, toast } from "../ui.js";
import { sayHealth } from "./agents-rows.js";
import * as said from "./fleet-said.js";
import { Table, buttons, cell, named, two } from "./fleet-table.js";

const link = (href, text) => h("a", { class: "name", href }, text);
const plain = (text) => h("span", { class: "name" }, text);
const marked = (stateOf) => {
  const mark = h("span", { class: "badge" });
  return cell(mark, (row) => sayHealth(mark, stateOf(row)));
};

export function decisions(sources) {
  const about = h("p", { class: "quiet lead" });
  const agentCell = ({ agent_id: id }) =>
    cell(id ? link(`/agents/${encodeURIComponent(id)}`, id) : h("span", {}, "the fleet"), () => {});
  const done = ({ applied, before, after }) =>
    before === after
      ? { tone: "warn", word: "nothing, see why" }
      : applied ? { tone: "good", word: "carried out" } : { tone: "quiet", word: "dry run" };
  const table = new Table({
    label: "Decisions of the autoscaler",
    what: "decisions",
    keyOf: (decision) => decision.event_id,
    columns: [
      { key: "agent", label: "Agent", make: agentCell },
      { key: "at", label: "When", make: () => two(({ at }) => time(at), ({ at }) => said.ago(at)) },
      { key: "size", label: "Instances", text: ({ before, after }) => `${number(before)} → ${number(after)}` },
      { key: "done", label: "What was done", make: () => marked(done) },
      { key: "score", label: "Score", num: true, text: ({ score }) => score.toFixed(2) },
      { key: "why", label: "Why", wide: true, text: ({ reason }) => reason || "–" },
    ],
  });
  const element = h("div", { class: "stack" }, about, table.element);

  function show(find) {
    const { mode = "off", decisions: all = [] } = sources.by.scaling.told ?? {};
    say(about, said.MODES[mode][1]);
    const words = (one) => [one.agent_id, one.reason, done(one).word];
    const found = said.filtered(all, find, words);
    table.show(found);
    return { element, all: all.length, found: found.length, counts: [] };
  }
  const none = () =>
    empty(
      `The autoscaler has decided nothing of late. ${said.MODES[sources.by.scaling.told?.mode ?? "off"][1]}`,
      h("p", {}, "It writes down each change of a size, with its reason."),
    );
  return { show, none, step: (by) => table.step(by), source: sources.by.scaling };
}

const ADD = "headway schedules add NAME --file FILE";

export function schedules(sources, admin) {
  const again = () => sources.by.schedules.again();
  const table = new Table({
    label: "Schedules",
    what: "schedules",
    keyOf: ({ definition }) => definition.schedule,
    columns: [
      {
        key: "subject",
        label: "Schedule",
        make: ({ definition }) => named(plain(definition.schedule), (one) => one.definition.description),
      },
      { key: "when", label: "Runs", text: ({ when }) => when },
      { key: "next", label: "Next", make: () => two((one) => said.nextRun(one).at, (one) => said.nextRun(one).left) },
      { key: "last", label: "Last run", make: lastRun },
      { key: "over", label: "Passed over", num: true, text: (one) => number(one.passed_over) },
      { key: "acts", label: " What can be done", make: (one) => leading(one.definition.schedule, sources, again) },
    ],
  });

  function show(find) {
    const all = sources.by.schedules.told?.schedules ?? [];
    const states = ({ definition }) => (definition.enabled ? [] : ["paused"]);
    const words = (one) => [one.definition.schedule, one.definition.description, ...states(one)];
    const found = said.filtered(all, find, words, ["paused"], states);
    table.show(found);
    const paused = all.filter(({ definition }) => !definition.enabled).length;
    return { element: table.element, all: all.length, found: found.length, counts: [["paused", paused]] };
  }
  const none = () =>
    admin
      ? empty("There is no schedule.", h("p", {}, "To add one: ", h("code", {}, ADD)))
      : empty("Schedules are for admins: what one hands in is some tenant's work.");
  return { show, none, step: (by) => table.step(by), source: admin ? sources.by.schedules : null };
}

/** The newest run, with what became of it. */
function lastRun() {
  const box = h("div");
  let drawn = null;
  return cell(box, ({ runs: [last] }) => {
    const sign = last && `${last.task_id} ${last.status}`;
    if (sign === drawn) return;
    drawn = sign;
    if (!last) return box.replaceChildren("none yet");
    const href = `/tasks/${encodeURIComponent(last.task_id)}`;
    const at = h("a", { href, aria: { label: `Task of ${time(last.submitted_at)}` } }, time(last.submitted_at));
    const by = last.by ? ` by ${last.by}` : "";
    const error = last.error ? h("span", { class: "about quiet" }, last.error) : "";
    box.replaceChildren(badge(last.status ?? "running"), " ", at, by, error);
  });
}

function leading(name, sources, again) {
  const at = `/api/schedules/${encodeURIComponent(name)}`;
  const one = () => sources.by.schedules.told.schedules.find(({ definition }) => definition.schedule === name);
  const run = async () => {
    if (!(await sure(said.runQuestion(one()), "Run now"))) return;
    const { task_id } = await post(`${at}/run`);
    toast(`Handed in as ${task_id}.`);
    await again();
  };
  const turn = async (label) => {
    if (!(await sure(said.switchQuestion(one()), label))) return;
    await post(`${at}/${label.toLowerCase()}`);
    toast(label === "Pause" ? `${name} is paused.` : `${name} runs again.`);
    await again();
  };
  const wanted = ({ definition }) => ["Run now", definition.enabled ? "Pause" : "Resume"];
  return buttons(name, wanted, (label) => (label === "Run now" ? run() : turn(label)));
}

export function orchestrators(sources) {
  const about = h("p", { class: "quiet lead" });
  const table = new Table({
    label: "Orchestrators",
    what: "orchestrators",
    keyOf: (one) => one.orchestrator_id,
    columns: [
      { key: "subject", label: "Orchestrator", make: (one) => named(plain(one.orchestrator_id), () => "") },
      { key: "state", label: "Status", make: () => marked(said.orchestratorState) },
      { key: "health", label: "Health", make: () => marked(said.healthTone) },
      { key: "load", label: "Load", text: (one) => `${number(one.current_load)} of ${number(one.max_capacity)}` },
      { key: "parts", label: "Partitions", wide: true, text: ({ partitions }) => partitions.join(", ") || "none" },
      { key: "sessions", label: "Sessions", num: true, text: (one) => number(one.active_sessions) },
      { key: "heard", label: "Last word", text: (one) => said.ago(one.last_heartbeat) },
      { key: "host", label: "Where", text: ({ host }) => host ?? "–" },
    ],
  });
  const element = h("div", { class: "stack" }, about, table.element);

  function show(find) {
    const { orchestrators: all = [], availability = null } = sources.by.orchestrators.told ?? {};
    say(about, `Routers and dispatchers. ${percent(availability, 0)} of those that should work are healthy.`);
    const words = ({ orchestrator_id: id, service, status, ended, health_status: health, host }) =>
      [id, service, status, ended, health, host].map((word) => word ?? "");
    const found = said.filtered(all, find, words);
    table.show(found);
    return { element, all: all.length, found: found.length, counts: [] };
  }
  const none = () => empty("No router or dispatcher has told of itself.", h("p", {}, h("code", {}, "headway status")));
  return { show, none, step: (by) => table.step(by), source: sources.by.orchestrators };
}
