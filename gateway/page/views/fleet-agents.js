/** Agents by their size: what lives of what was asked for, what is ill, what waits; and asking for another number. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { h } from "../dom.js";
import { count, number } from "../format.js";
import { empty, sure, toast } from "../ui.js";
import { meter, sayHealth } from "./agents-rows.js";
import { healthOf } from "./agents-said.js";
import { TROUBLES, askedFor, filtered, illnessOf, sorted, troublesOf } from "./fleet-said.js";
import { EVERYWHERE, offQuestion, sizeQuestion, zoneChoices } from "./fleet-said.js";
import { Table, buttons, cell, named } from "./fleet-table.js";

const INSTANCES_MOST = 10_000;
const WHY_MOST = 500;

/** The part of the view; `admin`: whether sizes may be asked for. */
export function agents(sources, admin) {
  const table = new Table({
    label: "Agents",
    what: "agents",
    keyOf: (agent) => agent.agent_id,
    columns: [
      { key: "agent", label: "Agent", make: nameCell },
      { key: "live", label: "Instances", make: liveCell },
      { key: "work", label: "Slots in use", make: () => share("Slots in use", "running", "slots") },
      { key: "queue", label: "Waiting", make: () => share("Waiting", "waiting", "waiting_max") },
      { key: "load", label: "Load", num: true, text: (agent) => number(Math.round(agent.load_score)) },
      { key: "asked", label: "Asked for", wide: true, text: askedFor },
      admin && { key: "acts", label: " What can be done", make: (agent) => scaling(sources, agent.agent_id) },
    ],
  });

  function show(find, sort) {
    const all = sorted(sources.agents, sort);
    const words = (agent) => [agent.agent_id, agent.runner, ...troublesOf(agent), agent.asked?.by ?? ""];
    const found = filtered(all, find, words, TROUBLES, troublesOf);
    table.show(found);
    const counts = TROUBLES.map((word) => [word, all.filter((agent) => troublesOf(agent).includes(word)).length]);
    return { element: table.element, all: all.length, found: found.length, counts };
  }
  const none = () => empty("There is no agent yet, so nothing runs.", h("a", { href: "/agents" }, "To the agents"));
  return { show, none, step: (by) => table.step(by), source: sources.by.agents };
}

function nameCell({ agent_id: id }) {
  const link = h("a", { class: "name", href: `/agents/${encodeURIComponent(id)}` }, id);
  return named(link, (agent) => illnessOf(agent.ill));
}

function liveCell() {
  const health = h("span", { class: "badge" });
  const ill = h("span", { class: "badge" });
  return cell(h("div", { class: "marks" }, health, ill), (agent) => {
    sayHealth(health, healthOf(agent));
    ill.hidden = !agent.ill.length;
    if (agent.ill.length) sayHealth(ill, { tone: "warn", word: `${number(agent.ill.length)} ill` });
  });
}

function share(name, part, whole) {
  const { element, show } = meter(name);
  return cell(element, (agent) => {
    const tone = part === "waiting" && agent.waiting > 0.8 * agent.waiting_max ? "warn" : "";
    const said = agent[part] || part === "running" ? `${number(agent[part])} of ${number(agent[whole])}` : "0";
    show(agent[part] / Math.max(1, agent[whole]), said, tone);
  });
}

function scaling(sources, id) {
  const wanted = ({ runner }) => (runner === "external" ? [] : ["Scale"]);
  return buttons(id, wanted, () => scale(sources, id));
}

async function scale(sources, id) {
  const agent = sources.agents.find((one) => one.agent_id === id);
  const given = await asked(sizeQuestion(agent, sources.by.scaling.told?.mode), "Scale", {
    field: fieldsOf(agent, sources.zones),
    whyMost: WHY_MOST,
  });
  if (!given) return;
  const { instances, zone = EVERYWHERE, reason } = given;
  const everywhere = zone === EVERYWHERE;
  if (!instances && everywhere && !(await sure(offQuestion(agent), "Switch off", { danger: true }))) return;
  const body = { instances, ...(everywhere ? {} : { zone }), ...(reason && { reason }) };
  await post(`/api/agents/${encodeURIComponent(id)}/scale`, body);
  const where = everywhere ? "" : ` in zone ${zone}`;
  toast(`${count(instances, "instance")} of ${id} asked for${where}; hosts follow within a second or two.`);
  await sources.by.agents.again();
}

function fieldsOf(agent, zones) {
  const value = agent.instances;
  const size = { name: "instances", label: "Instances", type: "number", min: 0, max: INSTANCES_MOST, value };
  if (!zones.length) return [size];
  return [size, { name: "zone", label: "Where", options: zoneChoices(agent, zones), value: EVERYWHERE }];
}
