/** What an experiment will be able to tell, while it is written: the least effect in its time, what one takes. */

import { post } from "../api.js";
import { fill, h, say } from "../dom.js";
import { duration, number, percent, time } from "../format.js";
import { daysOf, effectOf, metricOf, spoken, valueOf } from "./experiments-said.js";

const DAY_MS = 86_400_000;
const STILL_MS = 400; // after the last key
const FIRST = "routing_success:binary"; // what is planned for when no metric is named

/** Gives { element, show(plan), leave() }; `plan` is the body of a new experiment as far as it is known. */
export function forecast() {
  let typing = 0;
  let asking = null;
  let plan = {};
  let metric = metricOf(FIRST);
  const wanted = h("input", {
    type: "number",
    min: 0,
    step: "any",
    name: "effect",
    id: "of-effect",
    "aria-describedby": "effect-note",
  });
  const label = h("label", { for: "of-effect" });
  const note = h("span", { class: "quiet note", id: "effect-note" });
  const answer = h("div", { class: "answers", role: "status" });
  const reckoned = h("ul", { class: "means" });
  const details = h("details", { hidden: true }, h("summary", {}, "How that was reckoned"), reckoned);
  const from = h("p", { class: "quiet note" });
  const busy = h("span", { class: "quiet", role: "status" });
  wanted.addEventListener("input", (event) => (event.stopPropagation(), soon()));
  const element = h(
    "section",
    { class: "panel forecast", aria: { label: "What it will be able to tell" } },
    h("div", { class: "head" }, h("h2", {}, "What it will be able to tell"), busy),
    h("div", { class: "stack" }, h("div", { class: "field" }, label, wanted, note), answer, details, from),
  );

  function show(now) {
    plan = now;
    metric = metricOf(now.metrics?.[0] ?? FIRST);
    say(label, `Change worth finding [${unitOf(metric)}]`);
    say(note, `Of ${metric.name}, the first metric; ${metric.lower ? "less" : "more"} is better`);
    soon();
  }

  function soon() {
    clearTimeout(typing);
    typing = setTimeout(ask, STILL_MS);
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    say(busy, "reckoning…");
    const size = Number(wanted.value) * (metric.kind === "binary" ? 0.01 : 1);
    const { arms, split, unit, mode, days, traffic, metrics } = plan;
    const body = {
      arms,
      split,
      unit,
      mode,
      days,
      traffic,
      ...(metrics && { metrics }),
      ...(size > 0 && { effect: metric.lower ? -size : size }),
    };
    try {
      tell(await post("/api/experiments/plan", body, { signal: asking.signal }));
      say(busy, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      say(busy, "");
      fill(answer, h("p", { class: "problem" }, spoken(error.message)));
      details.hidden = true;
    }
  }

  function tell({ seen, least, needed, why_none: why }) {
    fill(
      answer,
      needed && takes(needed),
      least &&
        h(
          "div",
          {},
          h("p", { class: "quiet" }, `Found in ${daysOf(plan.days)} ${chance(least.power)}`),
          h("p", { class: "big" }, effectOf(metric, least.effect, Math.abs(least.effect))),
          h("p", {}, `or more, with ${number(least.units)} ${plan.unit}s.`),
        ),
      why && h("p", { class: "warned" }, `! ${spoken(why)}`),
    );
    const outlook = needed ?? least;
    details.hidden = !outlook;
    fill(
      reckoned,
      (outlook?.sentences ?? []).map((one) => h("li", {}, spoken(one))),
    );
    say(from, seen ? provenance(seen) : "");
  }

  function takes({ units, days, effect, power, arms }) {
    const long = days !== null && days > plan.days;
    const each = Object.entries(arms)
      .map(([arm, n]) => `${arm} ${number(n)}`)
      .join(", ");
    return h(
      "div",
      {},
      h("p", { class: "quiet" }, `To find ${effectOf(metric, effect, Math.abs(effect))} ${chance(power)} it takes`),
      h(
        "p",
        { class: "big" },
        days === null
          ? `${number(units)} ${plan.unit}s`
          : days < 1
            ? duration(days * DAY_MS)
            : daysOf(Math.ceil(days * 10) / 10),
      ),
      h("p", {}, `${number(units)} ${plan.unit}s: ${each}.`),
      long &&
        h(
          "p",
          { class: "warned" },
          `! Longer than the ${daysOf(plan.days)} planned: let it run longer, or look for a larger change.`,
        ),
    );
  }

  function provenance({ tasks, from_at: since, units_a_day: pace, baseline, deviation }) {
    const traffic = pace === null ? "how many come in a day is not known" : `${number(pace)} ${plan.unit}s a day`;
    const spread = metric.kind === "binary" ? "" : `, give or take ${valueOf(metric, deviation)}`;
    const source = `${number(tasks)} tasks handed in since ${time(since)}`;
    return `Estimated from ${source}: ${traffic}, ${metric.name} ${valueOf(metric, baseline)}${spread}.`;
  }

  return { element, show, leave: () => (clearTimeout(typing), asking?.abort()) };
}

const chance = (power) => `${percent(power, 0)} of the time`;

function unitOf({ kind, name }) {
  if (kind === "binary") return "points";
  return name.endsWith("_ms") ? "ms" : name.startsWith("cost_usd") ? "$" : "its own unit";
}
