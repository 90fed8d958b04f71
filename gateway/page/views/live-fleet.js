/** Who is at work: instances by zone and by host, and the agents with what they have in hand. */

import { h, keep, say } from "../dom.js";
import { number, time } from "../format.js";
import { empty, panel } from "../ui.js";

const HOSTS_MAX = 8;
const AGENTS_MAX = 10;
const CHOOSE_MS = 10_000; // among many, who is shown changes seldom

export class Fleet {
  /** `beside`: what else is shown here, at the end. */
  constructor(beside) {
    this.zones = h("ul", { class: "bars" });
    this.hosts = h("ul", { class: "bars" });
    this.agents = h("ul", { class: "bars" });
    this.moreHosts = h("p", { class: "quiet", hidden: true });
    this.moreAgents = h("a", { class: "quiet", href: "/agents", hidden: true });
    this.none = empty("No host of agents is there.", h("p", {}, "Start the line: ", h("code", {}, "headway up")));
    this.byZone = panel("Instances by zone", this.zones);
    this.byZone.hidden = true;
    const hosts = panel("Instances by host", this.none, this.hosts, this.moreHosts);
    const agents = panel("Agents", this.agents, this.moreAgents);
    this.element = h("div", { class: "fleet" }, this.byZone, hosts, agents, beside);
    this.chosen = [];
    this.chosenAt = -Infinity;
  }

  /** `pools`: the newest status of each, by name; `targets`, `zones`: instances wanted by agent, by zone; or null. */
  show(board, pools, targets, zones) {
    const workers = board.workers ?? [];
    this.#showZones(workers, zones ?? []);
    this.none.hidden = workers.length > 0;
    const lack = (host) => 1 - host.instances / host.most;
    const first = [...workers].sort((a, b) => lack(b) - lack(a) || (a.host_id < b.host_id ? -1 : 1));
    const at = ({ host_id: find }) => `/fleet?${new URLSearchParams({ find })}`;
    const named = ({ host_id, zone }) => (zone ? `${host_id}, zone ${zone}` : host_id);
    keep(this.hosts, first.slice(0, HOSTS_MAX), named, (host) => makeBar(named(host), at(host)), showHost);
    more(this.moreHosts, workers.length - HOSTS_MAX);
    this.#choose(pools, targets);
    const agents = this.chosen.map((name) => pools.get(name)).filter(Boolean);
    const show = (row, pool) => showAgent(row, pool, targets?.get(pool.agent_id));
    keep(this.agents, agents, (pool) => `${pool.pool} ${Boolean(pool.removed)}`, makeAgent, show);
    more(this.moreAgents, pools.size - this.chosen.length);
  }

  /** Each zone that there is to be, also one that is dead. */
  #showZones(workers, zones) {
    this.byZone.hidden = !zones.length;
    const sum = (zone, name) => workers.reduce((all, one) => all + (one.zone === zone ? one[name] : 0), 0);
    const found = zones.map(({ zone, instances }) => {
      return { zone, instances: sum(zone, "instances"), most: instances, running: sum(zone, "running") };
    });
    const at = (zone) => `/fleet?${new URLSearchParams({ find: `zone:${zone}` })}`;
    keep(this.zones, found, ({ zone }) => zone, ({ zone }) => makeBar(zone, at(zone)), showZone);
  }

  /** All by name when they are few; else those that lack something, then those that have most in hand. */
  #choose(pools, targets) {
    const now = performance.now();
    const all = pools.size <= AGENTS_MAX;
    const there = this.chosen.filter((name) => pools.has(name));
    if (there.length === Math.min(pools.size, AGENTS_MAX) && (all || now - this.chosenAt < CHOOSE_MS)) return;
    this.chosenAt = now;
    const lacks = (pool) => pool.instances < (targets?.get(pool.agent_id) ?? 1);
    const weight = (pool) => (lacks(pool) ? 1e6 : 0) + 10 * pool.waiting + pool.running;
    const found = [...pools.values()].sort((a, b) => weight(b) - weight(a)).slice(0, AGENTS_MAX);
    this.chosen = found.map((pool) => pool.pool).sort();
  }
}

function more(element, left) {
  element.hidden = left <= 0;
  if (left > 0) say(element, `and ${number(left)} more`);
}

function makeBar(name, href = null) {
  const parts = { bar: h("i"), figure: h("span", { class: "figures" }), note: h("span", { class: "note quiet" }) };
  parts.meter = h("span", { class: "meter", aria: { hidden: true } }, parts.bar);
  const cells = [h("span", { class: "name", title: name }, name), parts.note, parts.meter, parts.figure];
  const row = h("li", {}, href ? h("a", { href }, cells) : h("span", {}, cells));
  row.parts = parts;
  return row;
}

/** Of one that was removed only its tasks can be looked at. */
function makeAgent({ pool, agent_id, removed }) {
  const agent = encodeURIComponent(agent_id);
  return makeBar(pool, removed ? `/tasks?agent=${agent}` : `/agents/${agent}`);
}

function showBar({ parts }, share, figure, note, tone) {
  parts.bar.style.setProperty("width", `${Math.round(100 * Math.min(1, share))}%`);
  say(parts.figure, figure);
  say(parts.note, note);
  if (parts.meter.dataset.tone !== tone) parts.meter.dataset.tone = tone;
}

function showHost(row, { instances, most, running, heard_at }) {
  const note = instances ? (running ? `${number(running)} running` : "idle") : `silent since ${time(heard_at)}`;
  showBar(row, instances / most, `${instances}/${most}`, note, toneOf(instances, most));
}

function showZone(row, { instances, most, running }) {
  const lacking = instances < most && (instances ? `${number(most - instances)} missing` : "nothing lives here");
  const note = lacking || (running ? `${number(running)} running` : "idle");
  showBar(row, most ? instances / most : 0, `${instances}/${most}`, note, most ? toneOf(instances, most) : "");
}

function showAgent(row, { instances, running, slots, waiting, removed }, target) {
  const lacking = instances < target && `${target - instances} missing`;
  const waits = waiting ? `${number(waiting)} waiting` : "";
  const note = removed ? ["removed", waits].filter(Boolean).join(", ") : lacking || waits;
  showBar(row, slots ? running / slots : 0, `${running}/${slots}`, note, toneOf(instances, target));
}

const toneOf = (instances, wanted) => (instances === 0 ? "bad" : instances < wanted ? "warn" : "");
