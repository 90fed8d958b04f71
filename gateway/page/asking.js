/** A question before something is changed, with fields for what it takes and one for why. */

import { h } from "./dom.js";

/**
 * A question with a field, several or none, and a reason. Resolves to what was given, or null. An option may say what
 * other fields hold when it is chosen: [value, label, { name: value }]; where somebody has typed, that stays.
 */
export function asked(question, action, { field = [], danger = false, whyNeeded = false, whyMost = 1000 } = {}) {
  return new Promise((answer) => {
    const fields = [field ?? []].flat().map((one) => ({ ...one, input: inputOf(one) }));
    for (const one of fields) one.input.addEventListener("input", () => (one.typed = true));
    for (const one of fields.filter(({ options }) => options)) {
      one.input.addEventListener("change", () => offer(fields, one.options[one.input.selectedIndex - 1]?.[2]));
    }
    const reason = h("input", {
      name: "reason",
      maxlength: whyMost,
      autocomplete: "off",
      required: whyNeeded,
      placeholder: "for those who ask later",
    });
    const dialog = h("dialog", { class: "sure", aria: { label: question }, onclose: ended });
    function ended() {
      dialog.remove();
      if (dialog.returnValue !== "yes") return answer(null);
      const given = ({ name, type, input }) => [name, type === "number" ? Number(input.value) : input.value];
      answer({ ...Object.fromEntries(fields.map(given)), ...(reason.value && { reason: reason.value }) });
    }
    dialog.append(
      h(
        "form",
        { method: "dialog", class: "stack" },
        h("p", {}, question),
        fields.map(({ label, input }) => h("label", {}, label, input)),
        h("label", {}, whyNeeded ? "Why" : "Why (if you like)", reason),
        h(
          "div",
          { class: "actions" },
          h("button", { value: "no", type: "submit", formnovalidate: true }, "Cancel"),
          h("button", { value: "yes", type: "submit", class: danger ? "danger" : "primary" }, action),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    (fields[0]?.input ?? dialog.querySelector("button")).focus();
  });
}

function offer(fields, values = {}) {
  for (const field of fields) {
    if (Object.hasOwn(values, field.name) && !field.typed) field.input.value = values[field.name];
  }
}

const inputOf = (field) => (field.options ? chooser(field) : h("input", { ...field, required: true }));

function chooser({ name, options, value }) {
  const select = h(
    "select",
    { name, required: true },
    h("option", { value: "" }, "Choose"),
    options.map(([one, label]) => h("option", { value: one }, label)),
  );
  select.value = value;
  return select;
}
