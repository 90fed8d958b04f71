/** Keys for the whole page: `g` and a letter goes to a view, the rest a view may take while it is shown. */

import { h } from "./dom.js";

const EVERYWHERE = [
  ["/", "search tasks"],
  ["g l", "live"],
  ["g t", "tasks"],
  ["g c", "chat"],
  ["g a", "agents"],
  ["g f", "fleet"],
  ["g w", "alerts: what is wrong"],
  ["g e", "experiments"],
  ["g m", "models"],
  ["g b", "lab"],
  ["j k", "next and previous row"],
  ["Enter", "open the row"],
  ["x", "select the row, to do something with several"],
  ["n", "new task, where tasks are listed"],
  ["Esc", "back"],
  ["?", "this help"],
];

let after = null;
let taken = {};

/** The keys of the view that is shown: { j: f, k: f, Enter: f, Escape: f }. */
export const takeKeys = (handlers) => (taken = handlers);

export function listen(go) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (press(event.key, go, event.target)) event.preventDefault();
  });
}

function press(key, go, target) {
  const before = after;
  after = key === "g" ? key : null;
  if (before === "g") return go(key);
  if (key === "/") return document.getElementById("search-words").focus() ?? true;
  if (key === "?") return help();
  if (key === "Enter" && target.closest("a, button, summary")) return false; // its own
  if (!taken[key]) return false;
  taken[key]();
  return true;
}

function help() {
  const rows = EVERYWHERE.map(([key, what]) => [
    h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))),
    h("dd", {}, what),
  ]);
  const dialog = h(
    "dialog",
    { class: "help", aria: { label: "Keys" }, onclose: () => dialog.remove() },
    h("h2", {}, "Keys"),
    h("dl", {}, rows),
    h("form", { method: "dialog", class: "actions" }, h("button", { type: "submit" }, "Close")),
  );
  document.body.append(dialog);
  dialog.showModal();
  return true;
}
