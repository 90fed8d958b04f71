/**
 * One conversation over its own connection, that goes on by itself where it was; no user interface in it.
 *
 *     import { Chat } from "./chat-client.js";
 *     const chat = new Chat("c-1", { accessToken });
 *     chat.onevent = ({ event, data }) => show(event, data);     // first `conversation`, then what happens, each once
 *     chat.onstate = ({ state, reason }) => lamp(state);         // connecting, live, stale, closed
 *     chat.send({ text: "Review the login module" });
 *
 * A message is sent until the server says that it has it, over as many connections as that takes: its key makes it the
 * same message. docs/live.md has the connection and its close codes, docs/api.md the conversations.
 */

const AGAIN_MS = 200;
const AGAIN_MS_MAX = 10_000;
const SILENCE_MS = 25_000; // then the server is asked whether it is there
const ANSWER_MS = 10_000;
const ANEW_MS = 5_000; // between two times that the conversation is asked for as a whole
const REST_MS = 60_000; // after so long a hidden page has no connection, and resumes when it is seen
const HOPELESS = new Set([4400, 4401, 4403, 4409, 4422]);
const ANSWERS = {
  stop: ["task_cancelling", "task_cancelled", "task_completed", "task_failed"],
  feedback: ["feedback_received"],
};
const LOST = "The connection was lost before there was an answer; try again.";

export class Chat {
  /** `unsent`: messages of an earlier visit, not accepted yet. `accessToken`: a text, or a function that has it. */
  constructor(conversation_id, { url = urlOf(conversation_id), accessToken = null, unsent = [] } = {}) {
    Object.assign(this, { url, accessToken });
    this.onevent = this.onstate = this.onunsent = this.onaccepted = () => {};
    this.unsent = new Map(unsent.map((message) => [message.key, { ...message, state: "waiting" }]));
    this.asked = new Map(); // by ref: what waits for its answer
    this.token = null;
    this.isOpen = false; // the server has opened the conversation on this connection
    this.bytesMax = 65_536; // of a message; the server says how many
    this.tries = 0;
    this.refs = 0;
    this.anewAt = -Infinity;
    this.presence = null;
    this.reason = null;
    this.resting = false; // nobody has seen the page for a while: it connects when somebody does
    this.state = { state: "connecting", since: Date.now(), reason: null };
    this.ended = new AbortController();
    const { signal } = this.ended;
    addEventListener("online", () => this.connect(), { signal });
    addEventListener("pageshow", () => this.connect(), { signal });
    addEventListener("pagehide", () => this.socket?.close(), { signal });
    addEventListener("visibilitychange", () => this.#seen(!globalThis.document?.hidden), { signal });
  }

  /** Begins; also at once what would begin in a moment. */
  connect() {
    if (this.ended.signal.aborted || this.resting || this.socket) return;
    clearTimeout(this.again);
    const access = typeof this.accessToken === "function" ? this.accessToken() : this.accessToken;
    // A browser sends no header with a WebSocket: the token is a subprotocol, beside one that the server can choose.
    const protocols = access ? ["headway.live", `headway.token.${access}`] : ["headway.live"];
    const socket = (this.socket = new WebSocket(this.url, protocols));
    socket.onopen = () => {
      this.#watch();
      this.#put({ action: "open", token: this.token, ref: "open" });
    };
    socket.onmessage = (frame) => this.#hear(JSON.parse(frame.data));
    socket.onclose = (event) => this.#lost(event.code, event.reason);
  }

  close() {
    this.ended.abort();
    clearTimeout(this.rest);
    clearTimeout(this.again);
    clearTimeout(this.silence);
    this.#drop();
  }

  /** Sends a message, now or as soon as there is a connection. It is in `unsent` until it is accepted. */
  send({ text, agent_id = null, skill = null, model = null }) {
    const message = { key: newKey(), text, agent_id, skill, model, at: 1000 * Date.now(), state: "waiting" };
    this.unsent.set(message.key, message);
    this.#hand(message);
    return message;
  }

  /** Sends a refused message again. */
  retry(key) {
    const message = this.unsent.get(key);
    if (message) this.#hand(Object.assign(message, { state: "waiting", reason: null }));
  }

  /** Gives up a message. */
  forget(key) {
    if (this.unsent.delete(key)) this.onunsent();
  }

  /** Takes a task back. Resolves when that is seen to; an error says why not. */
  stop(task_id) {
    return this.#ask({ action: "stop", task_id });
  }

  /** Says what the person thinks of an answer: positive, neutral or negative. */
  feedback(task_id, { kind, score = null, comment = null }) {
    return this.#ask({ action: "feedback", task_id, kind, score, comment });
  }

  /** Says what the person does here, in a word. */
  present(state) {
    if (state === this.presence) return;
    this.presence = state;
    if (this.isOpen) this.#put({ action: "presence", state });
  }

  /** Asks for the conversation as a whole, as when messages are missing: a reader who is too slow is left out. */
  anew() {
    if (!this.isOpen || performance.now() - this.anewAt < ANEW_MS) return;
    this.anewAt = performance.now();
    this.token = null;
    this.#drop();
    this.connect();
  }

  /** A hidden page rests; what is not accepted yet is not left lying. */
  #seen(visible) {
    clearTimeout(this.rest);
    if (visible) {
      this.resting = false;
      this.connect();
    } else
      this.rest = setTimeout(() => {
        if (this.unsent.size) return this.#seen(false);
        this.resting = true;
        clearTimeout(this.again);
        this.#drop();
      }, REST_MS);
  }

  #hand(message) {
    if (this.isOpen) {
      const { key, text } = message;
      const asked = Object.fromEntries(["agent_id", "skill", "model"].map((name) => [name, message[name] ?? null]));
      const frame = { action: "message", text, key, ref: key, ...asked };
      const bytes = new TextEncoder().encode(JSON.stringify(frame)).length;
      if (bytes > this.bytesMax) {
        const kb = (n) => Math.ceil(n / 1024);
        const most = kb(this.bytesMax);
        const reason = `It is too long to be sent: ${kb(bytes)} KB, and at most ${most} KB go. Shorten it.`;
        Object.assign(message, { state: "refused", reason });
      } else {
        message.state = "sent";
        this.#put(frame);
      }
    }
    this.onunsent();
  }

  #ask(message) {
    if (!this.isOpen) return Promise.reject(new Error("There is no connection now; try again when there is."));
    const ref = `r${++this.refs}`;
    return new Promise((done, refused) => {
      this.asked.set(ref, { done, refused, task_id: message.task_id, answers: ANSWERS[message.action] });
      this.#put({ ...message, ref });
    });
  }

  #hear(message) {
    this.#watch();
    if (message.token) this.token = message.token;
    const { event, data } = message;
    if (event === "welcome") this.bytesMax = data.limits?.message_bytes ?? this.bytesMax;
    if (event === "welcome" || event === "status") this.#tell(data.state, data.since / 1000);
    else if (event === "error") this.#refused(data);
    else if (event === "closing") this.reason = data.reason;
    else if (event === "accepted") this.#accepted(data);
    else if (event !== "pong") {
      if (event === "conversation" || event === "resumed") this.#opened();
      for (const [ref, one] of this.asked) {
        if (one.task_id !== data.task_id || !one.answers.includes(event)) continue;
        this.asked.delete(ref);
        one.done();
      }
      if (event !== "resumed") this.onevent(message);
    }
  }

  #opened() {
    this.tries = 0;
    this.isOpen = true;
    if (this.state.state === "connecting") this.#tell("live");
    if (this.presence) this.#put({ action: "presence", state: this.presence });
    for (const message of this.unsent.values()) if (message.state !== "refused") this.#hand(message);
  }

  #accepted({ key, task_id, repeated }) {
    const message = this.unsent.get(key);
    this.unsent.delete(key);
    if (message) this.onaccepted({ ...message, task_id, repeated });
    this.onunsent();
  }

  #refused({ ref, reason, retry_after }) {
    const message = this.unsent.get(ref);
    const asked = this.asked.get(ref);
    this.asked.delete(ref);
    if (asked) asked.refused(new Error(reason));
    else if (message && retry_after) {
      message.state = "waiting"; // not its fault: a gateway that has just started, or Kafka away
      setTimeout(() => this.unsent.has(ref) && message.state === "waiting" && this.#hand(message), 1000 * retry_after);
      this.onunsent();
    } else if (message) {
      Object.assign(message, { state: "refused", reason });
      this.onunsent();
    } else if (ref === "open") {
      this.reason = reason;
      this.#drop();
      this.#later();
    } else console.warn("chat:", reason);
  }

  #lost(code, reason) {
    this.#drop();
    if (reason) this.reason = reason;
    if (this.ended.signal.aborted) return;
    if (HOPELESS.has(code)) this.#tell("closed", Date.now(), this.reason || `The gateway closed with ${code}.`);
    else this.#later();
  }

  #later() {
    const { state, reason } = this.state;
    if (state !== "connecting" || reason !== this.reason) this.#tell("connecting", Date.now(), this.reason);
    const wait = Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** this.tries++) * (0.5 + Math.random() / 2);
    this.again = setTimeout(() => this.connect(), wait);
  }

  /** Ends the connection without a word more from it; what was asked has no answer. */
  #drop() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.socket = null;
    this.isOpen = false;
    if (socket) {
      socket.onopen = socket.onclose = socket.onmessage = null;
      socket.close();
    }
    for (const one of this.asked.values()) one.refused(new Error(LOST));
    this.asked.clear();
    for (const message of this.unsent.values()) if (message.state === "sent") message.state = "waiting";
  }

  /** A silent connection is asked; one that does not answer is given up: a sleeping laptop does not say goodbye. */
  #watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.#put({ action: "ping" });
      this.silence = setTimeout(() => this.#lost(1006), ANSWER_MS);
    }, SILENCE_MS);
  }

  #tell(state, since = Date.now(), reason = null) {
    if (state === "live") this.reason = null;
    this.state = { state, since, reason };
    this.onstate(this.state);
  }

  #put(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}

/** An id that nobody else makes; `crypto.randomUUID` is not there on a page that came over plain HTTP. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Date.now().toString(36) + Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

function urlOf(conversation_id) {
  const path = `/ws/chat/${encodeURIComponent(conversation_id)}`;
  const url = new URL(path, globalThis.location?.href ?? "http://127.0.0.1:8320");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
