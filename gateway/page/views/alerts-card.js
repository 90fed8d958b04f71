/** One alert that fires: what is seen, what was done, what to do, and what somebody may say to it. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { fill, h, say } from "../dom.js";
import { duration, time } from "../format.js";
import { markdown } from "../markdown.js";
import { button, toast } from "../ui.js";
import { mark, silentFor } from "./alerts-said.js";
import { WHY_MOST, silence } from "./alerts-silence.js";

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
export function draw(card, alert, { rules, admin, onchange, onsilence }) {
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
  const mine = admin && `${alert.acknowledged_at} ${alert.since_at} ${alert.silenced_until_at}`;
  once("buttons", mine, () => fill(parts.buttons, admin ? buttonsOf(alert, onchange, onsilence) : null));
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

function buttonsOf(alert, onchange, onsilence) {
  const { alert_id: id } = alert;
  async function acknowledge() {
    const given = await asked(`Take on ${id}? Others see that you do.`, "Acknowledge", { whyMost: WHY_MOST });
    if (!given) return;
    onchange(await post(`/api/alerts/${encodeURIComponent(id)}/ack`, given.reason ? { comment: given.reason } : {}));
    toast("You have taken it on.");
  }
  const quiet = async () => (await silence(id, id, silentFor(alert) > 0)) && onsilence();
  const named = (label, work) => button(label, work, { aria: { label: `${label}: ${id}` } });
  return [!alert.acknowledged_by && named("Acknowledge", acknowledge), named("Silence", quiet)];
}
