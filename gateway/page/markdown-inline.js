/**
 * What stands within a block of Markdown: emphasis, code, links. One pass over the text, whatever it is: nothing looks
 * further than a bound, and an emphasis that found no beginning is not looked for again.
 */

import { h } from "./dom.js";

const LINK_CHARS_MAX = 1000;
const DEPTH_MAX = 8; // of emphasis within emphasis; deeper ones are left out
const ELSEWHERE = { target: "_blank", rel: "noopener noreferrer" };
const SPECIAL = /[\\`*_~[\]<&\n]|https?:\/\//gi;
const ESCAPED = /[!-/:-@[-`{-~]/;
const SPACE = /\s/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const WORD = /[\p{L}\p{N}]/u;
const ANGLE = /<((?:https?:\/\/|mailto:)[^\s<>]{1,1000})>/iy;
const BARE = /https?:\/\/[^\s<>"`[\]]{1,1000}/iy;
const ENTITY = /&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[\da-f]{1,6});/iy;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const UNFINISHED_LINK = /!?\[([^[\]\n]{1,200})\](?:\([^()\s]{0,1000})?$/;

/** Characters that turn the order of what is read around are shown by name, so that nothing reads as what it is not. */
export const visible = (text) =>
  text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (one) => `‹U+${one.charCodeAt(0).toString(16).toUpperCase()}›`);

/** The address of a link, if it is one that may be followed. */
export function safeLink(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol === "mailto:") return url.href;
  return /^https?:\/\//i.test(address) ? url.href : null;
}

/** The text as nodes. `open`: more of it is to come, so what has begun is shown as if it were whole. */
export function inline(text, { open = false } = {}) {
  const parts = new Inline(open ? withoutLooseEnd(text) : text).parts(open);
  return built(parts);
}

/** What was begun at the end and says nothing yet is not shown: `**`, `[word](https://exam`. */
function withoutLooseEnd(text) {
  const from = Math.max(0, text.length - LINK_CHARS_MAX - 300);
  const end = text.slice(from).replace(UNFINISHED_LINK, (_, label) => label);
  return text.slice(0, from) + end.replace(/[*_~`]{1,3}$/, "");
}

class Inline {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.out = []; // texts, nodes, runs of marks, beginnings and ends of links
    this.runs = []; // the marks that are not settled
    this.brackets = []; // the [ that may begin a link
    this.backticks = null;
  }

  parts(open) {
    const { text } = this;
    while (this.at < text.length) {
      SPECIAL.lastIndex = this.at;
      const next = SPECIAL.exec(text)?.index ?? text.length;
      if (next > this.at) this.out.push(text.slice(this.at, next));
      this.at = next;
      if (next < text.length) this.#special(text[next], open);
    }
    settle(this.runs, open);
    return this.out;
  }

  #special(char, open) {
    if (char === "\n") this.#take(1, h("br"));
    else if (char === "\\") this.#escape();
    else if (char === "`") this.#code(open);
    else if (char === "[") this.#bracket();
    else if (char === "]") this.#link();
    else if (char === "<") this.#match(ANGLE, (m) => this.#anchor(m[1], m[1].replace(/^mailto:/i, "")));
    else if (char === "&") this.#match(ENTITY, (m) => entity(m[1]));
    else if (char === "h" || char === "H") this.#address();
    else this.#run(char);
  }

  #take(length, ...parts) {
    this.out.push(...parts);
    this.at += length;
  }

  #match(pattern, make) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.#take(found[0].length, ...[make(found)].flat());
    else this.#take(1, this.text[this.at]);
  }

  #escape() {
    const next = this.text[this.at + 1];
    if (next === "\n") this.#take(2, h("br"));
    else if (next !== undefined && ESCAPED.test(next)) this.#take(2, next);
    else this.#take(1, "\\");
  }

  #code(open) {
    this.backticks ??= sameRuns(this.text);
    const { length, next } = this.backticks.get(this.at) ?? { length: 1 }; // none: the first of the run was escaped
    if (next === undefined) {
      const rest = this.text.slice(this.at + length);
      const isBegun = open && length === 1 && rest.length < 200 && !rest.includes("\n");
      if (isBegun) this.#take(length + rest.length, h("code", {}, rest));
      else this.#take(length, "`".repeat(length));
      return;
    }
    let code = this.text.slice(this.at + length, next).replaceAll("\n", " ");
    if (code.length > 2 && code.startsWith(" ") && code.endsWith(" ") && code.trim()) code = code.slice(1, -1);
    this.#take(next + length - this.at, h("code", {}, code));
  }

  #bracket() {
    const isImage = this.out.at(-1)?.at?.(-1) === "!" && this.text[this.at - 1] === "!";
    this.brackets.push({ place: this.out.length, runs: this.runs.length, isImage });
    this.#take(1, "[");
  }

  #link() {
    const from = this.brackets.pop();
    const found = from && this.text[this.at + 1] === "(" ? destination(this.text, this.at + 2) : null;
    const href = found && safeLink(found.address);
    if (!href) return this.#take(1, "]");
    settle(this.runs.splice(from.runs), false);
    if (from.isImage) {
      this.out[from.place - 1] = this.out[from.place - 1].slice(0, -1);
      this.out[from.place] = { begin: "a", href };
      this.out.push(this.out.length === from.place + 1 ? "image" : " (image)");
    } else {
      this.out[from.place] = { begin: "a", href };
    }
    this.brackets.length = 0; // no link within a link
    this.#take(found.end - this.at, { end: true });
  }

  #anchor(address, shown) {
    const href = safeLink(address);
    return href ? [{ begin: "a", href }, shown, { end: true }] : [shown];
  }

  /** An address as it stands in a sentence: the full stop after it is not part of it. */
  #address() {
    BARE.lastIndex = this.at;
    const found = WORD.test(this.text[this.at - 1] ?? " ") ? null : BARE.exec(this.text);
    if (!found) return this.#take(1, this.text[this.at]);
    const address = trimmed(found[0]);
    this.#take(address.length, ...this.#anchor(address, address));
  }

  #run(char) {
    let end = this.at;
    while (this.text[end] === char) end++;
    const count = end - this.at;
    const before = this.text[this.at - 1] ?? " ";
    const after = this.text[end] ?? " ";
    const left = !SPACE.test(after) && (!PUNCTUATION.test(after) || SPACE.test(before) || PUNCTUATION.test(before));
    const right = !SPACE.test(before) && (!PUNCTUATION.test(before) || SPACE.test(after) || PUNCTUATION.test(after));
    const run = { char, count, marks: count, begins: [], ends: 0 };
    run.opens = left && (char !== "_" || !right || PUNCTUATION.test(before));
    run.closes = right && (char !== "_" || !left || PUNCTUATION.test(after));
    if (char === "~" && count !== 2) run.opens = run.closes = false;
    if (run.opens || run.closes) this.runs.push(run);
    this.#take(count, run);
  }
}

/** Which marks belong together. `open`: what has no end yet goes to the end of the text. */
function settle(runs, open) {
  const begun = [];
  const bottom = new Map(); // below it no beginning was found for such an end: not looked for again
  for (const run of runs) {
    while (run.closes && run.count) {
      const kind = `${run.char}${run.opens}${run.marks % 3}`;
      const least = bottom.get(kind) ?? 0;
      let k = begun.length - 1;
      while (k >= least && !belong(begun[k], run)) k--;
      if (k < least) {
        bottom.set(kind, begun.length);
        break;
      }
      join(begun[k], run);
      begun.length = begun[k].count ? k + 1 : k;
      for (const [one, depth] of bottom) if (depth > begun.length) bottom.set(one, begun.length);
    }
    if (run.opens && run.count) begun.push(run);
  }
  if (open) for (const run of begun) while (run.count) begin(run, run.count > 1 ? 2 : 1);
}

function belong(from, to) {
  if (from.char !== to.char) return false;
  const isOneOfThree = (from.closes || to.opens) && (from.marks + to.marks) % 3 === 0;
  return !isOneOfThree || (from.marks % 3 === 0 && to.marks % 3 === 0);
}

function join(from, to) {
  const used = from.count > 1 && to.count > 1 ? 2 : 1;
  begin(from, used);
  to.count -= used;
  to.ends++;
}

function begin(run, used) {
  run.begins.push(run.char === "~" ? "del" : used === 2 ? "strong" : "em");
  run.count -= used;
}

/** The parts as elements. */
function built(parts) {
  const fragment = document.createDocumentFragment();
  const within = [fragment];
  let text = "";
  const place = () => within.at(-1);
  const flush = () => {
    if (text) place().append(text);
    text = "";
  };
  const enter = (tag, properties) => {
    flush();
    if (within.length > DEPTH_MAX || (tag === "a" && place().closest?.("a"))) return within.push(place());
    const element = h(tag, properties);
    place().append(element);
    within.push(element);
  };
  const leave = () => {
    flush();
    within.pop();
  };
  for (const part of parts) {
    if (typeof part === "string") text += part;
    else if (part instanceof Node) flush(), place().append(part);
    else if (part.begin) enter("a", { href: part.href, title: part.href, ...ELSEWHERE });
    else if (part.end) leave();
    else {
      for (let n = 0; n < part.ends; n++) leave();
      text += part.char.repeat(part.count);
      for (const tag of part.begins.reverse()) enter(tag, {});
    }
  }
  flush();
  return fragment;
}

/** For each run of backticks by its place: how long it is, and where the next one of the same length is. */
function sameRuns(text) {
  const found = new Map();
  const last = new Map();
  const all = [...text.matchAll(/`+/g)];
  for (const { 0: run, index } of all.reverse()) {
    found.set(index, { length: run.length, next: last.get(run.length) });
    last.set(run.length, index);
  }
  return found;
}

/** What stands in the brackets of a link: its address, and where the link ends. */
function destination(text, from) {
  let depth = 0;
  const most = Math.min(text.length, from + LINK_CHARS_MAX);
  for (let at = from; at < most; at++) {
    const char = text[at];
    if (char === "(" && ++depth > 3) return null;
    if (char === ")" && depth-- === 0) return { address: bare(text.slice(from, at)), end: at + 1 };
    if (char === "\n" || char === "[") return null;
    if (char === " ") {
      const title = /^ +(?:"[^"\n]{0,300}"|'[^'\n]{0,300}')\)/.exec(text.slice(at, at + 400));
      return title && depth === 0 ? { address: bare(text.slice(from, at)), end: at + title[0].length } : null;
    }
  }
  return null;
}

const bare = (address) => address.replace(/^<(.*)>$/, "$1");

function trimmed(address) {
  let end = address.length;
  let open = 0;
  for (const char of address) open += char === "(" ? 1 : char === ")" ? -1 : 0;
  for (; end > 0; end--) {
    const char = address[end - 1];
    if (char === ")" && open < 0) open++;
    else if (!".,;:!?*_~'".includes(char)) break;
  }
  return address.slice(0, end);
}

function entity(name) {
  if (!name.startsWith("#")) return ENTITIES[name.toLowerCase()];
  const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  const isText = code > 31 && code < 0x11_0000 && (code < 0xd800 || code > 0xdfff);
  return isText ? visible(String.fromCodePoint(code)) : "\ufffd";
}
