/** The figures at the top. Each leads to the tasks behind it, or to its chart. */

import { h, say } from "../dom.js";
import { cost, count, duration, number, percent } from "../format.js";
import { endedIn, tones } from "./live-attention.js";

/** `of`: what the figure is measured against, said quietly beside it. */
function figure(name, href) {
  const main = h("span");
  const of = h("span", { class: "of" });
  const note = h("span", { class: "note" });
  const figure = h("span", { class: "figure" }, main, of);
  const element = h("a", { class: "tile", href }, h("span", { class: "name" }, name), figure, note);
  return {
    element,
    show(text, beside, more, tone = "") {
      say(main, text);
      say(of, beside);
      say(note, more);
      if (element.dataset.tone !== tone) element.dataset.tone = tone;
    },
  };
}

export class Tiles {
  constructor() {
    this.instances = figure("Instances", "/tasks?state=running");
    this.queue = figure("Queue", "/tasks?state=queued");
    this.throughput = figure("Throughput", "/?chart=throughput");
    this.waits = figure("Start wait, P99", "/?chart=waits");
    this.errors = figure("Errors", "/tasks?state=went_wrong");
    this.cost = figure("Cost", "/?chart=cost");
    const all = [this.instances, this.queue, this.throughput, this.waits, this.errors, this.cost];
    this.element = h("div", { class: "tiles six" }, all.map((one) => one.element));
  }

  /** `target`: instances wanted, or null; `cap`: micro-dollars a day, or null; `peak`: the most ended a second. */
  show(board, { target, cap, peak }) {
    const busy = `${number(board.running)} of ${number(board.slots)} slots busy`;
    const wanted = target === null ? "" : `/${number(target)}`;
    this.instances.show(number(board.instances), wanted, busy, tones.instances(board, target ?? 0));
    this.queue.show(number(board.waiting), `/${number(board.waiting_max)}`, oldest(board), tones.queue(board));
    const perMinute = (rate) => number(Math.round(60 * rate));
    const aim = board.throughput_target_per_min ?? null; // tasks that are to end in a minute, where that is set
    const reached = aim !== null && Math.round(60 * board.ended_per_s) >= aim;
    const coming = `${perMinute(board.submitted_per_s)} come in · peak ${perMinute(peak)}`;
    const beside = aim === null ? "/min" : ` of ${number(aim)}/min${reached ? " ✓" : ""}`;
    this.throughput.show(perMinute(board.ended_per_s), beside, coming);
    this.#showWaits(board);
    this.#showErrors(board);
    const today = `${cost(board.cost_usd_micros_today)}${cap ? ` of ${cost(cap)}` : ""} today`;
    this.cost.show(cost(board.cost_usd_micros_per_min), "/min", today, tones.cost(board, cap));
  }

  #showErrors(board) {
    const ended = endedIn(board);
    const failed = Math.round((board.error_rate ?? 0) * ended);
    const note = board.error_rate === null ? "nothing lately" : `${failed} of ${count(ended, "task")} in a minute`;
    this.errors.show(percent(board.error_rate), "", note, tones.errors(board));
  }

  #showWaits(board) {
    const waits = board.wait_ms;
    const note = waits ? `P50 ${duration(waits.p50)} · P90 ${duration(waits.p90)}` : "nothing lately";
    this.waits.show(duration(waits?.p99), waits ? "of 8 s" : "", note, tones.waits(board));
  }
}

function oldest({ waiting, oldest_wait_ms }) {
  if (!waiting) return "nothing waits";
  return oldest_wait_ms > 0 ? `the oldest for ${duration(oldest_wait_ms)}` : "for less than a second";
}
