/** The few pieces that all views are made of. */

import { fill, h } from "./dom.js";
import { words } from "./format.js";

const TONES = {
  completed: "good",
  failed: "bad",
  dead_lettered: "bad",
  expired: "bad",
  refused: "warn",
  cancelled: "quiet",
  running: "busy",
  judged: "busy",
};
/** The sign that goes with the word of a tone. */
export const SIGNS = { good: "✓", bad: "✕", warn: "!", quiet: "–", busy: "●" };

/** The state of a task: a sign and a word, for colour alone says nothing to some. */
export function badge(state) {
  const tone = TONES[state] ?? "wait";
  const sign = h("span", { aria: { hidden: true } }, SIGNS[tone] ?? "○");
  return h("span", { class: `badge ${tone}` }, sign, ` ${words(state)}`);
}

/** What stands where there is nothing: why, and what to do next. */
export const empty = (why, ...next) => h("div", { class: "empty" }, h("p", {}, why), ...next);

/** What stands where an address names one that there is not. `list`: the address of those there are. */
export const missing = (what, name, list, ...next) =>
  empty(`There is no ${what} ${name}.`, ...next, h("p", {}, h("a", { href: list }, `All ${what}s`)));

export const loading = (what = "Loading…") => h("p", { class: "loading", role: "status" }, what);

const FOR_GOOD = [403, 404]; // who asks again is told the same

/** What failed, what it means (the API's own sentence), and one action. */
export function failure(what, error, retry) {
  const mayPass = retry && !FOR_GOOD.includes(error.status);
  const again = mayPass && h("button", { type: "button", onclick: retry }, "Try again");
  return h("div", { class: "failure", role: "alert" }, h("strong", {}, what), h("p", {}, error.message), again);
}

/** A sentence that goes by itself. `tone`: good, warn, bad. */
export function toast(text, tone = "good") {
  const box = document.getElementById("toasts");
  const one = h("div", { class: `toast ${tone}` }, text);
  box.append(one);
  setTimeout(() => one.remove(), 6000);
}

/** Asks before something is done; the buttons name what it does, and that it is not. Resolves to whether to do it. */
export function sure(question, action, { danger = false, no = "Cancel" } = {}) {
  return new Promise((answer) => {
    const onclose = () => (dialog.remove(), answer(dialog.returnValue === "yes"));
    const dialog = h(
      "dialog",
      { class: "sure", aria: { label: question }, onclose },
      h(
        "form",
        { method: "dialog" },
        h("p", {}, question),
        h(
          "div",
          { class: "actions" },
          h("button", { value: "no", type: "submit" }, no),
          h("button", { value: "yes", type: "submit", class: danger ? "danger" : "primary" }, action),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A button that cannot be pressed twice while it works, and says what went wrong. */
export function button(label, work, properties = {}) {
  const made = h("button", { type: "button", ...properties, onclick: press }, label);
  async function press() {
    made.disabled = true;
    try {
      await work();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      made.disabled = false;
    }
  }
  return made;
}

/** A sentence of the gateway's, in which what is quoted or to be typed stands between pairs of backticks. */
export function sentence(text) {
  const parts = text.split("`");
  return parts.length % 2 ? parts.map((part, n) => (n % 2 ? h("code", {}, part) : part)) : text;
}

/** A button that takes something out, and why that cannot be done: said in words, for a title is seen by few. */
export function removal(take, stays) {
  const why = stays ? h("p", { class: "quiet", id: "why-stays" }, sentence(stays)) : null;
  const about = stays ? { disabled: true, "aria-describedby": "why-stays" } : { onclick: take };
  return { button: h("button", { type: "button", class: "danger", ...about }, "Remove"), why };
}

/** A tile of the board: a name, a figure, a line under it. Returns { element, show(figure, note, tone) }. */
export function tile(name, href) {
  const figure = h("span", { class: "figure" }, "–");
  const note = h("span", { class: "note" });
  const element = h(href ? "a" : "div", { class: "tile", href }, h("span", { class: "name" }, name), figure, note);
  return {
    element,
    show(text, more = "", tone = "") {
      if (figure.textContent !== text) figure.textContent = text;
      if (note.textContent !== more) note.textContent = more;
      element.dataset.tone = tone;
    },
  };
}

/** A panel with a heading. */
export function panel(title, ...content) {
  return h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", {}, title)), ...content);
}

/** Loads a style sheet of views/, once; resolves when it holds, so that a view need not be seen without it. */
export function sheet(name) {
  const href = `/views/${name}.css`;
  const known = document.querySelector(`link[href="${href}"]`);
  if (known) return known.holds;
  const link = h("link", { rel: "stylesheet", href });
  link.holds = new Promise((done) => (link.onload = link.onerror = done));
  document.head.append(link);
  return link.holds;
}

/** Whether the text is now in the clipboard: a page that came over plain HTTP from another machine may not reach it. */
export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Copies a text when it is clicked. */
export function copyable(text, shown = text) {
  const copy = async () => {
    if (await toClipboard(text)) toast("Copied.");
    else toast("This browser does not let the page copy; select the text instead.", "warn");
  };
  const aria = { label: `Copy ${text}` };
  return h("button", { type: "button", class: "copy", title: "Copy", aria, onclick: copy }, shown);
}

/** Shows what a promise gives: loading, then what `draw` makes of it, or the failure with a way to try again. */
export async function showing(box, what, load, draw) {
  fill(box, loading());
  try {
    fill(box, await draw(await load()));
  } catch (error) {
    if (error.name !== "AbortError") fill(box, failure(what, error, () => showing(box, what, load, draw)));
  }
}
