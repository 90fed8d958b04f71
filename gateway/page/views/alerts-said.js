/** How alerts are ordered, and what is said of one. */

import { h } from "../dom.js";

const WORST = ["critical", "warning", "info"];
const TONES = { critical: "bad", warning: "warn", info: "busy" };
const SIGNS = { critical: "✕", warning: "!", info: "●" };

/** Those that fire first, the worst and newest of them; then those that were resolved, the last first. */
export function ordered(alerts) {
  const place = (one) =>
    one.state === "firing" ? [0, WORST.indexOf(one.severity), -one.since_at] : [1, 0, -one.until_at];
  return alerts.sort((a, b) => {
    const [one, other] = [place(a), place(b)];
    const at = one.findIndex((value, i) => value !== other[i]);
    return at < 0 ? 0 : one[at] - other[at];
  });
}

/** A sign and a word, for colour alone says nothing to some. */
export function mark({ state, severity }) {
  const fires = state === "firing";
  const sign = h("span", { aria: { hidden: true } }, fires ? SIGNS[severity] : "✓");
  return h("span", { class: `badge ${fires ? TONES[severity] : "good"}` }, sign, ` ${fires ? severity : "resolved"}`);
}

/** How long silence lasts from now [ms]; 0: there is none. */
export const silentFor = ({ silenced_until_at: until }) => Math.max(0, (until ?? 0) / 1000 - Date.now());
