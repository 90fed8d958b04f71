/** How much time the charts show: chosen by the reader, kept in the address and for the next visit. */

import { get } from "../api.js";
import { h, say } from "../dom.js";
import { duration, minute } from "../format.js";
import { MINUTE_MS, REACH_MS, SPAN_MS } from "./live-model.js";

const RANGES = { "5m": 5 * MINUTE_MS, "15m": SPAN_MS, "1h": 60 * MINUTE_MS, "6h": REACH_MS };
const USUAL = "15m";
const KEPT_AS = "headway.live.range";
const FINE_MS = 5000;

/** How far apart the points of a span lie. */
export const STEP_OF = (span) => (span <= SPAN_MS ? FINE_MS : MINUTE_MS);

export class Range {
  /** `history`: where what is further back goes; `choose(name)`: the reader wants another; `show()`: there is more. */
  constructor({ history, choose, show }) {
    Object.assign(this, { history, show, name: null, span: SPAN_MS });
    const radio = ([name, span]) => {
      const input = h("input", { type: "radio", name: "range", value: name, onchange: () => choose(name) });
      return h("label", {}, input, h("span", {}, duration(span)));
    };
    this.choices = h(
      "fieldset",
      { class: "ranges" },
      h("legend", { class: "hidden" }, "Time that the charts show"),
      Object.entries(RANGES).map(radio),
    );
    this.note = h("p", { class: "quiet", role: "status" });
    this.element = h("div", { class: "range-bar" }, this.note, this.choices);
  }

  /** What the address says, else what was chosen last. Gives whether it is another than before. */
  open(asked) {
    const name = [asked, localStorage.getItem(KEPT_AS)].find((one) => one in RANGES) ?? USUAL;
    if (asked === name) localStorage.setItem(KEPT_AS, name);
    this.choices.querySelector(`[value="${name}"]`).checked = true;
    if (name === this.name) return false;
    Object.assign(this, { name, span: RANGES[name] });
    if (this.history.board) this.ask(); // before the first one, the snapshot that brings it does
    return true;
  }

  /** Asks for what lies further back, where the range takes it. */
  async ask() {
    say(this.note, "");
    if (this.span <= SPAN_MS) return;
    try {
      this.history.reach(await get(`/api/fleet/history?minutes=${REACH_MS / MINUTE_MS}`));
      this.#tellStart();
      this.show();
    } catch (error) {
      say(this.note, `What is further back cannot be shown: ${error.message}`);
    }
  }

  /** An empty beginning is explained: the gateway has these figures in memory. */
  #tellStart() {
    const first = this.history.within(this.span)[0]?.at;
    const begins = this.history.now - this.span + 3 * MINUTE_MS;
    if (this.span > SPAN_MS && first > begins) say(this.note, `Known since ${minute(first * 1000)}`);
  }
}
