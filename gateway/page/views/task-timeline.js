/** The time of a task as bars on one axis: each wait and each piece of work a line of its own, items below. */

import { h, keep, say } from "../dom.js";
import { duration, words } from "../format.js";
import { KINDS, ticksOf } from "./task-phases.js";

const NAME_OF_SORT = { wait: "waiting", work: "working", judge: "judging", again: "waiting to try again" };

const TICK_PX = 84; // a label has room

export class Timeline {
  /** `onpick(entry)`: the event that a line begins with is asked for. */
  constructor(onpick) {
    this.onpick = onpick;
    this.axis = h("div", { class: "tl-axis", aria: { hidden: "true" } });
    this.lines = h("ol", { class: "tl-lines" });
    this.legend = h("p", { class: "tl-legend quiet" });
    this.element = h("div", { class: "tl" }, this.axis, this.lines, this.legend);
  }

  /** `phases` of the task, and `items`: rows of its children. */
  show(phases, items = [], texts = []) {
    if (!phases.length) return;
    const start = phases[0].from;
    const end = Math.max(phases.at(-1).to, ...items.map((row) => row.finished_at ?? 0));
    const length = Math.max(end - start, 1000);
    const at = (us) => Math.max(0, Math.min(100, (100 * (us - start)) / length));
    this.#axis(length / 1000);
    const many = phases.some((phase) => phase.attempt > 1);
    const lines = [
      ...phases.map((phase) => lineOf(phase, start, at, many)),
      ...items.slice(0, 100).map((row, i) => lineOfItem(row, texts[i], i, start, at, end)),
    ];
    keep(
      this.lines,
      lines,
      (line) => line.key,
      (line) => this.#make(line),
      drawLine,
    );
    const sorts = [...new Set(lines.flatMap((line) => line.bars.map((bar) => bar.sort)))];
    const sign = sorts.join();
    if (this.sorts === sign) return;
    this.sorts = sign;
    this.legend.replaceChildren(
      ...sorts.map((sort) => h("span", {}, h("i", { class: `tb ${sort}` }), NAME_OF_SORT[sort])),
    );
  }

  #make(line) {
    const bars = line.bars.map(() => h("i", { class: "tb" }));
    const pick = () => this.onpick(line.entry);
    const name = line.href
      ? h("a", { class: "tl-name", href: line.href })
      : h("button", { type: "button", class: "plain tl-name", onclick: pick });
    const took = h("span", { class: "tl-took" });
    const track = h("span", { class: "tl-track", aria: { hidden: "true" } }, bars);
    const said = h("span", { class: "hidden" });
    const element = h("li", {}, name, track, took, said);
    Object.assign(element, { parts: { name, took, bars, said } });
    return element;
  }

  #axis(lengthMs) {
    const ticks = ticksOf(lengthMs, this.axis.clientWidth / TICK_PX).filter(
      (tick) => tick < lengthMs * 0.93 || tick === 0,
    );
    keep(
      this.axis,
      ticks,
      (tick) => tick,
      (tick) => h("span", {}, tick ? `+${duration(tick)}` : "0"),
      (element, tick) => element.style.setProperty("left", `${(100 * tick) / lengthMs}%`),
    );
  }
}

function lineOf(phase, start, at, many) {
  const [name, sort] = KINDS[phase.kind];
  const took = duration((phase.to - phase.from) / 1000);
  const of = many && phase.attempt && !["close"].includes(phase.kind) ? `, attempt ${phase.attempt}` : "";
  return {
    key: phase.key,
    entry: phase.entry,
    name: name + of,
    note: phase.note,
    took: phase.open ? `${took} so far` : took,
    said: `from ${duration((phase.from - start) / 1000)} on`,
    bars: [{ sort, from: at(phase.from), to: at(phase.to), open: phase.open }],
  };
}

function lineOfItem(row, text, i, start, at, end) {
  const begun = row.started_at ?? row.finished_at ?? end;
  const done = row.finished_at ?? end;
  const said = row.finished_at && row.state !== "completed" ? `${words(row.state)}, ` : "";
  return {
    key: row.task_id,
    href: `/tasks/${encodeURIComponent(row.task_id)}${location.search}`,
    name: `${i + 1}. ${text ?? "Item"}`,
    note: `${text ?? ""} (${[row.agent_id, words(row.state)].filter(Boolean).join(", ")})`,
    took: said + duration((done - row.submitted_at) / 1000),
    said: `${words(row.state)}, waited ${duration((begun - row.submitted_at) / 1000)}`,
    bars: [
      { sort: "wait", from: at(row.submitted_at), to: at(begun), open: false },
      { sort: "work", from: at(begun), to: at(done), open: row.finished_at === null },
    ],
  };
}

function drawLine(element, line) {
  const { name, took, bars, said } = element.parts;
  say(name, line.name);
  if (element.title !== line.note) element.title = line.note;
  say(took, line.took);
  say(said, line.said);
  line.bars.forEach((bar, i) => {
    const one = bars[i];
    one.className = `tb ${bar.sort}${bar.open ? " open" : ""}`;
    one.style.left = `${bar.from}%`;
    one.style.width = `${bar.to - bar.from}%`;
  });
}
