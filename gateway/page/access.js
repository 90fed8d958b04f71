/**
 * The access token of this browser. It comes by a code behind the # of the address, which can be exchanged once: the
 * token itself is never in an address, for a browser keeps addresses.
 */

const KEPT_AS = "headway.token";

let token = localStorage.getItem(KEPT_AS);

export const accessToken = () => token;

export function keepToken(text) {
  token = text;
  localStorage.setItem(KEPT_AS, text);
}

/** Takes the token out of this browser, and the texts of the person that were kept beside it. */
export function forgetToken() {
  token = null;
  for (const name of Object.keys(localStorage)) {
    if (name === KEPT_AS || name.startsWith("headway.chat.")) localStorage.removeItem(name);
  }
}

/** Calls `left()` when the token was taken out of this browser in another tab. */
export function whenForgotten(left) {
  addEventListener("storage", (event) => {
    if (event.key !== KEPT_AS || event.newValue !== null) return;
    token = null;
    left();
  });
}

/** Exchanges the code of the address, if there is one, and takes it out of the address. */
export async function comeIn() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search);
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/api/codes/redeem", { method: "POST", headers, body: JSON.stringify({ code }) });
  if (answer.ok) keepToken((await answer.json()).token);
}
