/** What can be done with several tasks at once, after a question that names how many. */

import { post } from "../api.js";
import { h, say } from "../dom.js";
import { count } from "../format.js";
import { button, sure, toast } from "../ui.js";
import { hasEnded } from "./tasks-filter.js";

const AT_ONCE = 4;
const MOST = 500;

export class Bulk {
  constructor({ rowsOf, done, mayAct }) {
    Object.assign(this, { rowsOf, done, mayAct, picked: new Set() });
    this.said = h("strong");
    this.cancel = button("", () => this.#all("cancel"), { class: "danger" });
    this.redo = button("", () => this.#all("redo"));
    const none = h("button", { type: "button", onclick: done }, "Select none");
    this.element = h(
      "div",
      { class: "bulk", role: "toolbar", hidden: true, aria: { label: "Selected tasks" } },
      this.said,
      mayAct && this.cancel,
      mayAct && this.redo,
      none,
    );
  }

  show(picked) {
    this.picked = picked;
    this.refresh();
  }

  refresh() {
    this.element.hidden = !this.picked.size;
    if (!this.picked.size) return;
    say(this.said, `${count(this.picked.size, "task")} selected`);
    for (const kind of ["cancel", "redo"]) {
      const n = this.#rows(kind).length;
      this[kind].hidden = !n;
      say(this[kind], kind === "cancel" ? `Cancel ${n} open` : `Redo ${n} ended`);
    }
  }

  #rows(kind) {
    return this.rowsOf(this.picked).filter((row) => hasEnded(row) === (kind === "redo"));
  }

  async #all(kind) {
    const rows = this.#rows(kind);
    const n = count(rows.length, "task");
    if (rows.length > MOST) return toast(`${n} are too many at once: select at most ${MOST}.`, "warn");
    const what = kind === "cancel" ? `Cancel ${n}? What they did so far is lost.` : `Hand in ${n} again, as new tasks?`;
    const danger = { danger: true, no: rows.length === 1 ? "Keep it" : "Keep them" };
    if (!(await sure(what, kind === "cancel" ? `Cancel ${n}` : `Redo ${n}`, kind === "cancel" ? danger : {}))) return;
    const refused = await eachOf(rows, (row) => act(kind, row.task_id));
    const done = rows.length - refused.length;
    if (done)
      toast(kind === "cancel" ? `Cancelling ${count(done, "task")}.` : `${count(done, "task")} handed in again.`);
    if (refused.length) toast(`${count(refused.length, "task")} refused: ${refused[0].message}`, "bad");
    this.done();
  }
}

/** `key` names this one press: sent again after a lost answer, it is done once. */
export function act(kind, task_id) {
  const path = `/api/tasks/${encodeURIComponent(task_id)}/${kind}`;
  return post(path, {}, kind === "redo" ? { key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` } : {});
}

/** What went wrong. */
async function eachOf(items, work) {
  const left = [...items];
  const refused = [];
  const one = async () => {
    while (left.length) await work(left.shift()).catch((error) => refused.push(error));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return refused;
}
