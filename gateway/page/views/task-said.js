/** The choice of an agent, told by the figure of whoever chose. Pure: no element, no request. */

export const score = (value) => (value === null || value === undefined ? "–" : Number(value).toFixed(2));

/** The learned model ranks by what an agent is worth; the rules, by their score. */
export const byModel = ({ router, candidates }) =>
  !router?.startsWith("rules") && (candidates ?? []).some((one) => typeof one.utility === "number");

export const figureOf = (decision, one) => (byModel(decision) ? one.utility : one.score);

/** What each got from whoever chose, after who was chosen and for what. */
export function figuresOf(decision) {
  const { agent_id, candidates = [], confidence, propensity } = decision;
  const chosen = candidates.find((one) => one.agent_id === agent_id);
  const other = candidates.find((one) => one.agent_id !== agent_id);
  const figure = (one) => score(figureOf(decision, one));
  const model = decision.decided?.scorer ?? decision.router;
  const who = byModel(decision) ? `${model} values it at` : `${decision.router} gave it`;
  const place = chosen && other && Number(figure(other)) > Number(figure(chosen)) ? "best" : "second";
  const rest = other
    ? `; ${place}: ${other.agent_id} with ${figure(other)}.`
    : candidates.length > 1
      ? "."
      : "; no other came into question.";
  const chance = propensity < 1 ? ` It was left to chance with a share of ${score(propensity)}.` : "";
  return `; ${who} ${chosen ? figure(chosen) : "no figure"}, ${score(confidence)} sure${rest}${chance}`;
}

/** What a candidate's figure is made of. */
export const madeOf = (decision, one) =>
  byModel(decision)
    ? `expected ${score(one.learned)}; by the rules ${score(one.score)}: ${one.reason}`
    : one.reason;
