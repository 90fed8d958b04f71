/** A question before something is changed, with a field for what it takes and one for why. */

import { h } from "./dom.js";

/** A question with, at most, one field and a reason. Resolves to what was given, or null. */
export function asked(question, action, { field = null, danger = false, whyNeeded = false } = {}) {
  return new Promise((answer) => {
    const input = field && (field.options ? chooser(field) : h("input", { ...field, required: true }));
    const reason = h("input", {
      name: "reason",
      maxlength: 1000,
      autocomplete: "off",
      required: whyNeeded,
      placeholder: "for those who ask later",
    });
    const dialog = h("dialog", { class: "sure", aria: { label: question }, onclose: ended });
    function ended() {
      dialog.remove();
      if (dialog.returnValue !== "yes") return answer(null);
      const value = input && { [field.name]: field.type === "number" ? Number(input.value) : input.value };
      answer({ ...value, ...(reason.value && { reason: reason.value }) });
    }
    dialog.append(
      h(
        "form",
        { method: "dialog", class: "stack" },
        h("p", {}, question),
        input && h("label", {}, field.label, input),
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
    (input ?? dialog.querySelector("button")).focus();
  });
}

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
