/** Where a definition is written: the editor and, beside it, what the text means; for agents and for skills alike. */

import { put } from "../api.js";
import { fill, h, say } from "../dom.js";
import { sure, toast } from "../ui.js";
import { editor } from "./agents-editor.js";

const at = (sort, id) => `${sort.base}/${encodeURIComponent(id)}`;

/** The editor and, beside it, what the text means and what saving changes. */
export function workshop(sort, { id, definition, file }) {
  let known = definition;
  const side = sideOf(sort);
  const save = h("button", { type: "button", class: "primary", disabled: true, onclick: keep }, "Save");
  const discard = h("button", { type: "button", hidden: true, onclick: () => made.discard() }, "Discard changes");
  const made = editor({ sort, nameOf: () => id, saved: file, keptAs: id, oncheck });

  function oncheck({ definition: meant, problems, dirty }) {
    save.disabled = !dirty || !meant;
    discard.hidden = !dirty;
    side.show(meant, problems, dirty ? sort.changesOf(known, meant ?? known) : []);
  }

  async function keep() {
    if (
      !(await sure(`Save ${id}? Tasks routed from now on use this; those that run go on as they began.`, `Save ${id}`))
    )
      return;
    const text = made.text();
    save.disabled = true;
    try {
      known = await put(at(sort, id), { markdown: text, updated_at: known.updated_at });
      made.saved(text);
      toast(`${id} is saved. Tasks routed from now on use it.`);
    } catch (error) {
      save.disabled = false;
      toast(error.message, "bad");
    }
  }

  if (made.restored) toast("What you had not saved is here again.", "warn");
  return { element: frame("Definition", made, side, [discard, save]), leave: made.leave };
}

/** A new one; `back` leads to all of them. */
export function anew(context, sort, back) {
  const side = sideOf(sort);
  const wrong = h("span", { class: "problem", id: "name-problem", role: "status" });
  const name = h("input", {
    name: sort.key,
    required: true,
    maxlength: 63,
    autocomplete: "off",
    "aria-describedby": "name-problem",
    placeholder: sort.name.like,
    oninput: named,
  });
  const save = h("button", { type: "button", class: "primary", disabled: true, onclick: keep }, `Define ${sort.what}`);
  const made = editor({
    sort,
    nameOf: () => (sort.name.fits.test(name.value) ? name.value : null),
    saved: sort.template,
    keptAs: "",
    oncheck,
  });
  let meant = null;

  function named() {
    const fits = sort.name.fits.test(name.value);
    say(wrong, name.value && !fits ? sort.name.wrong : "");
    name.setAttribute("aria-invalid", String(Boolean(name.value) && !fits));
    save.disabled = !meant || !fits;
  }

  function oncheck({ definition, problems }) {
    meant = definition;
    side.show(definition, problems, []);
    named();
  }

  async function keep() {
    const id = name.value;
    if (!(await sure(`Define ${id}? ${sort.effect}`, `Define ${id}`))) return;
    try {
      await put(at(sort, id), { markdown: made.text(), updated_at: 0 });
      made.discard();
      toast(`${id} is defined.`);
      context.go(sort.address(id));
    } catch (error) {
      toast(
        error.status === 409
          ? `There is one called ${id} already: take another name, or change that one.`
          : error.message,
        "bad",
      );
    }
  }

  const head = h(
    "div",
    { class: "stack" },
    back,
    h("h1", {}, `New ${sort.what}`),
    h("label", { class: "naming" }, "Its name", name),
    wrong,
  );
  return { element: h("div", { class: "stack" }, head, frame("Definition", made, side, [save])), leave: made.leave };
}

function frame(title, made, side, buttons) {
  return h(
    "div",
    { class: "workshop" },
    h(
      "section",
      { class: "panel" },
      h("div", { class: "head" }, h("h2", {}, title), h("div", { class: "row" }, made.unsaved, buttons)),
      made.element,
    ),
    side.element,
  );
}

/** What the text means, sentence by sentence, and what saving would change. */
function sideOf(sort) {
  const means = h("ul", { class: "means" });
  const about = h("p", { class: "about" });
  const changes = h("div", { hidden: true });
  const element = h(
    "section",
    { class: "panel side", aria: { label: "What it means" } },
    h("h2", {}, "What it means"),
    about,
    means,
    changes,
  );
  return {
    element,
    show(definition, problems, changed) {
      element.classList.toggle("old", !definition);
      if (definition) {
        say(about, definition.description);
        fill(
          means,
          sort.meaningOf(definition).map((said) => h("li", {}, said)),
        );
      } else if (!means.childElementCount) say(about, "It cannot be told yet: see the problem marked in the text.");
      changes.hidden = !changed.length;
      fill(
        changes,
        h("h2", {}, "What saving changes"),
        h(
          "dl",
          {},
          changed.map(({ field, from, to }) => [
            h("dt", {}, field),
            h("dd", {}, from && h("del", {}, from), from ? " → " : "", h("ins", {}, to || "nothing")),
          ]),
        ),
      );
    },
  };
}
