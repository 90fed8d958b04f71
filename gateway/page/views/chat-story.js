/**
 * What a conversation is by now, from its beginning and the live messages since. Pure: the same messages give the same
 * conversation, whichever of them come as history and whichever live.
 *
 * A turn is as the API tells it; what is added here are `edition` (another number: the answer was replaced, it did not
 * just grow), `tries` (attempts that ended without success), `doing` (what the agent says it does), `missing` (pieces
 * of the answer did not come) and `cut` (its texts are to be fetched whole).
 */

const ENDS = { task_completed: "completed", task_failed: "failed", task_cancelled: "cancelled" };
const BOUGHT = ["tokens_in", "tokens_out", "cost_usd_micros"];
const OF_END = ["agent_id", "instance_id", "model", "attempts", "quality", "error", ...BOUGHT];

const ADDED = () => ({ edition: 0, tries: [], doing: null, missing: false, cut: false });

export const isOpen = (turn) => turn.finished_at === null;

/** A message as a title: its words, without marks of Markdown. */
export const plain = (text) => text.replace(/[*`#_~>|]+/g, "").replace(/\s+/g, " ").trim();

/** From the `conversation` that the server shows first. */
export function storyOf({ conversation_id, title, turns, more, next, preferences }) {
  const story = { conversation_id, title, more, next, preferences, turns: new Map(), here: [] };
  for (const turn of turns) {
    const missing = isOpen(turn) && !turn.answer_whole;
    story.turns.set(turn.task_id, { ...turn, ...ADDED(), missing });
  }
  return story;
}

/** Puts older turns before the others. */
export function addOlder(story, { turns, more, next, title }) {
  const older = storyOf({ turns }).turns;
  for (const [task_id, turn] of story.turns) older.set(task_id, turn);
  Object.assign(story, { turns: older, more: more ?? next !== null, next, title });
}

/** Takes a message; gives the turn that it changed, or null. */
export function apply(story, message) {
  const { event, data } = message;
  if (event === "presence") {
    story.here = data.here;
    return null;
  }
  if (!data.task_id) return null;
  const turn = turnOf(story, message);
  if (turn) TAKE[event]?.(turn, message);
  return turn;
}

/** A message of one's own that the server has. */
export function addAccepted(story, { task_id, text, agent_id, skill, model, at, by }) {
  const turn = story.turns.get(task_id) ?? blank(task_id, at);
  Object.assign(turn, { text, by: turn.by ?? by, asked: { agent_id, skill, model }, cut: false });
  story.turns.set(task_id, turn);
  story.preferences = turn.asked;
  return turn;
}

/** Takes a turn as the API shows it, for one whose texts were cut. */
export function complete(story, told) {
  const turn = story.turns.get(told.task_id);
  if (!turn) return null;
  if (isOpen(turn)) return Object.assign(turn, { text: told.text, cut: false }); // of its answer we may know more
  if (turn.answer !== told.answer) turn.edition++;
  return Object.assign(turn, told, { cut: false, missing: false });
}

/** Of a turn that is older than those shown nothing is told here. */
function turnOf(story, { event, data, timestamp }) {
  let turn = story.turns.get(data.task_id) ?? null;
  if (event === "task_submitted") {
    if (!turn) story.turns.set(data.task_id, (turn = blank(data.task_id, timestamp)));
    story.preferences = { agent_id: data.agent_id, skill: data.skill, model: data.model };
    if (!story.title) story.title = data.text;
  }
  return turn;
}

const blank = (task_id, at) => ({
  task_id,
  text: "",
  by: null,
  asked: { agent_id: null, skill: null, model: null },
  at,
  state: "submitted",
  skill: null,
  agent_id: null,
  instance_id: null,
  model: null,
  router: null,
  confidence: null,
  reason: null,
  steps: [],
  attempt: 0,
  sequence: -1,
  answer: "",
  answer_whole: true,
  submitted_at: at,
  started_at: null,
  finished_at: null,
  quality: null,
  attempts: 0,
  tokens_in: 0,
  tokens_out: 0,
  cost_usd_micros: 0,
  error: null,
  feedback: null,
  ...ADDED(),
});

const TAKE = {
  task_submitted(turn, { data, timestamp }) {
    if (!turn.text) Object.assign(turn, { text: data.text, cut: Boolean(data.text_cut) });
    turn.by ??= data.by ?? null;
    turn.asked = { agent_id: data.agent_id, skill: data.skill, model: data.model };
    turn.model ??= data.model;
    turn.at = turn.submitted_at = timestamp;
  },
  task_queued(turn, { data }) {
    const { agent_id, skill, confidence, reason, router, steps } = data;
    Object.assign(turn, { agent_id, skill, confidence, reason, router, steps, model: data.model ?? turn.model });
    move(turn, "queued");
  },
  task_moved(turn, { data }) {
    if (["assigned", "running", "judged"].includes(turn.state)) return; // an instance has it by now
    Object.assign(turn, { agent_id: data.agent_id, instance_id: null, reason: data.reason });
    move(turn, "queued");
  },
  agent_assigned(turn, { data }) {
    Object.assign(turn, { agent_id: data.agent_id, instance_id: data.instance_id });
    attempt(turn, data.attempt);
    move(turn, "assigned");
  },
  task_started(turn, { data, timestamp }) {
    attempt(turn, data.attempt);
    Object.assign(turn, { agent_id: data.agent_id, instance_id: data.instance_id });
    turn.started_at ??= timestamp;
    turn.sequence = Math.max(turn.sequence, data.sequence ?? -1);
    move(turn, "running");
  },
  progress_update(turn, { data }) {
    if (!isOpen(turn) || data.attempt < turn.attempt) return;
    attempt(turn, data.attempt);
    if (data.sequence <= turn.sequence) return;
    // The first piece may be 0 or 1: the start of an attempt counts too, and may be told before or not at all.
    if (data.sequence > Math.max(1, turn.sequence + 1)) turn.missing = true;
    turn.sequence = data.sequence;
    if (data.kind === "text") turn.answer += data.message ?? "";
    else if (data.message) turn.doing = data.message;
    move(turn, "running");
  },
  attempt_ended(turn, { data }) {
    if (["completed", "cancelled"].includes(data.kind) || turn.tries.some((one) => one.attempt === data.attempt)) return;
    turn.tries.push({ attempt: data.attempt, kind: data.kind, error: data.error });
  },
  task_evaluated(turn, { data }) {
    turn.quality = data.quality;
    if (data.verdict !== "redo") move(turn, "judged");
    else turn.tries.push({ attempt: data.attempt, kind: "not good enough", error: data.reasons?.join("; ") });
  },
  task_cancelling: (turn) => move(turn, "cancelling"),
  task_completed: ended,
  task_failed: ended,
  task_cancelled: ended,
  feedback_received(turn, { data, timestamp }) {
    turn.feedback = { kind: data.kind, score: data.score, comment: data.comment, by: data.by, at: timestamp };
  },
};

function move(turn, state) {
  if (isOpen(turn)) turn.state = state;
}

/** A new attempt begins the answer anew. */
function attempt(turn, number) {
  if (!isOpen(turn) || number <= turn.attempt) return;
  if (turn.answer) turn.edition++;
  Object.assign(turn, { attempt: number, sequence: -1, answer: "", answer_whole: true, doing: null, missing: false });
}

function ended(turn, { event, data, timestamp }) {
  for (const name of OF_END) turn[name] = data[name] ?? turn[name];
  turn.state = data.status ?? ENDS[event];
  if (turn.state === "completed") turn.model = data.model; // null: none was asked
  turn.finished_at = data.finished_at ?? timestamp;
  turn.started_at ??= data.started_at ?? null;
  turn.doing = null;
  const { output, output_cut } = data;
  if (output_cut) {
    turn.cut = turn.missing || !turn.answer.startsWith(output);
  } else if (output && output !== turn.answer) {
    if (!output.startsWith(turn.answer)) turn.edition++;
    turn.answer = output;
  }
  if (!turn.cut) turn.missing = false;
}
