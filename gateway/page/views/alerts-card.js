/** One alert that fires: what is seen, what was done, what to do, and what somebody may say to it. */

import { get, post } from "../api.js";
import { asked } from "../asking.js";
import { fill, h, say } from "../dom.js";
import { duration, time } from "../format.js";
import { markdown } from "../markdown.js";
import { toast } from "../ui.js";
import { mark, silentFor } from "./alerts-said.js";

const SILENCES = [
  ["1800", "30 minutes"],
  ["7200", "2 hours"],
  ["86400", "1 day"],
  ["0", "no longer: end the silence"],
];

/** The card, whose parts `draw` fills. */
export function make(alert) {
  const part = (name, tag = "p") => h(tag, { class: name });
  const parts = {
    head: part("head", "div"),
    evidence: part("evidence"),
    people: part("people quiet"),
    tasks: part("tasks quiet"),
    actions: part("done quiet"),
    advice: h("details", {}, h("summary", {}, "What to do")),
    buttons: part("actions", "div"),
  };
  const card = h("article", { class: "alert", aria: { label: alert.alert_id } }, Object.values(parts));
  return Object.assign(card, { parts, drawn: {} });
}

/** Changes what is other than before, so that what somebody is about to press stays where it is. */
export function draw(card, alert, { rules, admin, onchange }) {
  const { parts, drawn } = card;
  const once = (name, sign, work) => {
    if (drawn[name] === sign) return;
    drawn[name] = sign;
    work();
  };
  card.dataset.severity = alert.severity;
  once("head", `${alert.since_at} ${alert.severity} ${alert.fired}`, () => fill(parts.head, headOf(alert)));
  say(parts.evidence, alert.evidence);
  say(parts.people, peopleOf(alert));
  const tasks = alert.tasks.map((task) => task.task_id);
  once("tasks", tasks.join(" "), () => fill(parts.tasks, tasks.length ? ["Tasks: ", tasks.map(linkOf)] : null));
  say(parts.actions, alert.actions.map((one) => `${one.what.replaceAll("_", " ")}: ${one.result}`).join(" · "));
  const advice = rules.get(alert.rule)?.advice ?? "";
  once("advice", advice, () => fill(parts.advice, h("summary", {}, "What to do"), markdown(advice)));
  parts.advice.hidden = !advice;
  const mine = admin && `${alert.acknowledged_at} ${alert.since_at}`;
  once("buttons", mine, () => fill(parts.buttons, admin ? buttonsOf(alert, onchange) : null));
}

function headOf(alert) {
  const again = alert.fired > 1 ? ` · fired ${alert.fired} times` : "";
  const since = h("span", { class: "quiet" }, `since ${time(alert.since_at)}${again}`);
  return [mark(alert), h("h2", {}, alert.alert_id), since];
}

function peopleOf(alert) {
  const silent = silentFor(alert);
  const said = [
    alert.acknowledged_by && `Taken on by ${alert.acknowledged_by} at ${time(alert.acknowledged_at)}`,
    silent && `silent for ${duration(silent)} more, by ${alert.silenced_by}`,
    alert.comment,
  ];
  return said.filter(Boolean).join(" · ");
}

const linkOf = (id) => [h("a", { href: `/tasks/${encodeURIComponent(id)}` }, id), " "];

function buttonsOf(alert, onchange) {
  const at = `/api/alerts/${encodeURIComponent(alert.alert_id)}`;
  async function acknowledge() {
    const given = await asked(`Take on ${alert.alert_id}? Others see that you do.`, "Acknowledge");
    if (given) await done(post(`${at}/ack`, commented(given)), onchange, "You have taken it on.");
  }
  async function silence() {
    const field = { name: "for_s", label: "For", options: SILENCES, value: "7200" };
    const question = `Notify nobody of ${alert.alert_id} for a while? It is seen here all the same.`;
    const given = await asked(question, "Silence", { field });
    if (!given) return;
    const work = post(`${at}/silence`, { for_s: Number(given.for_s), ...commented(given) }).then(() => get(at));
    const said = given.for_s === "0" ? "The silence is over." : "Nobody is notified of it for a while.";
    await done(work, (told) => onchange(told.alert), said);
  }
  const button = (label, work) => {
    const aria = { label: `${label}: ${alert.alert_id}` };
    return h("button", { type: "button", aria, onclick: work }, label);
  };
  return [!alert.acknowledged_by && button("Acknowledge", acknowledge), button("Silence", silence)];
}

const commented = ({ reason }) => (reason ? { comment: reason.slice(0, 300) } : {});

async function done(work, onchange, said) {
  try {
    onchange(await work);
    toast(said);
  } catch (error) {
    toast(error.message, "bad");
  }
}
