/**
 * Live progress in a browser: one connection for the whole page, that goes on by itself where it was.
 *
 *     import { Live } from "./headway.js";
 *     const live = new Live();
 *     const stop = live.subscribe({ session_id: "s-1" }, (message) => console.log(message.event, message.data));
 *     live.onstate = ({ state, since, lag_ms }) => lamp.textContent = state;   // connecting, live, stale, silent, closed
 *
 * A handler is given a `snapshot` first and then each message about what it subscribed to, once and in order; after a
 * gap that cannot be told, `gap` and a new snapshot. A snapshot may come again at any time, when somebody else
 * subscribes to the same: it stands for all that came before. docs/live.md has the messages.
 */

const AGAIN_MS = 200;
const AGAIN_MS_MAX = 10_000;
const SILENCE_MS = 25_000; // then the server is asked whether it is there
const DUE_MS = 5_000; // the same where something is due each second: of the fleet
const QUIET_MS = 1_000; // who does not answer for so long is said to be silent
const ANSWER_MS = 10_000;
const WAKE_MS = 3_000; // the same after a sleep, when the person is looking
const HOPELESS = new Set([4400, 4401, 4403, 4409, 4422]);
const REST_MS = 60_000; // after so long a hidden page has no connection, and resumes when it is seen
const FIELDS = ["session_id", "task_id", "agent_id", "tenant_id", "fleet", "alerts"];

export class Live {
  /** `url`: of the WebSocket, of the page's own server by default. `accessToken`: a text, or a function that has it. */
  constructor({ url = defaultUrl(), accessToken = null } = {}) {
    this.url = url;
    this.accessToken = accessToken;
    this.onstate = () => {};
    this.onerror = (reason) => console.warn("live:", reason);
    this.token = null;
    this.subscriptions = new Map(); // by name: { to, handlers, known }; handlers with whether they were shown something
    this.presence = new Map(); // by session: what the person does there, said again on each connection
    this.tries = 0;
    this.socket = null;
    this.state = { state: "connecting", since: Date.now(), lag_ms: null, reason: null };
    this.closed = false;
    this.resting = false; // nobody has seen the page for a while: it connects when somebody does
    this.ended = new AbortController();
    const on = (event, does) => addEventListener(event, does, { signal: this.ended.signal });
    on("online", () => this.#wake());
    on("pageshow", () => this.#wake());
    on("visibilitychange", () => this.#seen(globalThis.document?.visibilityState !== "hidden"));
    on("pagehide", () => this.socket?.close());
    this.#seen(globalThis.document?.visibilityState !== "hidden");
  }

  /** Calls `handler` with each message about what `to` names; the result ends that. */
  subscribe(to, handler) {
    const name = nameOf(to);
    const known = this.subscriptions.get(name);
    if (known) known.handlers.set(handler, false);
    else this.subscriptions.set(name, { to, handlers: new Map([[handler, false]]), known: false });
    if (this.#isOpen()) this.#send({ action: "subscribe", to: [to] }); // known already: a snapshot for the new handler
    else if (!this.socket) this.#connect();
    return () => this.#unsubscribe(name, handler);
  }

  /** Says what the person does in a session, in a word; null when they leave it. */
  present(session_id, state) {
    if (state === null) this.presence.delete(session_id);
    else this.presence.set(session_id, state);
    if (this.#isOpen()) this.#send({ action: "presence", session_id, state });
  }

  /** Ends everything. */
  close() {
    this.closed = true;
    this.ended.abort();
    clearTimeout(this.rest);
    clearTimeout(this.again);
    this.#drop();
    this.#tell("closed");
  }

  #unsubscribe(name, handler) {
    const known = this.subscriptions.get(name);
    known?.handlers.delete(handler);
    if (known && known.handlers.size === 0) {
      this.subscriptions.delete(name);
      if (this.#isOpen()) this.#send({ action: "unsubscribe", to: [known.to] });
    }
  }

  #seen(visible) {
    clearTimeout(this.rest);
    if (visible) {
      this.resting = false;
      this.#wake();
    } else
      this.rest = setTimeout(() => {
        this.resting = true;
        clearTimeout(this.again);
        this.#drop();
      }, REST_MS);
  }

  /** After a sleep, or a time without network: the connection may be gone without a word. */
  #wake() {
    if (this.#isOpen()) this.#ask(WAKE_MS);
    else if (this.subscriptions.size > 0) {
      this.tries = 0;
      this.#connect();
    }
  }

  #connect() {
    if (this.closed || this.resting) return;
    clearTimeout(this.again);
    this.#drop();
    this.unsure = new Set(); // subscriptions whose snapshot was shown on this connection, and no token after it
    const access = typeof this.accessToken === "function" ? this.accessToken() : this.accessToken;
    // A browser sends no header with a WebSocket: the token goes as a subprotocol, beside one the server can choose.
    const protocols = access ? ["headway.live", `headway.token.${access}`] : ["headway.live"];
    const socket = (this.socket = new WebSocket(this.url, protocols));
    socket.onopen = () => this.#resume();
    socket.onmessage = (frame) => this.#hear(JSON.parse(frame.data));
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    socket.onerror = () => socket.readyState === WebSocket.OPEN || this.#lost(1006, ""); // not all tell of a close then
    this.#giveUpAfter(ANSWER_MS);
  }

  /** Hears nothing more of the connection there was. */
  #drop() {
    clearTimeout(this.silence);
    clearTimeout(this.quiet);
    this.spoke = null;
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close();
  }

  /** What is known goes on where it was; what is not is shown. */
  #resume() {
    this.#watch();
    const all = [...this.subscriptions.values()];
    const known = this.token ? all.filter((s) => s.known) : [];
    const fresh = all.filter((s) => !known.includes(s) || [...s.handlers.values()].includes(false));
    if (known.length) this.#send({ action: "subscribe", to: known.map((s) => s.to), token: this.token });
    if (fresh.length) this.#send({ action: "subscribe", to: fresh.map((s) => s.to) });
    for (const [session_id, state] of this.presence) this.#send({ action: "presence", session_id, state });
  }

  #hear(message) {
    this.#watch();
    const { event, data } = message;
    if (event === "welcome" || event === "status") {
      this.tries = 0;
      this.#tell(data.state, data.since / 1000, message.timestamp);
    } else if (event === "error") {
      this.onerror(data.reason);
    } else if (event === "closing") {
      this.reason = data.reason;
    } else {
      if (event === "board") this.#tell(this.state.state, this.state.since, message.timestamp);
      for (const subscription of [...this.subscriptions.values()]) {
        if (concerns(subscription.to, message)) this.#hand(subscription, message);
      }
    }
    if (message.token) {
      this.token = message.token;
      for (const subscription of this.unsure) subscription.known = true;
      this.unsure.clear();
    }
  }

  /** What happens is of use only to who was shown how things were. One that fails is no reason to stop the others. */
  #hand(subscription, message) {
    if (message.event === "snapshot") {
      this.unsure.add(subscription);
      for (const handler of subscription.handlers.keys()) subscription.handlers.set(handler, true);
    }
    for (const [handler, isShown] of [...subscription.handlers]) {
      if (!isShown && message.event !== "gap") continue;
      try {
        handler(message);
      } catch (error) {
        console.error("live: a handler failed", error);
      }
    }
  }

  #lost(code, reason) {
    this.#drop();
    if (this.closed) return;
    const why = reason || this.reason || null;
    this.reason = null;
    if (HOPELESS.has(code)) {
      this.#tell("closed", Date.now(), null, why);
      this.onerror(why ?? `closed with ${code}`);
      return;
    }
    if (this.state.state !== "connecting" || why) this.#tell("connecting", Date.now(), null, why);
    if (this.subscriptions.size === 0) return;
    const wait = Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** this.tries++) * (0.5 + Math.random() / 2);
    clearTimeout(this.again);
    this.again = setTimeout(() => this.#connect(), wait);
  }

  /** A silent connection is asked; one that does not answer is given up: a sleeping laptop does not say goodbye. */
  #watch() {
    clearTimeout(this.silence);
    clearTimeout(this.quiet);
    this.heardAt = Date.now();
    if (this.spoke) this.#tell(this.spoke.state, this.spoke.since);
    this.spoke = null;
    const due = this.subscriptions.has(nameOf({ fleet: true }));
    this.silence = setTimeout(() => this.#ask(ANSWER_MS), due ? DUE_MS : SILENCE_MS);
  }

  #ask(answer_ms) {
    this.#giveUpAfter(answer_ms);
    if (!this.#isOpen()) return;
    this.#send({ action: "ping" });
    this.#doubt();
  }

  /** What is shown may be as it was a while ago: says so each second, until something is heard or it is given up. */
  #doubt() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => {
      if (["live", "stale"].includes(this.state.state)) this.spoke = this.state;
      if (this.spoke) this.#tell("silent", this.heardAt);
      this.#doubt();
    }, QUIET_MS);
  }

  #giveUpAfter(ms) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket && this.#lost(1006, ""), ms);
  }

  #tell(state, since = Date.now(), timestamp = null, reason = null) {
    const lag_ms = timestamp === null ? null : Math.max(0, Date.now() - timestamp / 1000);
    this.state = { state, since, lag_ms, reason };
    this.onstate(this.state);
  }

  #isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  #send(message) {
    this.socket.send(JSON.stringify(message));
  }
}

/** Whether a message is about what was subscribed to. */
export function concerns(to, { event, session_id, data }) {
  if (event === "snapshot") return nameOf(data.of) === nameOf(to);
  if (data.to) return data.to.some((one) => nameOf(one) === nameOf(to));
  if (to.fleet) return event === "board" || event === "pool";
  if (to.alerts) return event === "alert";
  if (to.session_id) return session_id === to.session_id;
  if (to.task_id) return data.task_id === to.task_id;
  if (to.agent_id) return data.agent_id === to.agent_id;
  return data.task_id !== undefined && (to.tenant_id === "*" || data.tenant_id === to.tenant_id);
}

/** The same for the same thing. */
function nameOf(to) {
  const field = FIELDS.find((name) => to[name] !== undefined);
  return `${field} ${to[field]}`;
}

function defaultUrl() {
  const url = new URL("/ws", globalThis.location?.href ?? "http://127.0.0.1:8320");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
