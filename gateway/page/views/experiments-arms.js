/** The arms of a new experiment, to be written: names, values, shares. */

import { h } from "../dom.js";
import { NAME, valued } from "./experiments-said.js";

const ARMS_MAX = 10;

/** What a setting takes, in words; nothing where any text will do, or where there are choices to see. */
export function inWords({ kind, choices, minimum, maximum }) {
  if (choices.length || !["whole", "number"].includes(kind)) return "";
  const what = kind === "whole" ? "a whole number" : "a number";
  if (minimum !== null && maximum !== null) return `${what} from ${minimum} to ${maximum}`;
  return minimum === null ? what : `${what} of at least ${minimum}`;
}

/** Where a value is chosen or typed, as its setting takes it. */
function valueOf({ kind, choices, minimum, maximum }, held, isControl) {
  const about = { "aria-describedby": "note-parameter wrong-arms" };
  const asNow = held === "" ? "(nothing, as now)" : `${valued(held)} (as now)`;
  if (choices.length) {
    const rest = isControl ? choices.filter((one) => one !== held) : choices;
    const first = h("option", { value: "" }, isControl ? asNow : "Choose …");
    return h(
      "select",
      about,
      first,
      rest.map((value) => h("option", { value }, value === held ? asNow : value)),
    );
  }
  const given = { ...about, autocomplete: "off", placeholder: isControl ? asNow : null };
  if (!["whole", "number"].includes(kind)) return h("input", { ...given, maxlength: 10_000 });
  return h("input", { ...given, type: "number", min: minimum, max: maximum, step: kind === "whole" ? 1 : "any" });
}

/** Control with the value of now, and one arm or more beside it, each with a share. */
export function armsOf(onchange) {
  const body = h("tbody");
  const add = h(
    "button",
    { type: "button", onclick: () => (row(`b${body.children.length}`), even(), onchange()) },
    "Another arm",
  );
  const element = h(
    "div",
    { class: "stack arms-form" },
    h(
      "table",
      { class: "arms-of" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Arm", "Value", "Share [%]", ""].map((name) =>
            h("th", { scope: "col" }, name || h("span", { class: "hidden" }, "Remove")),
          ),
        ),
      ),
      body,
    ),
    h(
      "div",
      { class: "actions" },
      add,
      h("button", { type: "button", onclick: () => (even(), onchange()) }, "Equal shares"),
    ),
  );
  const rows = () => [...body.children].map((one) => one.parts);
  let takes = { kind: "text", choices: [] };
  let held = ""; // what the line works with

  function row(name, fixed = false) {
    const parts = {
      name: h("input", {
        value: name,
        maxlength: 63,
        readonly: fixed,
        "aria-label": "Arm",
        autocomplete: "off",
        oninput: called,
      }),
      value: valueOf(takes, held, fixed),
      share: h("input", { type: "number", min: 0.01, max: 99.99, step: "any" }),
    };
    called();
    parts.called = called;
    function called() {
      parts.value.setAttribute("aria-label", `Value of arm ${parts.name.value}`);
      parts.share.setAttribute("aria-label", `Share of arm ${parts.name.value} in percent`);
    }
    const out =
      !fixed &&
      h(
        "button",
        {
          type: "button",
          class: "plain",
          "aria-label": `Remove arm ${name}`,
          onclick: () => (one.remove(), even(), onchange()),
        },
        "✕",
      );
    const cells = [parts.name, parts.value, parts.share, out].map((part) => h("td", {}, part));
    const one = h("tr", {}, cells);
    one.parts = parts;
    body.append(one);
  }

  function even() {
    const all = rows();
    const share = Math.floor(10_000 / all.length) / 100;
    all.forEach(
      ({ share: input }, i) =>
        (input.value = i ? share : (100 - share * (all.length - 1)).toFixed(2).replace(/\.?0+$/, "")),
    );
    add.disabled = all.length >= ARMS_MAX;
    for (const button of body.querySelectorAll("button")) button.hidden = all.length <= 2;
  }

  row("control", true);
  row("b");
  even();
  return {
    element,
    /** What the setting holds and takes. Control works with what it holds, unless something else is given. */
    now(value, accepts) {
      [takes, held] = [accepts, value];
      rows().forEach((parts, n) => {
        const control = valueOf(takes, held, n === 0);
        parts.value.replaceWith(control);
        parts.value = control;
        parts.called();
      });
    },
    valueInput: (name) => (rows().find((one) => one.name.value === name) ?? rows()[1]).value,
    values: () =>
      Object.fromEntries(
        rows().flatMap(({ name, value }, i) => (i === 0 && value.value === "" ? [] : [[name.value, value.value]])),
      ),
    /** Arms beside control of which it is not said yet with what they work. */
    missing: () =>
      rows()
        .filter(({ value }, i) => i > 0 && value.value === "")
        .map(({ name }) => name.value),
    split: () => Object.fromEntries(rows().map(({ name, share }) => [name.value, Number(share.value) / 100])),
    problem() {
      const all = rows();
      const names = all.map((one) => one.name.value);
      if (new Set(names).size < names.length) return "Two arms have one name.";
      if (names.some((one) => !NAME.test(one))) return "An arm's name is made of a-z, 0-9, _ and -.";
      const bad = all.find(({ value }) => !value.validity.valid);
      if (bad) return `The value of arm ${bad.name.value} is to be ${inWords(takes)}.`;
      const sum = all.reduce((total, one) => total + Number(one.share.value), 0);
      return Math.abs(sum - 100) > 0.1 ? `The shares make ${Number(sum.toFixed(2))} %, not 100.` : "";
    },
  };
}
