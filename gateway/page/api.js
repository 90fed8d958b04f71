/** The HTTP API, with this browser's token. A refusal is an error with the API's own sentence. */

import { accessToken } from "./access.js";

export class Refusal extends Error {
  /** `status` 0: the gateway did not answer at all. */
  constructor(status, detail, problem = {}) {
    super(detail);
    this.status = status;
    this.problem = problem;
    this.retryAfterS = problem.retry_after ?? null;
  }
}

let onExpired = () => {};

/** What to do when the token does not hold any more. */
export const whenExpired = (handler) => (onExpired = handler);

/** `body` is sent as JSON; `signal` takes the request back; `key` makes it safe to be sent twice. */
export async function ask(method, path, { body, signal, key, as = "json" } = {}) {
  const headers = { Authorization: `Bearer ${accessToken() ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let answer;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    answer = await fetch(path, { method, headers, signal, body: sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The gateway does not answer. It may be starting again; try again in a moment.");
  }
  if (answer.ok) return as === "text" ? answer.text() : answer.json();
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401) onExpired();
  throw new Refusal(answer.status, problem.detail ?? `The gateway refused with ${answer.status}.`, problem);
}

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body = {}, options = {}) => ask("POST", path, { ...options, body });
export const put = (path, body, options = {}) => ask("PUT", path, { ...options, body });
export const remove = (path, options) => ask("DELETE", path, options);

/** A query of what is set. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
