/**
 * The page: which view an address means, the bar above it, and the one live connection they share.
 *
 * A view is a module with `export default async function view(context)`, which gives its element, and may set what is
 * called when it is left. All that it shows follows from the address: `context.params` (parts of the path) and
 * `context.query`. `context.setQuery({ state: "failed" })` changes the address and, by that, the view.
 */

import { accessToken, comeIn, forgetToken, keepToken, whenForgotten } from "./access.js";
import { account } from "./account.js";
import { get, whenExpired } from "./api.js";
import { fill, h, say } from "./dom.js";
import { lagSaid, time } from "./format.js";
import { Live } from "./headway.js";
import { listen, takeKeys } from "./keys.js";
import { empty, failure, loading } from "./ui.js";

/** The address of a view, and of one of what it shows. */
const under = (name, part = "id") => new RegExp(`^/${name}(?:/(?<${part}>[^/]+))?$`);

const VIEWS = [
  { name: "Live", key: "l", href: "/", at: /^\/$/, load: () => import("./views/live.js") },
  { name: "Tasks", key: "t", href: "/tasks", at: under("tasks"), load: () => import("./views/tasks.js") },
  { name: "Chat", key: "c", href: "/chat", at: under("chat"), load: () => import("./views/chat.js") },
  { name: "Agents", key: "a", href: "/agents", at: under("agents"), load: () => import("./views/agents.js") },
  { name: "Fleet", key: "f", href: "/fleet", at: under("fleet", "part"), load: () => import("./views/fleet.js") },
  { name: "Alerts", key: "w", href: "/alerts", at: under("alerts"), load: () => import("./views/alerts.js") },
  {
    name: "Experiments",
    key: "e",
    href: "/experiments",
    at: under("experiments", "name"),
    load: () => import("./views/experiments.js"),
    role: "admin",
  },
  {
    name: "Models",
    key: "m",
    href: "/models",
    at: under("models", "name"),
    load: () => import("./views/models.js"),
    role: "admin",
  },
  { name: "Lab", key: "b", href: "/lab", at: under("lab"), load: () => import("./views/lab.js") },
];

const main = document.getElementById("main");
const lamp = document.getElementById("lamp");
const notice = document.getElementById("notice");
const live = new Live({ accessToken });

let me = null;
let shown = null; // { view, path, onleave, onquery }
let turn = 0;
let missing = false; // the view could not be shown for want of the gateway

/** Goes to an address of this page. `replace`: without a step in the browser's history. */
export function go(href, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href);
  show();
}

async function show() {
  if (!me) return; // nobody is in
  const path = location.pathname;
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const found = VIEWS.map((view) => ({ view, match: view.at.exec(path) })).find(({ match }) => match);
  if (shown && found?.view === shown.view && shown.onchange) {
    shown.onchange({ params: paramsOf(found.match), query });
    return;
  }
  const mine = ++turn;
  shown?.onleave?.();
  shown = null;
  missing = false;
  takeKeys({});
  mark(found?.view);
  if (!found) {
    document.title = "Not here · Headway";
    fill(main, h("h1", { class: "hidden" }, "Not here"), nothingAt(plain(path)));
    return;
  }
  document.title = `${found.view.name} · Headway`;
  fill(main, loading());
  const context = contextOf(found, query);
  try {
    const element = await (await found.view.load()).default(context);
    if (mine !== turn) return context.onleave?.();
    shown = Object.assign(context, { view: found.view });
    fill(main, element);
  } catch (error) {
    if (mine !== turn) return;
    console.error(error);
    missing = live.state.state !== "live";
    const why = missing ? new Error("The gateway cannot be reached. It is shown when the gateway is back.") : error;
    fill(main, failure(`${found.view.name} cannot be shown.`, why, show));
  }
}

const nothingAt = (path) => empty(`There is nothing at ${path}.`, h("a", { href: "/" }, "To the live board"));

function contextOf({ match }, query) {
  return {
    params: paramsOf(match),
    query,
    live,
    me,
    go,
    /** Changes parts of the query; null takes one away. */
    setQuery(changes, options = { replace: true }) {
      const wanted = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") wanted.delete(name);
        else wanted.set(name, value);
      }
      go(location.pathname + (wanted.size ? `?${wanted}` : ""), options);
    },
    title: (text) => (document.title = `${text} · Headway`),
    keys: takeKeys,
    /** May be set by the view: called when it is left, and when only the address within it changes. */
    onleave: null,
    onchange: null,
  };
}

const paramsOf = (match) =>
  Object.fromEntries(Object.entries(match.groups ?? {}).flatMap(([name, part]) => (part ? [[name, plain(part)]] : [])));

/** A part of a path as it was before it was put into an address; as it stands, where it never was one. */
function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function mark(current) {
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.view === current?.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("nav").classList.remove("open");
  document.getElementById("menu").setAttribute("aria-expanded", "false");
}

// --- the bar

function lampShows({ state, since, lag_ms, reason }) {
  clearTimeout(doubt);
  clearTimeout(unsaid);
  if (state === "live" && missing) show();
  // A browser does not tell why a connection is refused; the API does, when it is the access that is over.
  if (state === "closed") wonder();
  if (state === "connecting") doubt = setTimeout(wonder, DOUBT_MS);
  lamp.dataset.state = state;
  const text = {
    live: lag_ms === null ? "live" : `live ${lagSaid(lag_ms)}`,
    connecting: "reconnecting…",
    stale: `stale since ${time(since * 1000)}`,
    silent: `nothing heard for ${Math.round((Date.now() - since) / 1000)} s`,
    closed: "not connected",
  }[state];
  say(lamp, text);
  const says = {
    silent: "The gateway has stopped answering: what you see is as it was then.",
    connecting: `${reason ?? "The connection to the gateway is lost."} You see how it was; it goes on by itself.`,
    closed: reason,
    stale: `The gateway has no connection to Kafka since ${time(since * 1000)}: what you see is as it was then.`,
  }[state];
  const early = says ? opened + EARLY_MS - Date.now() : 0; // who has just come sees it come up, no fault
  if (early > 0) unsaid = setTimeout(() => warn(says), early);
  else warn(says);
}
const opened = Date.now();
const EARLY_MS = 3000;
let unsaid = 0;
const DOUBT_MS = 3000;
let doubt = 0;

function wonder() {
  get("/api/me").catch((error) => error.status !== 401 && (doubt = setTimeout(wonder, DOUBT_MS)));
}

function warn(text) {
  say(notice, text ?? "");
  notice.hidden = !text;
}

function navigation() {
  document.getElementById("account").replaceChildren(...account(me, signOut));
  fill(
    document.getElementById("nav"),
    VIEWS.filter((view) => !view.role || me.role === view.role).map((view) =>
      h("a", { href: view.href, data: { view: view.name } }, view.name),
    ),
  );
  const menu = document.getElementById("menu");
  menu.onclick = () => {
    const open = document.getElementById("nav").classList.toggle("open");
    menu.setAttribute("aria-expanded", String(open));
  };
  const search = document.getElementById("search");
  search.onsubmit = (event) => {
    event.preventDefault();
    const text = search.elements.text.value.trim();
    search.elements.text.blur();
    go(text ? `/tasks?${new URLSearchParams({ text })}` : "/tasks");
  };
}

/** How many alerts fire, beside the name of their view; a handler of what is told of them. */
function alarm() {
  const firing = new Set();
  const link = document.querySelector('#nav a[data-view="Alerts"]');
  const sign = h("span", { class: "chip", hidden: true });
  link.append(" ", sign);
  return ({ event, data }) => {
    if (event === "snapshot") firing.clear();
    for (const { alert_id, state } of event === "snapshot" ? data.alerts : [data])
      firing[state === "firing" ? "add" : "delete"](alert_id);
    sign.hidden = firing.size === 0;
    say(sign, firing.size ? `${firing.size} firing` : "");
  };
}

function follow(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const leaves = link.origin !== location.origin || link.target || link.hasAttribute("download");
  if (leaves || link.getAttribute("href").startsWith("#") || link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  go(link.href);
}

// --- coming in

/** Asks for a token, when there is none or it does not hold any more. */
function askIn(why) {
  if (main.querySelector(".door")) return; // several answers may say so
  clearTimeout(doubt);
  live.onstate = () => {};
  live.close();
  shown?.onleave?.();
  shown = null;
  me = null;
  turn++;
  warn(null);
  document.title = "Come in · Headway";
  for (const id of ["nav", "account"]) document.getElementById(id).replaceChildren();
  for (const id of ["search", "menu"]) document.getElementById(id).hidden = true;
  lamp.dataset.state = "closed";
  say(lamp, "not connected");
  const input = h("input", { name: "token", type: "password", autocomplete: "off", required: true });
  const enter = (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    location.reload();
  };
  fill(
    main,
    h(
      "form",
      { class: "door", onsubmit: enter },
      h("h1", {}, "Come in"),
      h("p", {}, why),
      h(
        "p",
        {},
        ...["On the machine of the gateway, ", h("code", {}, "headway open"), " opens this page with access; "],
        ...[h("code", {}, "headway token create"), " makes a token for somebody else."],
      ),
      h("label", {}, "Access token", input),
      h("button", { type: "submit", class: "primary" }, "Come in"),
    ),
  );
}

function signOut() {
  askIn("You have signed out; this browser does not know the token any more.");
  forgetToken(); // after the view was left, which may keep something
  main.querySelector("input").focus();
}

addEventListener("hashchange", () => location.hash.startsWith("#code=") && location.reload());

async function start() {
  whenExpired(() => askIn("Your access token is not known, or has expired."));
  await comeIn().catch(() => {}); // without an answer the next request says why
  if (!accessToken()) return askIn("This page shows people's work, so it asks who you are.");
  try {
    me = await get("/api/me");
  } catch (error) {
    if (error.status !== 401) fill(main, failure("The gateway cannot be reached.", error, start));
    return;
  }
  whenForgotten(() => askIn("You have signed out in another tab."));
  navigation();
  live.onstate = lampShows;
  live.onerror = (reason) => (live.state.state === "closed" ? warn(reason) : console.warn("live:", reason));
  listen((key) => {
    const view = VIEWS.find((one) => one.key === key && (!one.role || me?.role === one.role));
    if (view) go(view.href);
    return Boolean(view);
  });
  live.subscribe({ fleet: true }, () => {}); // the lamp lives of it
  live.subscribe({ alerts: true }, alarm());
  addEventListener("popstate", show);
  document.addEventListener("click", follow);
  await show();
  for (const view of VIEWS) view.load().catch(() => {}); // so that each is there while the gateway is not
}

start();
