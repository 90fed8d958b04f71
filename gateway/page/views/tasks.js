/** The view of tasks: the list, and beside it the one that is open. All that it shows follows from the address. */

import { get } from "../api.js";
import { fill, h, paced, say } from "../dom.js";
import { count } from "../format.js";
import { VirtualTable } from "../table.js";
import { empty, failure, loading, sheet } from "../ui.js";
import { openTask } from "./task.js";
import { Bulk } from "./tasks-bulk.js";
import { COLUMNS } from "./tasks-columns.js";
import { filterOf, hasEnded, sameFilter } from "./tasks-filter.js";
import { Filters } from "./tasks-filters.js";
import { TaskList } from "./tasks-list.js";
import { newTask } from "./tasks-new.js";
import { Views } from "./tasks-views.js";

const TICK_MS = 1000;
const BELOW = "(max-width: 1000px)"; // there the task is below the list; as in tasks.css

export default async function view(context) {
  const ready = sheet("tasks");
  const tasks = new TasksView(context);
  context.onleave = () => tasks.close();
  context.onchange = ({ params, query }) => tasks.follow(params.id ?? null, query);
  await ready;
  return tasks.element;
}

class TasksView {
  constructor(context) {
    this.context = context;
    this.mayAct = context.me.role !== "viewer";
    this.draw = paced(() => this.#draw());
    this.#build();
    this.follow(context.params.id ?? null, context.query);
    const to = context.me.role === "admin" ? "*" : context.me.tenant_id;
    this.unsubscribe = context.live.subscribe({ tenant_id: to }, (message) => this.list.hear(message));
    this.tick = setInterval(
      () => !document.hidden && (this.list.waiting.length || !this.list.rows.every(hasEnded)) && this.draw(),
      TICK_MS,
    );
    this.#loadChoices();
  }

  #build() {
    const { context } = this;
    this.views = new Views(context);
    this.filters = new Filters(context, (change) => context.setQuery(change));
    this.bulk = new Bulk({ rowsOf: (ids) => this.#rowsOf(ids), done: () => this.table.unpick(), mayAct: this.mayAct });
    this.fresh = h("button", { type: "button", class: "fresh", hidden: true, onclick: () => this.#letIn() });
    this.table = new VirtualTable({
      over: this.fresh,
      label: "Tasks, newest first",
      columns: COLUMNS,
      key: (row) => row.task_id,
      name: (row) => (row.text ?? row.task_id).slice(0, 80),
      on: {
        open: (row) => this.open(row.task_id),
        pick: (picked) => this.bulk.show(picked),
        end: () => this.list.more(),
        hold: (held) => this.#hold(held),
      },
    });
    this.foot = h("p", { class: "list-foot quiet", role: "status" });
    this.instead = h("div", { class: "instead", hidden: true });
    this.pane = h("section", { class: "task-pane", hidden: true, aria: { label: "Task" } });
    const create = h("button", { type: "button", class: "primary", onclick: () => this.newTask() }, "New task");
    this.element = h(
      "div",
      { class: "tasks" },
      h(
        "div",
        { class: "tasks-head" },
        h("h1", { class: "hidden" }, "Tasks"),
        this.views.element,
        this.mayAct && create,
      ),
      this.filters.element,
      h(
        "div",
        { class: "tasks-body" },
        h(
          "section",
          { class: "list", aria: { label: "List of tasks" } },
          this.fresh,
          this.table.element,
          this.instead,
          this.foot,
          this.bulk.element,
        ),
        this.pane,
      ),
    );
    context.keys({
      j: () => this.#move(1),
      k: () => this.#move(-1),
      x: () => this.table.pointed && this.table.pick(this.table.pointed, !this.table.picked.has(this.table.pointed)),
      n: () => this.mayAct && this.newTask(),
      Enter: () => this.table.pointedRow && this.open(this.table.pointed),
      Escape: () => this.#escape(),
    });
  }

  close() {
    this.unsubscribe();
    clearInterval(this.tick);
    this.list.close();
    this.table.close();
    this.task?.close();
    this.filters.close();
  }

  // --- the address

  follow(id, query) {
    const filter = filterOf(query);
    this.openId = id;
    this.query = query;
    if (!this.list || !sameFilter(filter, this.list.filter)) this.#load(filter);
    this.filters.show(filter);
    this.views.show(filter);
    this.#showTask(id);
  }

  #load(filter) {
    this.list?.close();
    this.list = new TaskList(filter, this.draw);
    this.list.held = this.table.held;
    this.table.element.scrollTop = 0;
    this.table.unpick();
    this.list.load();
  }

  open(id) {
    this.context.go(`/tasks/${encodeURIComponent(id)}${location.search}`, { replace: Boolean(this.openId) });
  }

  closeTask() {
    this.context.go(`/tasks${location.search}`);
    this.table.element.focus({ preventScroll: true });
  }

  #showTask(id) {
    if (id === (this.task?.id ?? null)) return;
    this.task?.close();
    this.task = null;
    this.pane.hidden = !id;
    this.element.classList.toggle("open", Boolean(id));
    this.table.current = id;
    if (id) {
      this.table.pointed = id;
      this.task = openTask(id, this.context, { close: () => this.closeTask(), mayAct: this.mayAct });
      fill(this.pane, this.task.element);
      this.pane.scrollTop = 0;
      if (matchMedia(BELOW).matches) requestAnimationFrame(() => this.pane.scrollIntoView({ block: "start" }));
    } else fill(this.pane);
    this.context.title(id ? "Task" : "Tasks");
    this.draw();
  }

  newTask() {
    newTask(this.agents, (task_id) => this.open(task_id));
  }

  // --- keys

  #move(by) {
    this.table.move(by);
    if (this.task && this.table.pointed !== this.task.id) this.open(this.table.pointed);
  }

  #escape() {
    if (this.table.picked.size) this.table.unpick();
    else if (this.task) this.closeTask();
    else if (this.table.pointed) {
      this.table.pointed = null;
      this.table.draw();
    }
  }

  // --- drawing

  #hold(held) {
    this.list.held = held;
    this.draw();
  }

  #letIn() {
    this.table.element.scrollTop = 0;
    this.#draw({ letIn: true });
    this.table.element.focus({ preventScroll: true });
  }

  #draw({ letIn = false } = {}) {
    const { list, table } = this;
    const waits = !letIn && (list.held || list.rushes);
    const added = waits ? 0 : list.settle();
    table.show(list.rows, { more: Boolean(list.next), added });
    const waiting = list.waiting.filter((row) => !row.left).length;
    this.fresh.hidden = !waiting;
    if (waiting) say(this.fresh, `${waiting}${list.isBehind ? " and more" : ""} new ↑`);
    const bare = !list.rows.length;
    table.element.hidden = bare;
    this.instead.hidden = !bare;
    const what = bare ? `${list.state} ${list.error?.message} ${Object.keys(list.filter).length > 0}` : "";
    if (bare && what !== this.insteadOf) fill(this.instead, this.#instead());
    this.insteadOf = what;
    say(this.foot, bare ? "" : this.#footing());
    this.bulk.refresh();
  }

  #instead() {
    const { list } = this;
    if (list.state === "loading") return loading("Loading tasks…");
    if (list.state === "failed") return failure("The tasks cannot be listed.", list.error, () => list.load());
    if (Object.keys(list.filter).length)
      return empty("No task matches.", h("a", { href: "/tasks", class: "button" }, "Clear the filters"));
    return empty(
      "Nothing was handed in yet.",
      h(
        "p",
        {},
        "Press ",
        h("kbd", {}, "n"),
        " or “New task”, or in a terminal: ",
        h("code", {}, 'headway submit "Review the login module"'),
      ),
    );
  }

  #footing() {
    const { list } = this;
    const n = list.rows.length;
    if (list.moreError) return `${count(n, "task")} loaded; the older ones cannot be: ${list.moreError.message}`;
    if (list.next) return `${count(n, "task")} loaded, older ones come as you scroll`;
    const from = list.source === "warehouse" ? ", the oldest from the warehouse" : "";
    return (n === 1 ? "1 task" : `all ${count(n, "task")}`) + from;
  }

  #rowsOf(ids) {
    return [...ids].map((id) => this.list.known.get(id)).filter(Boolean);
  }

  async #loadChoices() {
    const { agents } = await get("/api/agents").catch(() => ({ agents: [] }));
    this.agents = agents;
    this.filters.offer({
      agent: agents.map((agent) => agent.agent_id),
      skill: [...new Set(agents.flatMap((agent) => agent.capabilities ?? []))].sort(),
    });
  }
}
