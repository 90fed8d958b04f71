/** Alerts: what is wrong now, with what to do; what was resolved; and the rules with their thresholds. */

import { get } from "../api.js";
import { fill, h, keep, paced } from "../dom.js";
import { count, duration, number, percent, time } from "../format.js";
import { empty, missing, panel, sheet } from "../ui.js";
import { looking } from "./experiments-looking.js";
import { draw, make } from "./alerts-card.js";
import { mark, ordered } from "./alerts-said.js";

const RESOLVED_SHOWN = 20;
const RULES_MS = 30_000;
const SHARES = ["error_rate", "queue_share"];

export default async function view(context) {
  sheet("alerts");
  const alerts = new Map();
  let rules = new Map();
  const now = h("div", { class: "stack", role: "region", aria: { label: "Alerts that fire", live: "polite" } });
  const quiet = h("div");
  const cards = h("div", { class: "stack" });
  const past = h("div");
  const table = h("div");

  const learn = (found) => found.forEach((one) => alerts.set(one.alert_id, one));
  async function load() {
    const [told, known] = await Promise.all([get("/api/alerts"), get("/api/rules")]);
    learn(told.alerts);
    rules = new Map(known.rules.map((rule) => [rule.rule, rule]));
  }
  function show() {
    const all = ordered([...alerts.values()]);
    const firing = all.filter((one) => one.state === "firing");
    const known = { rules, admin: context.me.role === "admin", onchange: (one) => (learn([one]), show()) };
    keep(cards, firing, (one) => one.alert_id, (one) => make(one), (card, one) => draw(card, one, known));
    fill(quiet, firing.length ? null : nothing(rules.size));
    const over = all.filter((one) => one.state !== "firing").slice(0, RESOLVED_SHOWN);
    fill(past, over.length ? resolvedTable(over) : h("p", { class: "quiet" }, "None was resolved yet."));
    fill(table, rules.size ? rulesTable([...rules.values()]) : h("p", { class: "quiet" }, "There is no rule."));
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
    const known = await get("/api/rules");
    if (holds()) rules = new Map(known.rules.map((rule) => [rule.rule, rule]));
    show(); // times go on, also when nothing is told
    return RULES_MS;
  }, RULES_MS);
  context.onleave = () => (leave(), end());
  fill(now, quiet, cards);
  const heading = h("h1", {}, "Alerts");
  return h("div", { class: "alerts stack" }, heading, now, panel("Resolved", past), panel("Rules", table));
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

function rulesTable(rules) {
  const rows = rules.map((rule) => [
    [[rule.rule, h("span", { class: "about quiet" }, rule.description)], { class: "name" }],
    [rule.severity, {}],
    [h("span", {}, h("code", {}, rule.measure), ` ${limitOf(rule)}`), {}],
    [duration(rule.for_s * 1000), { class: "num" }],
    [rule.subjects === "line" ? "the line" : "each agent", {}],
    [rule.actions.map((one) => one.replaceAll("_", " ")).join(", ") || "–", {}],
  ]);
  return tableOf("Rules", ["Rule", "Severity", "Holds when", "For", "Of", "Does"], rows);
}

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
      ? h("td", { ...properties, data: { label: columns[i] } }, content)
      : h("th", { scope: "row", ...properties }, content);
  const body = rows.map((cells) => h("tr", {}, cells.map(cell)));
  return h("table", { class: "cards", aria: { label } }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}
