/** Reports side by side: figures in columns, each with its difference from the first. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { empty } from "../ui.js";
import { mark } from "./experiments-list.js";
import { FIGURES, alike, argumentsOf, difference, held, passed, stateOfRun } from "./lab-said.js";

const SIDE_MAX = 4;

export async function side(context, _query, ids) {
  context.keys({ Escape: () => context.go("/lab") });
  const wanted = [...new Set(ids.split(","))].filter(Boolean).slice(0, SIDE_MAX);
  const runs = await Promise.all(wanted.map((id) => get(`/api/lab/runs/${encodeURIComponent(id)}`)));
  const ended = runs.filter(({ report }) => report);
  const head = h("div", {}, h("a", { href: "/lab", class: "back" }, "← Lab"), h("h1", {}, "Side by side"));
  const back = h("a", { href: "/lab" }, "To the runs");
  if (ended.length < 2) {
    const few = empty("Two runs that have ended can be laid side by side.", back);
    return { element: h("div", { class: "stack" }, head, few) };
  }
  const same = ended.every((run) => alike(ended[0], run));
  const judged = same ? "" : " Better and worse are told of runs that had the same load and faults only.";
  const note = h("p", { class: "quiet" }, `Differences are from the first.${judged}`);
  return { element: h("div", { class: "stack" }, head, note, tableOf(ended), targetsOf(ended)) };
}

function tableOf(runs) {
  const heads = runs.map((run) =>
    h(
      "th",
      { scope: "col", class: "num" },
      h("a", { href: `/lab/${encodeURIComponent(run.run_id)}` }, run.asked.scenario),
      h("span", { class: "about quiet" }, argumentsOf(run.asked, run.plan?.minutes).join(", ")),
      mark(stateOfRun(run)),
    ),
  );
  const rows = FIGURES.map((figure) => {
    const values = runs.map(({ report }) => figure.of(report));
    if (values.every((value) => value === null)) return null;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, figure.name),
      values.map((value, n) => {
        const told = n ? difference(figure, values[0], value, alike(runs[0], runs[n])) : null;
        return cell(figure, value, told);
      }),
    );
  });
  return framed("Figures side by side", [h("span", { class: "hidden" }, "Figure"), ...heads], rows);
}

function cell(figure, value, told) {
  const more = told && h("span", { class: `about ${told.tone}` }, [told.words, told.word].filter(Boolean).join(" "));
  return h("td", { class: "num" }, figure.write(value), more);
}

function targetsOf(runs) {
  const names = [...new Set(runs.flatMap(({ report }) => report.targets.map(({ target }) => target)))];
  const rows = names.map((name) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      runs.map(({ report }) => {
        const found = report.targets.find(({ target }) => target === name);
        return h("td", { class: "num" }, found ? mark(passed(found.holds)) : "–");
      }),
    ),
  );
  const heads = runs.map(({ asked, report }) => {
    const words = `${asked.scenario}: ${held(report)} of ${report.targets.length}`;
    return h("th", { scope: "col", class: "num" }, words);
  });
  return framed("Targets side by side", [h("th", { scope: "col" }, "Target"), ...heads], rows);
}

function framed(label, heads, rows) {
  const cells = heads.map((one) => (one.tagName === "TH" ? one : h("th", { scope: "col" }, one)));
  const head = h("thead", {}, h("tr", {}, cells));
  const table = h("table", { class: "side", aria: { label } }, head, h("tbody", {}, rows));
  return h("section", { class: "panel scrolls", tabindex: 0, aria: { label } }, table);
}
