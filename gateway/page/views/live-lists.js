/** What runs now and what ended last: rows that stay where they are while they are read. */

import { h, keep, say } from "../dom.js";
import { clock, cost, duration, percent, short, words } from "../format.js";
import { badge, empty, panel } from "../ui.js";
import { atWork } from "./live-model.js";

const ROWS = 8;
const STAYS_MS = 1500; // a row of a task that ended
const TURN_MS = 1000; // rows come and go together, once a second at most

/** A list that nothing enters or leaves while the reader is at it. */
class Calm {
  constructor(title, name, href, nothing) {
    this.list = h("ul", { class: "rows" });
    this.more = h("button", { type: "button", class: "plain more", hidden: true, onclick: () => this.letIn() });
    this.count = h("span", { class: "quiet figures" });
    this.nothing = nothing;
    this.element = panel(title, this.nothing, this.list);
    this.element.classList.add(name);
    const head = this.element.querySelector(".head");
    head.append(this.count, this.more, h("a", { href }, "All"));
    this.shown = [];
    this.turnedAt = -Infinity;
  }

  get held() {
    return this.list.matches(":hover, :focus-within");
  }

  letIn() {
    this.turnedAt = -Infinity;
    this.letsIn = true;
  }

  turns(now) {
    if ((this.held && !this.letsIn) || now - this.turnedAt < TURN_MS) return false;
    this.turnedAt = now;
    this.letsIn = false;
    return true;
  }

  draw(make, update) {
    keep(this.list, this.shown, (task) => task.key, make, update);
    this.nothing.hidden = this.shown.length > 0;
    this.list.hidden = this.shown.length === 0;
    if (this.shown.length) this.element.classList.add("used");
  }

  waiting(count) {
    this.more.hidden = !count;
    if (count) say(this.more, `${count} new ↑`);
  }
}

export class Running extends Calm {
  constructor(title) {
    const how = h("p", {}, "Hand in a task: ", h("code", {}, 'headway submit "Review the login module"'));
    super(title, "running", "/tasks?state=running", empty("Nothing runs at the moment.", how));
  }

  /** `now`: by the gateway's clock [ms]; `running`: how many there are in all. */
  show(tasks, now, running) {
    const there = new Set(this.shown);
    if (this.turns(performance.now())) {
      const lingers = (task) => now - task.finished_at / 1000 < STAYS_MS;
      const goesOn = (task) => atWork(task) && tasks.open.get(task.key) === task;
      const stays = this.shown.filter((task) => (task.finished_at ? lingers(task) : goesOn(task)));
      const room = ROWS - stays.length;
      const kept = new Set(stays);
      const come = room > 0 ? tasks.running(room, (task) => kept.has(task)) : [];
      this.shown = [...come, ...stays].sort((a, b) => b.started_at - a.started_at);
      tasks.fresh = 0;
      this.waiting(0);
    } else if (this.held) {
      const fresh = Math.min(tasks.fresh, tasks.running(tasks.fresh, (task) => there.has(task)).length);
      this.waiting(fresh);
    }
    const over = this.shown.filter((task) => task.finished_at).length;
    const all = running > this.shown.length - over ? `the newest of ${running}` : "";
    say(this.count, [all, over && `${over} just ended`].filter(Boolean).join(" · "));
    this.draw(makeRunning, (row, task) => updateRunning(row, task, now));
  }
}

export class Ended extends Calm {
  constructor(title) {
    super(title, "ended", "/tasks", empty("Nothing has ended yet."));
  }

  show(tasks) {
    const newest = tasks.ended.slice(0, ROWS);
    if (this.turns(performance.now())) {
      this.shown = newest;
      this.waiting(0);
    } else if (this.held) {
      const at = tasks.ended.indexOf(this.shown[0]);
      this.waiting(at < 0 ? tasks.ended.length : at);
    }
    this.draw(makeEnded, () => {});
  }
}

function link(task, ...cells) {
  return h("li", {}, h("a", { href: `/tasks/${encodeURIComponent(task.task_id)}` }, cells));
}

function makeRunning(task) {
  const parts = {
    at: h("time", { class: "at" }),
    text: h("span", { class: "text" }),
    skill: h("span", { class: "skill" }),
    agent: h("span", { class: "agent" }),
    bar: h("i"),
    share: h("span", { class: "share" }),
    elapsed: h("span", { class: "elapsed" }),
  };
  const meter = h("span", { class: "meter", aria: { hidden: true } }, parts.bar);
  const progress = h("span", { class: "progress" }, meter, parts.share);
  const row = link(task, parts.at, parts.text, parts.skill, parts.agent, progress, parts.elapsed);
  row.parts = parts;
  return row;
}

function updateRunning(row, task, now) {
  const { at, text, skill, agent, bar, share, elapsed } = row.parts;
  say(at, task.started_at === null ? "" : clock(task.started_at));
  say(text, short(task.text || task.task_id, 160));
  say(skill, words(task.skill));
  say(agent, task.instance_id ?? task.agent_id);
  const has = task.finished_at ? 1 : (task.progress ?? 0);
  bar.style.setProperty("width", `${Math.round(100 * has)}%`);
  const ended = Boolean(task.finished_at);
  if (row.classList.contains("over") !== ended) row.classList.toggle("over", ended);
  say(share, ended || task.state === "judged" || task.state === "cancelling" ? words(task.state) : percent(has, 0));
  const until = ended ? task.finished_at / 1000 : now;
  say(elapsed, task.started_at === null ? "" : seconds(until - task.started_at / 1000));
}

/** Whole seconds: tenths would only flicker. */
const seconds = (ms) => duration(Math.max(0, Math.floor(ms / 1000)) * 1000).replace(/^0 ms$/, "0 s");

function makeEnded(task) {
  const price = task.cost_usd_micros ? cost(task.cost_usd_micros) : "";
  return link(
    task,
    h("time", { class: "at" }, clock(task.finished_at)),
    badge(task.state),
    h("span", { class: "text" }, short(task.text || task.task_id, 160)),
    h("span", { class: "agent" }, task.instance_id ?? task.agent_id ?? ""),
    h("span", { class: "price" }, price),
    h("span", { class: "elapsed" }, duration((task.finished_at - task.submitted_at) / 1000)),
  );
}
