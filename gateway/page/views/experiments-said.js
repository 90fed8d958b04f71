/** What experiments say, in words and figures. Pure: no element, no request. */

import { count, duration, number } from "../format.js";

const DAY_MS = 86_400_000;
export const BUCKETS = 10_000;
export const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** A metric as it is written: NAME[:KIND][:lower], or NUM/DEN:ratio. */
export function metricOf(spec) {
  let [name, lower] = [spec, false];
  if (/:(lower|higher)$/.test(name)) {
    lower = name.endsWith(":lower");
    name = name.slice(0, name.lastIndexOf(":"));
  }
  const kind = /:(mean|binary|ratio|quantile)(?:@[\d.]+)?$/.exec(name);
  if (kind) name = name.slice(0, kind.index);
  return { spec, name, kind: kind?.[1] ?? "mean", lower };
}

/** The metric of a plan that a report calls so; of two of one name the report says what was typed. */
export const named = (specs, name) =>
  specs.map(metricOf).find((one) => one.name === name || one.spec === name) ?? metricOf(name);

/** `sim_speed = 16`; what is long, such as text for prompts, is cut. */
export const valued = (value) => (value === "" ? "(nothing)" : value.length > 40 ? `${value.slice(0, 39)}…` : value);

const digits = new Map();
function fixed(value, places) {
  const most = Math.min(9, Math.max(0, places));
  if (!digits.has(most))
    digits.set(most, new Intl.NumberFormat("en", { minimumFractionDigits: most, maximumFractionDigits: most }));
  return digits.get(most).format(value);
}

/** With its sign, unless it rounds to nothing. */
function signed(value, write) {
  const text = write(Math.abs(value));
  return /[1-9]/.test(text) ? (value > 0 ? "+" : "−") + text : text;
}

const plain = (value) => (Math.abs(value) >= 1000 ? number(value) : String(Number(value.toPrecision(3))));

/** The metric in an arm. */
export function valueOf(metric, value) {
  if (value === null || value === undefined) return "–";
  if (metric.kind === "binary") return `${fixed(100 * value, 1)} %`;
  if (metric.name.endsWith("_ms")) return duration(value);
  if (metric.name.startsWith("cost_usd")) return `$${plain(value)}`;
  return plain(value);
}

/** A difference of it, as precise as `width`, that of its interval, allows. */
export function effectOf(metric, value, width = Math.abs(value)) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const places = width > 0 ? 1 - Math.floor(Math.log10(width)) : 3;
  if (metric.kind === "binary") return `${signed(100 * value, (v) => fixed(v, places - 2))} points`;
  if (metric.name.endsWith("_ms")) return signed(value, duration);
  return signed(value, (v) => fixed(v, places));
}

/** A difference as a share of control's value. */
export const relativeOf = (value) =>
  value === null || !Number.isFinite(value) ? "–" : signed(100 * value, (v) => `${fixed(v, v < 10 ? 1 : 0)} %`);

/** Of an interval; undefined where none is known, so that an effect is written as precise as itself. */
export const widthOf = ({ low, high }) => (low === null || high === null ? undefined : high - low);

export function between(metric, low, high, and = "to") {
  if (low === null || high === null) return "not known yet";
  return `${effectOf(metric, low, high - low).replace(" points", "")} ${and} ${effectOf(metric, high, high - low)}`;
}

export const pOf = (p) =>
  p === null || p === undefined ? "–" : p < 0.0001 ? "< 0.0001" : String(Number(p.toPrecision(2)));

/** Better, worse, or unclear: a tone and a word. */
export function judged(metric, effect, low, high) {
  if (low === null || high === null || (low <= 0 && high >= 0)) return { tone: "unsure", word: "unclear" };
  return effect > 0 !== metric.lower ? { tone: "good", word: "better" } : { tone: "bad", word: "worse" };
}

/** Whether a verdict says first that it has too few units, in its own words; "": it does not. */
export const tooEarly = (said) => (said?.reasons ?? []).slice(0, 1).find((reason) => /extend it/.test(reason)) ?? "";

/** Whether the units are too few to say how sure an effect is; a test that is only young has its intervals. */
const tooFew = (verdict) => /smallest arm/.test(tooEarly(verdict));

/**
 * Rows of what is compared, from a report or, where the warehouse has none, from the newest verdict:
 * { metric, arm, units, value, base, effect, low, high, relative, p, tone, word }, control's own aside. `least`: by
 * metric, the units that an interval takes in each arm; below, one is as wide as the world and says nothing.
 */
export function comparisons(experiment, report, verdict, least = {}) {
  const specs = experiment.metrics;
  const flat = report
    ? Object.entries(report.metrics).flatMap(([metric, ofArm]) =>
        Object.entries(ofArm).map(([arm, one]) => ofReport(report, metric, arm, one)),
      )
    : (verdict?.figures ?? []);
  const bases = new Map(flat.filter((one) => one.arm === experiment.control).map((one) => [one.metric, one]));
  return flat
    .filter((one) => one.arm !== experiment.control && one.effect !== null)
    .map((one) => {
      const units = Math.min(one.units, bases.get(one.metric)?.units ?? Infinity);
      const few = report ? units < (least[one.metric] ?? 0) : tooFew(verdict);
      return few ? { ...one, low: null, high: null, p: null, few } : { ...one, few };
    })
    .map((one) => {
      const metric = named(specs, one.metric);
      const base = bases.get(one.metric)?.value ?? null;
      const share = (value) => (base && value !== null ? value / Math.abs(base) : null);
      const relative = { effect: share(one.effect), low: share(one.low), high: share(one.high) };
      const { tone, word } = judged(metric, one.effect, one.low, one.high);
      return { ...one, metric, base, relative, tone, word: one.few ? "too few" : word };
    });
}

function ofReport(report, metric, arm, one) {
  const [low, high] = (report.mode === "sequential" ? one.cs_adjusted : one.ci_adjusted) ?? [null, null];
  const p = report.mode === "sequential" ? one.p_always_valid_adjusted : one.p_adjusted;
  return { metric, arm, units: one.n, value: one.mean, effect: one.effect, low, high, p };
}

/** What the band of an effect over time means, and why it is narrower than the interval of the same effect above it. */
export function bandSaid(comparisons) {
  const said = "The line is the effect as it was known then, the band where the true effect may be: right at all looks";
  if (comparisons < 2) return `${said} together.`;
  const all = `all ${comparisons} comparisons hold together`;
  return `${said}, of this comparison alone. The interval in the table and the verdict is wider, so that ${all}.`;
}

/** The comparisons to show first: all arms on the metric that decided, or that is nearest to deciding. */
export function foremost(rows, winner) {
  const surest = (some) =>
    some.reduce((best, row) => (best === null || (row.p ?? 1) < (best.p ?? 1) ? row : best), null);
  const first = surest(rows.filter((row) => row.arm === winner && row.tone === "good")) ?? surest(rows);
  return rows.filter((row) => row.metric.spec === first?.metric.spec);
}

/** Guardrails of a report: { metric, arm, effect, low, high, stops }; `least` as for comparisons. */
export function guards(experiment, report, least = {}) {
  const units = Math.min(...Object.values(report?.srm.counts ?? {}));
  const few = (name) => units < (least[name] ?? 0);
  return Object.entries(report?.guardrails ?? {}).flatMap(([name, ofArm]) =>
    Object.entries(ofArm).map(([arm, { effect, cs, stops }]) => ({
      metric: named(experiment.guardrails, name),
      arm,
      effect,
      low: few(name) ? null : cs[0],
      high: few(name) ? null : cs[1],
      stops,
    })),
  );
}

const VERDICTS = {
  winner: { tone: "good", word: "winner" },
  "no difference shown": { tone: "quiet", word: "no difference shown" },
  mixed: { tone: "warn", word: "mixed" },
  invalid: { tone: "bad", word: "invalid" },
  "too few data": { tone: "wait", word: "too few data" },
};

/** The verdict in a word. `said`: { verdict, winner }. */
export function verdictOf(said) {
  if (!said?.verdict) return VERDICTS["too few data"];
  const known = VERDICTS[said.verdict] ?? { tone: "wait", word: said.verdict };
  return said.winner ? { ...known, word: `${said.winner} wins` } : known;
}

/** The verdict in a sentence. `why`: what the line says where nothing can be said yet. */
export function sentence(experiment, said, rows, why = "") {
  const { control } = experiment;
  const told = (one) =>
    `${one.metric.name} ${valueOf(one.metric, one.base)} → ${valueOf(one.metric, one.value)} ` +
    `(${effectOf(one.metric, one.effect, widthOf(one))}, ` +
    `between ${between(one.metric, one.low, one.high, "and")})`;
  if (!said?.verdict || said.verdict === "too few data")
    return `Nothing can be said yet. ${why || said?.reasons?.[0] || "There are too few data."}`;
  if (tooEarly(said)) return `It is too early for a verdict. ${tooEarly(said)}`;
  if (said.verdict === "invalid") return `Read no effect from this experiment. ${said.reasons[0] ?? ""}`;
  if (said.verdict === "mixed")
    return `The result is mixed: ${said.reasons.at(-1) ?? ""} No rule can weigh that for you.`;
  if (said.winner === control) return `Keep “${control}”: ${said.reasons[0] ?? "every other arm is worse."}`;
  if (said.winner) {
    const better = rows.filter((one) => one.arm === said.winner && one.tone === "good");
    const value = valueIn(experiment, said.winner);
    const more = better.length > 1 ? `, and on ${count(better.length - 1, "metric")} more` : "";
    const arm = `“${said.winner}” (${experiment.parameter} = ${valued(value)})`;
    const what = better.length ? told(better[0]) : "what was measured";
    return `${arm} wins: better on ${what}${more}, and worse on nothing measured.`;
  }
  const seen = rows.find((one) => one.tone !== "unsure");
  if (seen) return `No arm wins; “${seen.arm}” is ${seen.word} than “${control}” on ${told(seen)}.`;
  const first = rows.find((row) => !row.few);
  if (!first) return said.reasons?.[0] ?? "No difference is shown.";
  const span = between(first.metric, first.low, first.high, "and");
  const { metric, arm } = first;
  return `No difference is shown so far: on ${metric.name} the effect of “${arm}” may be between ${span}.`;
}

export const valueIn = (experiment, arm) => experiment.arms.find((one) => one.name === arm)?.value ?? "";

/** How long it has run by `nowUs`, pauses aside [ms]. */
export const ranMs = (one, nowUs) => one.ran_ms + (one.status === "running" ? Math.max(0, nowUs - one.at) / 1000 : 0);

export const lastsMs = (one) => one.days * DAY_MS;

export const daysOf = (days) =>
  `${Number(days.toFixed(days < 10 ? 1 : 0)).toLocaleString("en")} ${days === 1 ? "day" : "days"}`;

const STATES = { draft: "wait", running: "busy", paused: "warn", completed: "quiet" };
export const stateOf = ({ status }) => ({ tone: STATES[status] ?? "wait", word: status });

/** Units that have been counted, by arm. */
export function unitsOf(report, verdict, funnel) {
  if (report) return report.srm.counts;
  if (funnel) return Object.fromEntries(Object.entries(funnel).map(([arm, stages]) => [arm, stages[0]?.count ?? 0]));
  const found = {};
  for (const { arm, units } of verdict?.figures ?? []) found[arm] = Math.max(found[arm] ?? 0, units);
  return found;
}

/** By arm: what each look knew of a metric, once each arm had the `least` units. */
export function seen(looks, metric, least = 0) {
  const found = new Map();
  for (const look of looks.filter(({ n }) => Math.min(...Object.values(n)) >= least)) {
    for (const [arm, { effect, cs }] of Object.entries(look.metrics[metric.name] ?? look.metrics[metric.spec] ?? {})) {
      if (!found.has(arm)) found.set(arm, []);
      found.get(arm).push({
        at: look.at,
        effect,
        low: cs[0],
        high: cs[1],
        units: Object.values(look.n).reduce((sum, n) => sum + n, 0),
      });
    }
  }
  return found;
}

/** The same from the verdicts so far, where the warehouse does not tell. */
export function heard(verdicts, metric) {
  const found = new Map();
  for (const { to_at: at, figures } of verdicts.filter((one) => !tooFew(one))) {
    const mine = figures.filter((one) => one.metric === metric.name || one.metric === metric.spec);
    const units = mine.reduce((sum, one) => sum + one.units, 0);
    for (const { arm, effect, low, high } of mine.filter((one) => one.effect !== null)) {
      if (!found.has(arm)) found.set(arm, []);
      found.get(arm).push({ at, effect, low, high, units });
    }
  }
  return found;
}

/**
 * A scale for some courses, [low, high]: zero, all effects, and of the intervals as much as is not far wider than the
 * last, for those of the first looks would flatten what is known now. `courses`: lists of { effect, low, high }, oldest
 * first.
 */
export function extentOf(courses) {
  const bounds = courses.flatMap((looks) => {
    const last = looks.at(-1);
    const room = 2 * ((last?.high ?? 0) - (last?.low ?? 0)) || Infinity;
    const from = Math.min(0, last?.effect ?? 0) - room;
    const to = Math.max(0, last?.effect ?? 0) + room;
    return looks.flatMap(({ effect, low, high }) =>
      [effect, low, high].filter(Number.isFinite).map((bound) => Math.min(to, Math.max(from, bound))),
    );
  });
  const [least, most] = [Math.min(0, ...bounds), Math.max(0, ...bounds)];
  const beyond = 0.08 * (most - least || 1);
  return [least - beyond, most + beyond];
}

/** Round places for an axis, zero among them. */
export function ticks(low, high, wanted = 5) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw) ?? raw;
  const found = [];
  for (let at = Math.ceil(low / step); at <= Math.floor(high / step); at++) found.push(at * step);
  return found;
}

/** Which field of the form a refusal of the API is about. */
export function fieldOf(refusal) {
  const place = /^(?:body\.|the body: ?)?"?([a-z_]+)"?[.:[ ]/i.exec(refusal)?.[1];
  if (/name for an experiment|take another name/i.test(refusal)) return "name";
  if (/\barms?\b|--split|shares/i.test(refusal)) return "arms";
  if (/setting that experiments can vary|varies/i.test(refusal)) return "parameter";
  if (/bandit/i.test(refusal)) return "mode";
  if (/layer|--traffic/i.test(refusal)) return "traffic";
  if (/\bdays\b/i.test(refusal)) return "days";
  if (/metric|column|covariate/i.test(refusal)) return "metrics";
  return place &&
    ["name", "parameter", "question", "unit", "mode", "metrics", "guardrails", "covariates", "cluster"].includes(place)
    ? place
    : null;
}

/** The API speaks of the options of the command; here they are fields. */
export const spoken = (refusal) =>
  refusal.replaceAll(/--([a-z][a-z-]*)/g, (_, option) => `“${option.replaceAll("-", " ")}”`);
