/** Small drawings for buttons; what they mean is said by the button's name. */

import { h, svg } from "../dom.js";

const CUFF_UP = "M5 7v6H3V7z";
const CUFF_DOWN = "M11 9V3h2v6zM11 3.5l-1-.5";
const PATHS = {
  send: "M8 13V3M3.5 7.5 8 3l4.5 4.5",
  stop: "M4.5 4.5h7v7h-7z",
  copy: "M5.5 5.5V3h7.5v7.5h-2.5M3 5.5h7.5V13H3z",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  up: `${CUFF_UP}M5 12.5l1 .5h4.6a1.3 1.3 0 0 0 1.3-1l.9-3.7a1.2 1.2 0 0 0-1.2-1.5H9l.4-2.8a1.2 1.2 0 0 0-2.2-.6L5 7.5`,
  down:
    `${CUFF_DOWN}H5.4a1.3 1.3 0 0 0-1.3 1l-.9 3.7a1.2 1.2 0 0 0 1.2 1.5H7l-.4 2.8a1.2 1.2 0 0 0 2.2.6L11 8.5`,
  list: "M2.5 4h11M2.5 8h11M2.5 12h7",
  add: "M8 3v10M3 8h10",
  below: "M8 3v10M3.500 8.500 8 13l4.500-4.500",
  open: "M6 3.500H3.500v9h9V10M9 3h4v4M13 3 7.5 8.500",
  fold: "M6 4l4 4-4 4",
  save: "M8 2.5v7M4.500 6.500 8 10l3.500-3.500M3 13h10",
};

const ROUND = { "stroke-linecap": "round", "stroke-linejoin": "round" };
const LINE = { fill: "none", stroke: "currentColor", "stroke-width": 1.4, ...ROUND };

export const icon = (name) =>
  svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", aria: { hidden: "true" } },
    svg("path", { d: PATHS[name], ...LINE }),
  );

/** A button that is only a drawing, with a name for those who hear it and as a hint. */
export function iconButton(name, label, onclick, properties = {}) {
  const named = { type: "button", class: "icon-button", title: label, "aria-label": label, onclick };
  return h("button", { ...named, ...properties }, icon(name));
}
