/** Figures as people read them. Times come in microseconds UTC, durations in milliseconds, money in micro-dollars. */

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const NONE = "–";

export const number = (value) =>
  value === null || value === undefined ? NONE : (Math.abs(value) < 100 ? plain : whole).format(value);

export const percent = (share, digits = 1) =>
  share === null || share === undefined ? NONE : `${(100 * share).toFixed(digits).replace(/\.0+$/, "")} %`;

/** 12 ms, 2.3 s, 4 min 5 s, 3 h 20 min, 2 d 4 h */
export function duration(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 59.95) return `${s.toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(s);
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  if (seconds < 86_400) return two(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
  return two(Math.floor(seconds / 86_400), "d", Math.floor((seconds % 86_400) / 3600), "h");
}

const two = (a, unit, b, less) => (b ? `${a} ${unit} ${b} ${less}` : `${a} ${unit}`);

/** $0.0123, $4.20, $1,230 */
export function cost(micros) {
  if (micros === null || micros === undefined) return NONE;
  const usd = micros / 1e6;
  if (usd === 0) return "$0";
  if (usd < 0.1) return `$${usd.toFixed(4)}`;
  return usd < 1000 ? `$${usd.toFixed(2)}` : `$${whole.format(usd)}`;
}

const LAGS_MS = [50, 100, 250, 500, 1000];

/** How late news comes, in steps: a figure that is another each second would only flicker. */
export function lagSaid(ms) {
  const step = LAGS_MS.find((one) => ms < one);
  return step ? `< ${duration(step)}` : duration(1000 * Math.round(ms / 1000));
}

export const date = (us) => new Date(us / 1000);

const clockOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minuteOf = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayOf = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });

/** 12:03:05, of whatever day; and without its seconds */
export const clock = (us) => clockOf.format(date(us));
export const minute = (us) => minuteOf.format(date(us));

/** 12:03:05; with the day when it is not today */
export function time(us) {
  if (us === null || us === undefined) return NONE;
  const at = date(us);
  const sameDay = at.toDateString() === new Date().toDateString();
  return sameDay ? clockOf.format(at) : `${dayOf.format(at)} ${clockOf.format(at)}`;
}

export const fullTime = (us) => (us === null || us === undefined ? "" : date(us).toISOString().replace("T", " "));

export const ago = (us) => `${duration(Math.max(0, Date.now() - us / 1000))} ago`;

/** 1 task, 2 tasks */
export const count = (n, noun, nouns = `${noun}s`) => `${number(n)} ${n === 1 ? noun : nouns}`;

/** A word of the API as a person says it: dead_lettered is "dead-lettered". */
export const words = (name) => String(name ?? "").replaceAll("_", " ");

/** The end of an id: ids that tell the time all begin alike. */
export const tail = (id) => (id.length > 10 ? `…${id.slice(-8)}` : id);

export const short = (text, most = 120) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
