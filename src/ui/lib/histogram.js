// Arithmetic of the histogram: pixels, times, and its description in words.

import { stamp } from "./time.js";
import { LEVELS } from "./types.js";

/** @typedef {{ms: number, counts: Record<import("./types.js").Level, number>, total: number}} Bucket */
/** @typedef {{startMs: number, endMs: number, bucketMs: number, buckets: Bucket[]}} Histogram */

/** @param {Histogram} histogram */
export const peak = (histogram) => histogram.buckets.reduce((most, bucket) => Math.max(most, bucket.total), 0);

/** An error among thousands is this many pixels high; all else is to scale. */
const ERROR_PX = 1.5;

/**
 * One path per level, so that any number of buckets takes four elements; errors at the bottom.
 * @param {Histogram} histogram
 * @param {number} height
 * @returns {[level: import("./types.js").Level, path: string][]} in a box 100 wide
 */
export function bars(histogram, height) {
  const { buckets } = histogram;
  const most = Math.max(1, peak(histogram));
  const wide = 100 / Math.max(1, buckets.length);
  const bottom = buckets.map(() => height);
  return [...LEVELS].reverse().map((level) => {
    let path = "";
    buckets.forEach((bucket, at) => {
      const n = bucket.counts[level];
      if (n === 0) return;
      const tall = Math.max((n / most) * (height - 2), level === "error" ? ERROR_PX : 0.4);
      const base = bottom[at] ?? height;
      const top = Math.max(0, base - tall);
      path += `M${(at * wide).toFixed(3)} ${base.toFixed(2)}V${top.toFixed(2)}h${(wide * 0.82).toFixed(3)}V${base.toFixed(2)}z`;
      bottom[at] = top;
    });
    return [level, path];
  });
}

/**
 * One bar per bucket, however many records of which level: all of one lane, the errors of another.
 * @param {Histogram} histogram
 * @param {number} height
 * @param {boolean} errors whether only errors count
 * @returns {string} a path in a box 100 wide
 */
export function lane({ buckets }, height, errors) {
  const of = (/** @type {Bucket} */ bucket) => (errors ? bucket.counts.error : bucket.total);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.total));
  const wide = 100 / Math.max(1, buckets.length);
  return buckets.map((bucket, at) => (of(bucket) ? `M${(at * wide).toFixed(2)} ${height}V${(height - Math.max(1.5, (of(bucket) / most) * height)).toFixed(1)}h${(wide * 0.82).toFixed(2)}V${height}z` : "")).join("");
}

/**
 * The time at a position between 0 and 1.
 * @param {Histogram} histogram
 * @param {number} at
 */
export function timeAt({ startMs, endMs }, at) {
  return startMs + Math.min(1, Math.max(0, at)) * (endMs - startMs);
}

/**
 * @param {Histogram} histogram
 * @param {number} ms
 */
export function placeOf({ startMs, endMs }, ms) {
  return endMs > startMs ? Math.min(1, Math.max(0, (ms - startMs) / (endMs - startMs))) : 0;
}

/**
 * The range of a drag: whole buckets, at least one.
 * @param {Histogram} histogram
 * @param {number} a
 * @param {number} b
 * @returns {{startMs: number, endMs: number}}
 */
export function dragged(histogram, a, b) {
  const { startMs, bucketMs, endMs } = histogram;
  const from = Math.floor((timeAt(histogram, Math.min(a, b)) - startMs) / bucketMs);
  const to = Math.ceil((timeAt(histogram, Math.max(a, b)) - startMs) / bucketMs);
  return {
    startMs: startMs + from * bucketMs,
    endMs: Math.min(endMs, startMs + Math.max(to, from + 1) * bucketMs),
  };
}

/**
 * A handful of round times for the axis.
 * @param {Histogram} histogram
 * @param {number} most
 * @param {boolean} utc
 * @returns {{at: number, label: string}[]}
 */
export function ticks({ startMs, endMs }, most, utc) {
  const span = endMs - startMs;
  if (span <= 0 || most < 1) return [];
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160, 43200];
  const seconds = [1, 2, 5, 10, 15, 30];
  const steps = [...seconds.map((s) => s * 1000), ...minutes.map((m) => m * 60_000)];
  const step = steps.find((size) => span / size <= most) ?? Math.ceil(span / most / 864e5) * 864e5;
  const shift = utc ? 0 : new Date(startMs).getTimezoneOffset() * 60_000;
  const out = [];
  for (let ms = Math.ceil((startMs - shift) / step) * step + shift; ms <= endMs; ms += step) {
    const text = stamp(ms, utc);
    const midnight = text.endsWith("00:00:00");
    const label = step >= 864e5 || midnight ? text.slice(5, 10) : step < 60_000 ? text.slice(11) : text.slice(11, 16);
    const at = (ms - startMs) / span;
    // a label at the border would be cut
    if (at > 0.04 && at < 0.97) out.push({ at, label });
  }
  return out;
}

/**
 * Describes the histogram for screen readers.
 * @param {Histogram} histogram
 * @param {boolean} utc
 */
export function inWords(histogram, utc) {
  const total = histogram.buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  if (total === 0) return "No records in this range.";
  const errors = histogram.buckets.reduce((sum, bucket) => sum + bucket.counts.error, 0);
  const busiest = histogram.buckets.reduce((most, bucket) => (bucket.total > most.total ? bucket : most));
  const range = `${stamp(histogram.startMs, utc)} to ${stamp(histogram.endMs, utc)}`;
  return `${count(total, "record")}, of them ${count(errors, "error")}, from ${range}; most at ${stamp(busiest.ms, utc)}: ${number(busiest.total)}.`;
}

/** @param {number} n */
export const number = (n) => n.toLocaleString("en-US");

/**
 * @param {number} n
 * @param {string} word
 */
export const count = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;

/** `1.2k`, `34k`, `5.6M` for places where a number must be small. @param {number} n */
export function brief(n) {
  if (n < 1000) return String(n);
  const [size, unit] = n < 999_500 ? [1e3, "k"] : n < 999.5e6 ? [1e6, "M"] : [1e9, "G"];
  const value = n / Number(size);
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${unit}`;
}
