/** Alerts: what is wrong now, with what to do; what was resolved; and the rules with their thresholds. */

import { get } from "../api.js";
import { fill, h, keep, paced } from "../dom.js";
import { count, duration, number, percent, time } from "../format.js";
import { button, empty, missing, panel, sheet } from "../ui.js";
import { looking } from "./experiments-looking.js";
import { draw, make } from "./alerts-card.js";
import { mark, ordered } from "./alerts-said.js";
import { silence, unsilence } from "./alerts-silence.js";

const RESOLVED_SHOWN = 20;
const RULES_MS = 30_000;
const SHARES = ["error_rate", "queue_share"];

export default async function view(context) {
  sheet("alerts");
  const alerts = new Map();
  let rules = new Map();
  let silences = [];
  const admin = context.me.role === "admin";
  const now = h("div", { class: "stack", role: "region", aria: { label: "Alerts that fire", live: "polite" } });
  const quiet = h("div");
  const cards = h("div", { class: "stack" });
  const past = h("div");
  const lasting = h("div");
  const silent = panel("Silent", lasting);
  const table = h("div");

  const learn = (found) => found.forEach((one) => alerts.set(one.alert_id, one));
  async function load(holds = () => true) {
    const [told, known] = await Promise.all([get("/api/alerts"), get("/api/rules")]);
    if (!holds()) return;
    learn(told.alerts.filter((one) => !(alerts.get(one.alert_id)?.at > one.at))); // live may have told more since
    silences = told.silences;
    rules = new Map(known.rules.map((rule) => [rule.rule, rule]));
  }
  const again = async () => (await load(), show());
  const hush = async (rule, lasts) => (await silence(rule, `all alerts of ${rule}`, lasts)) && again();
  const unhush = async (target) => (await unsilence(target), await again());
  function show() {
    const all = ordered([...alerts.values()]);
    const firing = all.filter((one) => one.state === "firing");
    const known = { rules, admin, onchange: (one) => (learn([one]), show()), onsilence: again };
    keep(cards, firing, (one) => one.alert_id, (one) => make(one), (card, one) => draw(card, one, known));
    fill(quiet, firing.length ? null : nothing(rules.size));
    const over = all.filter((one) => one.state !== "firing").slice(0, RESOLVED_SHOWN);
    fill(past, over.length ? resolvedTable(over) : h("p", { class: "quiet" }, "None was resolved yet."));
    const last = silences.filter((one) => one.until_at / 1000 > Date.now());
    silent.hidden = !last.length;
    redraw(lasting, last, () => silencesTable(last, admin && unhush));
    const every = [...rules.values()];
    const hushed = new Set(last.map((one) => one.target));
    redraw(table, [every, [...hushed]], () =>
      every.length ? rulesTable(every, hushed, admin && hush) : h("p", { class: "quiet" }, "There is no rule."),
    );
  }
  if (context.params.id && !(await isThere(context.params.id))) return missing("alert", context.params.id, "/alerts");
  await load();
  show();
  const soon = paced(show);
  const leave = context.live.subscribe({ alerts: true }, ({ event, data }) => {
    learn(event === "snapshot" ? data.alerts : [data]);
    soon();
  });
  const end = looking(async (holds) => {
    await load(holds);
    if (holds()) show(); // times go on, also when nothing is told
    return RULES_MS;
  }, RULES_MS);
  context.onleave = () => (leave(), end());
  fill(now, quiet, cards);
  const heading = h("h1", {}, "Alerts");
  return h("div", { class: "alerts stack" }, heading, now, silent, panel("Resolved", past), panel("Rules", table));
}

const SAID = Symbol("what a table says");

/** Draws a table anew only when it says something else: what somebody is about to press stays where it is. */
function redraw(box, said, make) {
  const sign = JSON.stringify(said);
  if (box[SAID] === sign) return;
  box[SAID] = sign;
  fill(box, make());
}

async function isThere(id) {
  try {
    await get(`/api/alerts/${encodeURIComponent(id)}`);
    return true;
  } catch (error) {
    if (error.status === 404) return false;
    throw error;
  }
}

function nothing(rules) {
  if (rules) return empty(`Nothing is wrong, as far as ${count(rules, "rule")} can see.`);
  const step = h("p", {}, "To bring them in: ", h("code", {}, "headway alerts rules publish"));
  return empty("Nobody watches: there are no rules yet.", step);
}

function resolvedTable(over) {
  const rows = over.map((one) => [
    [one.alert_id, { class: "name" }],
    [mark(one), {}],
    [time(one.since_at), {}],
    [duration((one.until_at - one.since_at) / 1000), { class: "num" }],
    [one.acknowledged_by ?? "–", {}],
  ]);
  return tableOf("Alerts that were resolved", ["Alert", "State", "Fired", "Lasted", "Taken on by"], rows);
}

function silencesTable(silences, end) {
  const rows = silences.map((one) => [
    [one.target, { class: "name" }],
    [time(one.until_at), {}],
    [one.by, {}],
    [one.comment || "–", {}],
    ...acts(end, "End it", one.target, () => end(one.target)),
  ]);
  return tableOf("Silences that last", ["Of", "Until", "By", "Why", ...(end ? [""] : [])], rows);
}

function rulesTable(rules, silent, hush) {
  const rows = rules.map((rule) => [
    [[rule.rule, h("span", { class: "about quiet" }, rule.description)], { class: "name" }],
    [rule.severity, {}],
    [h("span", {}, h("code", {}, rule.measure), ` ${limitOf(rule)}`), {}],
    [duration(rule.for_s * 1000), { class: "num" }],
    [rule.subjects === "line" ? "the line" : "each agent", {}],
    [rule.actions.map((one) => one.replaceAll("_", " ")).join(", ") || "–", {}],
    ...acts(hush, "Silence", rule.rule, () => hush(rule.rule, silent.has(rule.rule))),
  ]);
  return tableOf("Rules", ["Rule", "Severity", "Holds when", "For", "Of", "Does", ...(hush ? [""] : [])], rows);
}

/** The cell with what can be done, for who may. */
const acts = (may, label, what, work) =>
  may ? [[button(label, work, { aria: { label: `${label}: ${what}` } }), { class: "act" }]] : [];

function limitOf({ above, below, measure }) {
  const written = SHARES.includes(measure) ? percent : number;
  return above === null ? `below ${written(below)}` : `above ${written(above)}`;
}

/** `rows`: of cells, each with its properties; the first heads the row. */
function tableOf(label, columns, rows) {
  const right = ["Lasted", "For"];
  const head = columns.map((name) => h("th", { scope: "col", class: right.includes(name) ? "num" : null }, name));
  const cell = ([content, properties], i) =>
    i
      ? h("td", { ...properties, ...(columns[i] && { data: { label: columns[i] } }) }, content)
      : h("th", { scope: "row", ...properties }, content);
  const body = rows.map((cells) => h("tr", {}, cells.map(cell)));
  return h("table", { class: "cards", aria: { label } }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}
