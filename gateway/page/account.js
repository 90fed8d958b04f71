/** Whose token the page works with, in the bar, and the way out. */

import { h, say } from "./dom.js";
import { duration, fullTime, time } from "./format.js";
import { sure } from "./ui.js";

const MAY = {
  viewer: "viewer: sees the tasks of the tenant",
  submitter: "submitter: hands in and cancels tasks of the tenant",
  admin: "admin: may do everything, of every tenant",
};

/** The button with the name, and what opens from it; `leave()` is called when the reader signs out. */
export function account(me, leave) {
  const ends = h("dd", {});
  const facts = [
    [h("dt", {}, "Tenant"), h("dd", {}, me.tenant_id)],
    [h("dt", {}, "Role"), h("dd", {}, MAY[me.role] ?? me.role)],
    [h("dt", {}, "Token"), h("dd", { class: "mono" }, me.token_id)],
    [h("dt", {}, "Expires"), ends],
  ];
  const out = h("button", { type: "button", onclick: signOut }, "Sign out");
  const more = h(
    "div",
    { class: "account-more", id: "account-more", popover: "auto", role: "dialog", aria: { label: "Your access" } },
    h("h2", {}, me.name),
    h("dl", {}, facts),
    h("div", { class: "actions" }, out),
  );
  more.addEventListener("keydown", (event) => event.stopPropagation()); // Escape closes this, not what lies under it
  more.addEventListener("beforetoggle", () => say(ends, untilWhen(me.expires_at)));
  more.addEventListener("toggle", ({ newState }) => newState === "open" && out.focus());
  async function signOut() {
    more.hidePopover();
    const question = "Sign out? This browser forgets the token and what is typed and not sent in chats.";
    if (await sure(question, "Sign out", { no: "Stay" })) leave();
  }
  const first = h("span", { class: "first", aria: { hidden: "true" } }, [...me.name][0]?.toUpperCase() ?? "?");
  const button = h(
    "button",
    { type: "button", class: "plain account", popovertarget: "account-more", title: `Signed in as ${me.name}` },
    first,
    h("span", { class: "hidden" }, "Signed in as "),
    h("span", { class: "name" }, me.name),
  );
  return [button, more];
}

function untilWhen(expires_at) {
  if (expires_at === null) return "never";
  const left = expires_at / 1000 - Date.now();
  return left > 0 ? `${time(expires_at)}, in ${duration(left)}` : fullTime(expires_at);
}
