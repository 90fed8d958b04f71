/** What is said of models, in words and figures. Pure: no element, no request. */

export const RULES = "rules";

/** Its state: a tone and a word. */
export function stateOf({ name, status, in_use: used }) {
  if (used) return { tone: "good", word: "in use" };
  if (name === RULES) return { tone: "quiet", word: "rules" };
  if (status === "promoted") return { tone: "quiet", word: "was in use" };
  return { candidate: { tone: "wait", word: "candidate" }, rejected: { tone: "bad", word: "rejected" } }[status];
}

/** Which model a rollback would go back to. */
export function before(models) {
  const ever = models.filter((one) => one.status === "promoted" && one.promoted_at !== null);
  ever.sort((a, b) => b.promoted_at - a.promoted_at);
  if (!ever.length || (ever.length === 1 && ever[0].name === RULES)) return null;
  return ever[1]?.name ?? RULES;
}

const fixed = (places) => (value) => value.toFixed(places);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
const share = (value) => `${(100 * value).toFixed(1)} %`;

/** What is measured: a name, how it is written, and what it means. */
export const MEASURES = {
  held_out: ["Held out", (value) => value.toLocaleString("en"), "Decisions that it had not seen and was held to."],
  success_held_out: ["Their success", share, "Mean label of these."],
  gain: ["Gain", signed, "Success its choices would have had beyond those that were made."],
  gain_certainty: ["Certainty", share, "How certain it is that the gain is above nothing."],
  auc: ["AUC", fixed(3), "How often a success was given more than a failure; 0.5 is chance."],
  log_loss: ["Log loss", fixed(4), "Of its predictions; less is better."],
  log_loss_rates: ["Log loss of rates", fixed(4), "Of the agents' success rates alone."],
  champion_log_loss: ["Log loss of the one in use", fixed(4), "On the same decisions."],
  ece: ["ECE", fixed(3), "How far what it says is from what happens, on average."],
  abstains: ["Abstains", share, "Tasks it leaves to the rules, being unlike what it has learned from."],
};

export const measured = (model, name) => (name in model.metrics ? MEASURES[name][1](model.metrics[name]) : "–");

/** The interval of the gain, or nothing. */
export function gainSpan({ metrics }) {
  if (!("gain_low" in metrics)) return "";
  return `between ${signed(metrics.gain_low)} and ${signed(metrics.gain_high)}`;
}

/** What promoting it means, as a question. */
export function effectOf({ name, status, reason }) {
  if (name === RULES)
    return "Go back to the rules alone? No model is asked any more, and none is put to use until somebody does it.";
  const forced = status === "rejected" ? ` The gate rejected it: ${reason}` : "";
  return `Put ${name} to use? Routers take it within seconds, for tasks decided from then on.${forced}`;
}

const APART_MAX = 0.1; // as the gate holds a model to half of it, and the question of the warehouse to all of it
const PSI_SMALL = 0.1;
const PSI_MAX = 0.25;

/** Whether what was expected came true, by band: a tone and a sentence. `apart` is null where there were too few. */
export function expectedIn(bands) {
  const known = bands.filter((one) => one.apart !== null);
  if (!known.length)
    return { tone: "quiet", words: "Too few decisions yet: something is said of a band from 30 decisions on." };
  const worst = known.reduce((one, other) => (other.apart > one.apart ? other : one));
  const points = Math.round(100 * worst.apart);
  if (worst.apart <= APART_MAX)
    return { tone: "", words: `✓ It means what it says: off by at most ${points} points.` };
  const [low, high] = [Math.round(100 * worst.band), Math.round(100 * worst.band + 10)];
  const more = worst.expected > worst.observed ? "more" : "less";
  const off = `Where it says ${low}–${high} % it expects ${points} points ${more} than comes true`;
  return { tone: "warning", words: `! ${off}. To train anew: headway train` };
}

/** Whether the tasks have moved: a tone, a sentence, and a word for one feature. */
export function driftIn(features) {
  if (!features.length)
    return { tone: "quiet", words: "Too few tasks yet: it takes 200 of late and 200 that it has learned from." };
  const worst = features.reduce((one, other) => (other.psi > one.psi ? other : one));
  const by = `by their ${worst.feature}`;
  const others = `! The tasks are others ${by}. To learn from those of late: headway train`;
  if (worst.psi >= PSI_MAX) return { tone: "warning", word: "! others", words: others };
  const little = `✓ They have moved a little ${by}; that is normal.`;
  if (worst.psi >= PSI_SMALL) return { tone: "", word: "a little", words: little };
  return { tone: "", word: "✓ alike", words: "✓ They are like those it has learned from." };
}
