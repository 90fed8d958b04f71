/** Where the ticks of an axis lie: round figures, round times. */

const STEPS = [1, 2, 2.5, 5, 10];
const MINUTE_MS = 60_000;

/**
 * The upper end of an axis that begins at zero, and its ticks: about `wanted` of them, at round figures. `least`: the
 * axis reaches at least so far, so that next to nothing does not look like much.
 */
export function scale(most, { least = 1, wanted = 3, unit = "" } = {}) {
  const reach = Math.max(most, least);
  const base = unit === "ms" && reach > MINUTE_MS ? MINUTE_MS : 1;
  const rough = reach / base / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = base * power * STEPS.find((one) => one * power >= rough * 0.999);
  const end = Math.ceil(reach / step - 1e-9) * step;
  return { end, ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, n) => n * step) };
}

/** Round times [ms] between two, at most `wanted` of them, in whole minutes of the reader's clock. */
export function times(from, to, wanted) {
  const fits = (minutes) => (to - from) / (minutes * MINUTE_MS) <= wanted;
  const step = MINUTE_MS * ([1, 2, 3, 5, 10, 15, 30, 60, 120].find(fits) ?? 180);
  const shift = new Date(to).getTimezoneOffset() * MINUTE_MS;
  const found = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
  return found;
}

/** The point nearest in time; null when there is none. Points lie in the order of time. */
export function nearest(points, at) {
  let low = 0;
  let high = points.length - 1;
  if (high < 0) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  return before && at - before.at < points[low].at - at ? before : points[low];
}
