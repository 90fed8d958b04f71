/** Hosts and zones: how each is, what it has in hand, and asking it to rest or to work again. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { h, keep, say } from "../dom.js";
import { count, number } from "../format.js";
import { empty, tile, toast } from "../ui.js";
import { sayHealth } from "./agents-rows.js";
import { ACTS, HOST_STATES, actsOn, byHost, effectOf, filtered, heard, hostState } from "./fleet-said.js";
import { Table, buttons, cell } from "./fleet-table.js";

const WHY_MOST = 500;

/** The part of the view; `admin`: whether acts are offered. */
export function hosts(sources, admin) {
  const table = new Table({
    label: "Hosts",
    what: "hosts",
    keyOf: (host) => host.host_id,
    columns: [
      { key: "host", label: "Host", text: (host) => host.host_id },
      { key: "zone", label: "Zone", text: (host) => host.zone || "–" },
      { key: "state", label: "State", make: () => stateCell(sources) },
      { key: "instances", label: "Instances", num: true, text: (host) => number(host.instances) },
      { key: "agents", label: "Agents", num: true, text: (host) => number(host.agents) },
      { key: "hand", label: "In hand", num: true, text: (host) => number(host.running) },
      { key: "heard", label: "Last heard", text: heard },
      { key: "why", label: "Why it rests", wide: true, text: (host) => host.reason },
      admin && { key: "acts", label: " What can be done", make: (host) => acts(sources, host.host_id) },
    ],
  });
  const zones = h("div", { class: "tiles zones", role: "group", aria: { label: "Zones" } });
  const element = h("div", { class: "stack" }, zones, table.element);

  function show(find) {
    const all = [...sources.hosts].sort(byHost);
    const whole = [...HOST_STATES, ...all.map(zoneWord)];
    const found = filtered(all, find, wordsOf, whole, (host) => [host.state, zoneWord(host)]);
    keep(zones, sources.zones, ({ zone }) => zone, zoneTile, showZone);
    zones.hidden = !sources.zones.length;
    const without = [!sources.zones.length && "zone", !all.some((host) => host.reason) && "why"];
    table.show(found, without.filter(Boolean));
    return { element, all: all.length, found: found.length, counts: countsOf(all) };
  }
  const none = () =>
    empty("No host is heard of: nothing can run.", h("p", {}, "Start the line: ", h("code", {}, "headway up")));
  return { show, none, step: (by) => table.step(by), source: sources.by.hosts };
}

const zoneWord = ({ zone }) => `zone:${zone}`.toLowerCase();
const wordsOf = (host) => [host.host_id, zoneWord(host), host.state, host.reason];
const countsOf = (all) => HOST_STATES.map((word) => [word, all.filter((host) => host.state === word).length]);

function stateCell(sources) {
  const mark = h("span", { class: "badge" });
  const means = h("span", { class: "about quiet" });
  const bar = h("i");
  const left = h("span", { class: "meter", aria: { hidden: true } }, bar);
  return cell(h("div", { class: "state-of" }, mark, means, left), (host) => {
    const state = hostState(host, sources.most.get(host.host_id));
    sayHealth(mark, state);
    say(means, state.means);
    means.hidden = !state.means;
    left.hidden = state.left === null;
    bar.style.setProperty("width", `${Math.round(100 * (state.left ?? 0))}%`);
  });
}

function acts(sources, id) {
  const host = () => sources.hosts.find((one) => one.host_id === id);
  async function act(label) {
    const { state, did } = ACTS[label];
    const question = effectOf(label, host(), sources.hosts);
    const given = await asked(question, label, { danger: label === "Drain", whyMost: WHY_MOST });
    if (!given) return;
    await post(`/api/hosts/${encodeURIComponent(id)}`, { state, ...given });
    toast(did(id));
    await sources.by.hosts.again();
  }
  return buttons(id, actsOn, act);
}

function zoneTile({ zone }) {
  const made = tile(`Zone ${zone}`, `/fleet?${new URLSearchParams({ find: `zone:${zone}` })}`);
  return Object.assign(made.element, { show: made.show });
}

function showZone(element, { hosts: there, instances, instances_live: live, running }) {
  const lacks = live < instances && `${number(instances - live)} missing`;
  const note = [lacks, count(there, "host"), `${number(running)} in hand`].filter(Boolean).join(", ");
  element.show(`${number(live)} of ${number(instances)}`, note, live >= instances ? "" : live ? "warn" : "bad");
}
