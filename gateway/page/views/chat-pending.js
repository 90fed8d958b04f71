/** A message on its way: shown at once, until it is accepted; with why not and what to do when it is refused. */

import { h, say } from "../dom.js";
import { Said } from "./chat-said.js";

export function pendingView(message, { retry, edit }) {
  const note = h("span", { class: "state", role: "status" });
  const again = h("button", { type: "button", onclick: () => retry(message.key) }, "Try again");
  const change = h("button", { type: "button", onclick: () => edit(message) }, "Change it");
  const sending = h("div", { class: "sending" }, note, again, change);
  const element = h(
    "article",
    { class: "turn" },
    h("div", { class: "mine" }, new Said(message.text).elements, sending),
  );
  element.parts = { note, again, change };
  return element;
}

export function updatePending(element, { state, reason }, isConnected) {
  const { note, again, change } = element.parts;
  const isRefused = state === "refused";
  element.classList.toggle("refused", isRefused);
  again.hidden = !isRefused;
  change.hidden = !isRefused && isConnected;
  const waits = isConnected ? "Sending…" : "Kept here; it is sent when there is a connection.";
  say(note, isRefused ? `Not taken: ${reason}` : waits);
}
