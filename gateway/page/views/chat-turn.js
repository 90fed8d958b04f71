/** One turn: what somebody said, and the answer with how it came about, what it cost and what people think of it. */

import { fill, h, say } from "../dom.js";
import { cost, count, fullTime, number, time } from "../format.js";
import { Streamed } from "../markdown.js";
import { toast, toClipboard } from "../ui.js";
import { Feedback } from "./chat-feedback.js";
import { icon, iconButton } from "./chat-icons.js";
import { Said } from "./chat-said.js";
import { Steps } from "./chat-steps.js";
import { isOpen } from "./chat-story.js";

export class TurnView {
  /** `doing`: { stop, again, feedback, me } */
  constructor(turn, doing) {
    this.turn = turn;
    this.doing = doing;
    this.said = new Said();
    this.by = h("span", { class: "by" });
    this.steps = new Steps();
    this.box = h("div", { class: "answer" });
    this.streamed = new Streamed(this.box);
    this.edition = turn.edition;
    this.length = 0;
    this.note = h("p", { class: "note", hidden: true });
    this.feedback = new Feedback((said) => doing.feedback(this.turn.task_id, said));
    this.figures = h("span", { class: "figures" });
    const stop = () => doing.stop(this.turn);
    this.stop = h("button", { type: "button", class: "stop", hidden: true, onclick: stop }, icon("stop"), "Stop");
    const mine = h("div", { class: "mine", title: fullTime(turn.at) }, this.by, this.said.elements);
    this.element = h("article", { class: "turn", data: { task: turn.task_id } }, mine, this.#answer());
  }

  #answer() {
    const { task_id } = this.turn;
    const copy = async () => {
      if (await toClipboard(this.turn.answer)) toast("Copied.");
      else toast("This browser does not let the page copy; select the text instead.", "warn");
    };
    this.copy = iconButton("copy", "Copy the answer", copy);
    this.again = iconButton("again", "Ask the same again", () => this.doing.again(this.turn));
    const title = "All that happened to it";
    const href = `/tasks/${encodeURIComponent(task_id)}`;
    const timeline = h("a", { class: "icon-button", href, title, aria: { label: title } }, icon("open"));
    this.foot = h("div", { class: "foot" }, this.copy, this.again, this.feedback.buttons, timeline, this.figures);
    const answer = [this.steps.element, this.box, this.note, this.stop];
    return h("div", { class: "theirs" }, answer, this.foot, this.feedback.element);
  }

  /** `canStop`: the composer has a button that stops it, and nothing else. */
  update(turn, canStop) {
    this.turn = turn;
    const open = isOpen(turn);
    this.said.update(turn.text + (turn.cut && open ? "…" : ""));
    say(this.by, turn.by && turn.by !== this.doing.me ? turn.by : "");
    this.element.dataset.state = open ? "open" : turn.state;
    this.steps.update(turn);
    this.#write(turn, open);
    this.#say(turn, open);
    this.stop.hidden = !open || canStop || turn.state === "cancelling";
    this.foot.hidden = open;
    this.copy.hidden = !turn.answer;
    this.feedback.update(turn.feedback, turn.state === "completed");
    say(this.figures, open ? "" : figuresOf(turn));
  }

  /** Only what is new of the answer is given on. */
  #write(turn, open) {
    if (turn.edition !== this.edition || turn.answer.length < this.length) {
      this.streamed.clear();
      this.edition = turn.edition;
      this.length = 0;
    }
    if (turn.answer.length > this.length) {
      if (this.streamed.ended) this.streamed.clear().add(turn.answer);
      else this.streamed.add(turn.answer.slice(this.length));
      this.length = turn.answer.length;
    }
    this.box.hidden = !turn.answer;
    if (!open && !this.streamed.ended) this.streamed.end();
    else this.streamed.paint();
  }

  #say(turn, open) {
    const [text, isBad] = noteOf(turn, open);
    this.note.hidden = !text;
    this.note.classList.toggle("bad", Boolean(isBad));
    if (this.note.dataset.text === text) return;
    this.note.dataset.text = text;
    const again = () => this.doing.again(this.turn);
    fill(this.note, text, isBad && h("button", { type: "button", onclick: again }, "Try again"));
  }
}

/** What is to be said about an answer that is not simply there, and whether that is bad. */
function noteOf(turn, open) {
  if (open) return [turn.missing ? "Some of it is missing here until the answer is complete." : "", false];
  if (turn.state === "completed") {
    if (!turn.answer) return ["The agent gave no answer in words.", false];
    return [turn.answer_whole ? "" : "The answer is longer than what is shown here; the task has all of it.", false];
  }
  if (turn.state === "cancelled") return [turn.answer ? "Stopped here." : "Stopped before it began.", false];
  const why = turn.error ? `: ${turn.error}` : ".";
  if (turn.state === "refused") return [`This was not taken${why}`, true];
  if (turn.state === "expired") return [`It came too late to be of use${why}`, true];
  return [`There is no answer${why}`, true];
}

function figuresOf(turn) {
  const { tokens_in, tokens_out } = turn;
  const tokens = tokens_in || tokens_out ? `${number(tokens_in)} → ${number(tokens_out)} tokens` : "";
  const money = turn.cost_usd_micros ? cost(turn.cost_usd_micros) : "";
  const tries = turn.attempts > 1 ? count(turn.attempts, "attempt") : "";
  return [tokens, money, tries, turn.finished_at && time(turn.finished_at)].filter(Boolean).join(" · ");
}
