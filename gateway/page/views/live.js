/** The live view: whether the line is well, and what happens now. It folds what it hears and paints at its own pace. */

import { get } from "../api.js";
import { h, paced } from "../dom.js";
import { sheet } from "../ui.js";
import { findings } from "./live-attention.js";
import { Charts, isChart } from "./live-charts.js";
import { Fleet } from "./live-fleet.js";
import { Ended, Running } from "./live-lists.js";
import { History, Tasks } from "./live-model.js";
import { Range } from "./live-range.js";
import { Tiles } from "./live-tiles.js";
import { Verdict } from "./live-verdict.js";

const SLIDE_MS = 200; // a chart moves by less than a pixel of most screens
const TARGETS_MS = 60_000; // how many instances are wanted changes seldom
const AWAY_MS = 30_000; // so long hidden, the stream of tasks is left
const DEAF_MS = 8000;

export default async function view(context) {
  await Promise.all([sheet("live"), sheet("chart")]);
  const board = new LiveView(context);
  context.onleave = () => board.leave();
  context.onchange = ({ query }) => board.open(query);
  context.keys({ j: () => board.step(1), k: () => board.step(-1), Escape: () => board.closeChart() });
  board.open(context.query);
  board.start();
  return board.element;
}

class LiveView {
  constructor(context) {
    this.context = context;
    const { me } = context;
    this.all = me.role === "admin";
    const whose = this.all ? "" : ` in ${me.tenant_id}`;
    this.history = new History();
    this.tasks = new Tasks();
    this.pools = new Map();
    this.targets = null;
    this.zones = null;
    this.cap = null;
    this.verdict = new Verdict();
    this.tiles = new Tiles();
    this.range = new Range({
      history: this.history,
      choose: (range) => context.setQuery({ range }),
      show: () => this.#showCharts(),
    });
    this.charts = new Charts(this.range.element);
    this.running = new Running(`Now running${whose}`);
    this.ended = new Ended(`Recently ended${whose}`);
    this.fleet = new Fleet(this.charts.beside);
    const { verdict, tiles, charts, running, ended } = this;
    this.aside = h("div", { class: "aside" }, verdict.panel);
    const parts = [verdict.element, tiles.element, this.aside, charts.element, running.element, ended.element];
    this.element = h("div", { class: "live" }, parts);
    this.stops = new Map();
    this.due = { board: true, tasks: true };
    const paint = paced(() => this.#paint());
    this.paint = (what) => {
      this.due[what] = true;
      paint();
    };
  }

  // --- coming and going

  start() {
    this.stops.set("fleet", this.context.live.subscribe({ fleet: true }, (message) => this.#hearFleet(message)));
    this.#followTasks();
    this.#ask();
    const look = () => this.#look();
    document.addEventListener("visibilitychange", look);
    this.stops.set("look", () => document.removeEventListener("visibilitychange", look));
    const narrow = matchMedia("(max-width: 1280px)");
    const place = () => {
      if (narrow.matches) this.ended.element.before(this.fleet.element);
      else this.aside.append(this.fleet.element);
    };
    narrow.addEventListener("change", place);
    this.stops.set("place", () => narrow.removeEventListener("change", place));
    place();
    this.#run();
    this.#tick();
  }

  leave() {
    this.left = true;
    this.#rest();
    clearTimeout(this.away);
    for (const stop of this.stops.values()) stop();
    this.context.title("Live");
  }

  #followTasks() {
    if (this.stops.has("tasks")) return;
    const tenant_id = this.all ? "*" : this.context.me.tenant_id;
    this.stops.set("tasks", this.context.live.subscribe({ tenant_id }, (message) => this.#hearTask(message)));
  }

  #run() {
    if (document.hidden) return;
    this.timers ??= [
      setInterval(() => this.paint("slide"), this.#slideMs()),
      setInterval(() => this.#tick(), 1000),
      setInterval(() => this.#ask(), TARGETS_MS),
    ];
  }

  #rest() {
    this.timers?.forEach(clearInterval);
    this.timers = null;
  }

  #slideMs() {
    return matchMedia("(prefers-reduced-motion: reduce)").matches ? 5 * SLIDE_MS : SLIDE_MS;
  }

  /** A hidden tab paints nothing, and after a while does not hear of tasks; it comes back by a snapshot. */
  #look() {
    clearTimeout(this.away);
    if (document.hidden) {
      this.#rest();
      this.away = setTimeout(() => (this.stops.get("tasks")?.(), this.stops.delete("tasks")), AWAY_MS);
    } else {
      this.#followTasks();
      this.#run();
      this.#tick();
    }
  }

  // --- hearing

  #hearFleet({ event, data }) {
    if (event === "snapshot") {
      this.pools = new Map(data.pools.map((pool) => [pool.pool, pool]));
      this.history.reset(data.history, data.board);
      this.range.ask(); // a connection that was away has missed some
      if (this.targets) this.#ask();
    } else if (event === "pool") {
      this.#hearPool(data);
    } else if (event === "board") {
      this.history.add(data);
    }
    this.paint("board");
  }

  /** Of an agent that was taken out only tasks are left; without any its pool is over. */
  #hearPool(pool) {
    if (pool.removed) this.targets?.delete(pool.agent_id);
    if (pool.removed && !pool.waiting && !pool.running) this.pools.delete(pool.pool);
    else this.pools.set(pool.pool, pool);
  }

  #hearTask(message) {
    if (message.event === "snapshot") this.tasks.reset(message.data.tasks);
    else if (message.data.task_id !== undefined) this.tasks.hear(message);
    else return;
    this.paint("tasks");
  }

  /** What the stream does not tell: how many instances are wanted, and what may be spent in a day. */
  async #ask() {
    try {
      const [{ agents }, { zones }] = await Promise.all([get("/api/agents"), get("/api/hosts")]);
      this.targets = new Map(agents.map((agent) => [agent.agent_id, agent.instances]));
      this.zones = zones;
      if (this.all && this.cap === null) {
        const { settings } = await get("/api/config");
        this.cap = 1e6 * Number(settings.find((one) => one.name === "cost_cap_usd")?.value ?? 0);
      }
    } catch (error) {
      if (error.status === 0 || error.status >= 500) return; // the next turn asks again, and the lamp tells
      throw error;
    }
    this.paint("board");
  }

  // --- painting

  #tick() {
    this.paint("board");
    this.paint("tasks");
  }

  /** All in one frame: what is due, and the time that has passed. */
  #paint() {
    if (this.left) return;
    const { board, tasks } = this.due;
    this.due = {};
    if (board) this.#paintBoard();
    if (tasks) this.#paintTasks();
    this.charts.slide(this.history.now);
  }

  #paintBoard() {
    const { board, points } = this.history;
    const { live } = this.context;
    const target = this.targets && [...this.targets.values()].reduce((sum, one) => sum + one, 0);
    const age_ms = board ? Date.now() - this.history.heardAt : 0;
    const counts = (pool) => !this.targets || pool.removed || this.targets.has(pool.agent_id);
    const pools = [...this.pools.values()].filter(counts);
    const found = findings({ board, age_ms, live: live.state, targets: this.targets, pools, points, cap: this.cap });
    const count = this.verdict.show(found, board, target);
    this.context.title(count ? `(${count}) Live` : "Live");
    this.element.classList.toggle("stale", age_ms > DEAF_MS || live.state === "stale");
    if (!board) return;
    this.tiles.show(board, { target, cap: this.cap, peak: this.history.peak("ended_per_s") });
    this.fleet.show(board, new Map(pools.map((pool) => [pool.pool, pool])), this.targets, this.zones);
    if (this.drawn !== board.at) this.#showCharts();
    this.drawn = board.at;
  }

  #showCharts() {
    this.charts.show(this.history.within(this.range.span));
  }

  #paintTasks() {
    const { board, now } = this.history;
    this.running.show(this.tasks, now, this.all ? (board?.running ?? 0) : 0);
    this.ended.show(this.tasks);
  }

  // --- what the reader does

  open({ chart: name, range }) {
    if (this.range.open(range)) {
      this.charts.range(this.range.span);
      this.#showCharts();
    }
    const wanted = isChart(name) ? name : null;
    if (this.charts.open(wanted) && wanted) this.charts.element.scrollIntoView({ block: "nearest" });
  }

  closeChart() {
    if (this.charts.opened) this.context.setQuery({ chart: null });
  }

  /** To the next row, or the one before, of the tasks. */
  step(by) {
    const rows = [...this.element.querySelectorAll(".rows a")];
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus();
  }
}
