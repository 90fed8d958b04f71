/** The table of agents: rows are changed in place and never move while they are read. */

import { h, keep, say } from "../dom.js";
import { duration, number, percent } from "../format.js";
import { SIGNS } from "../ui.js";
import { healthOf, successOf, weightOf } from "./agents-said.js";

const COLUMNS = [
  ["Agent", ""],
  ["Health", ""],
  ["At work", ""],
  ["Waiting", ""],
  ["Success lately", "num"],
  ["Weight", "num"],
  ["Mean response", "num"],
  ["Done", "num"],
  ["Hosts", ""],
];
const POORLY = 0.8; // below it a success share is marked
const FULL = 0.8; // of a queue

/** `ondone`: reading has ended, so that what waited may be shown. */
export function rows(ondone) {
  const fit = h("th", { scope: "col", class: "fit" }, "Fit");
  const body = h("tbody");
  const element = h(
    "table",
    { class: "cards people", aria: { label: "Agents" } },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, COLUMNS[0][0]),
        fit,
        COLUMNS.slice(1).map(([name, kind]) => h("th", { scope: "col", class: kind }, name)),
      ),
    ),
    body,
  );
  let hovered = false;
  element.addEventListener("pointerenter", (event) => (hovered = event.pointerType === "mouse"));
  element.addEventListener("pointerleave", () => ((hovered = false), ondone()));

  function show(agents, fits) {
    const of = new Map((fits ?? []).map((one) => [one.agent_id, one]));
    fit.hidden = !fits;
    keep(
      body,
      agents,
      (agent) => agent.agent_id,
      make,
      (row, agent) => row.show(agent, of.get(agent.agent_id)),
    );
  }

  /** The next row, or the one before; its link has the focus, so Enter opens it. */
  function step(by) {
    const links = [...body.querySelectorAll("a.name")];
    const at = links.indexOf(document.activeElement);
    links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
  }

  const isRead = () => hovered || body.contains(document.activeElement);
  return { element, show, step, isRead };
}

function make({ agent_id }) {
  const name = h("a", { class: "name", href: `/agents/${encodeURIComponent(agent_id)}` }, agent_id);
  const about = h("span", { class: "about quiet" });
  const why = h("span", { class: "why quiet" });
  const fit = meter("Fit");
  const health = h("span", { class: "badge" });
  const work = meter("At work");
  const queue = meter("Waiting");
  const success = h("span");
  const weight = h("span");
  const [response, done, hosts] = [h("span"), h("span"), h("span", { class: "quiet" })];
  const fitCell = h("td", { class: "fit", data: { label: "Fit" } }, fit.element);
  const cells = [health, work.element, queue.element, success, weight, response, done, hosts];
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name, about, why),
    fitCell,
    cells.map((cell, i) => h("td", { class: COLUMNS[i + 1][1], data: { label: COLUMNS[i + 1][0] } }, cell)),
  );
  row.show = (agent, found) => {
    say(about, agent.description);
    fitCell.hidden = !found;
    row.classList.toggle("unfit", Boolean(found?.weak));
    say(why, found?.fit ? found.why : "");
    why.hidden = !found?.fit;
    if (found) fit.show(found.fit, percent(found.fit, 0));
    sayHealth(health, healthOf(agent));
    work.show(agent.running / Math.max(1, agent.slots), `${number(agent.running)} of ${number(agent.slots)}`);
    const full = agent.waiting / Math.max(1, agent.waiting_max);
    queue.show(
      full,
      agent.waiting ? `${number(agent.waiting)} of ${number(agent.waiting_max)}` : "0",
      full > FULL ? "warn" : "",
    );
    const share = successOf(agent);
    say(success, share !== null && share < POORLY ? `! ${percent(share)}` : percent(share));
    success.className = share !== null && share < POORLY ? "warned" : "";
    const preferred = weightOf(agent);
    say(weight, preferred.figure);
    weight.title = preferred.reason || preferred.note;
    say(response, agent.completed ? duration(agent.mean_response_ms) : "–");
    say(done, agent.failed ? `${number(agent.completed)}, ${number(agent.failed)} failed` : number(agent.completed));
    say(hosts, agent.hosts.length > 2 ? `${agent.hosts.length} hosts` : agent.hosts.join(", ") || "–");
    hosts.title = agent.hosts.join(", ");
  };
  return row;
}

/** A sign and a word. */
export function sayHealth(element, { tone, word }) {
  const text = `${SIGNS[tone]} ${word}`;
  say(element, text);
  element.className = `badge ${tone}`;
}

/** A bar with its figure: the figure tells, the bar is for the eye only. */
export function meter(name) {
  const bar = h("i");
  const box = h("span", { class: "meter", aria: { hidden: "true" } }, bar);
  const text = h("span", { class: "of" });
  const element = h("span", { class: "metered", title: name }, box, text);
  return {
    element,
    show(share, said, tone = "") {
      const width = `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`;
      if (bar.style.width !== width) bar.style.width = width;
      box.dataset.tone = tone;
      say(text, said);
    },
  };
}
