// What the server knows about fields and values, for completion; asked once per key and filter.

import * as api from "../core/api.js";
import { filter, ranged } from "../core/state.js";
import { toParameters } from "../lib/query/filter.js";

/** Answers are kept this long. */
const KEPT_MS = 60_000;
const KEPT_MAX = 100;
const VALUES_MAX = 50;

/** @type {Map<string, {at: number, answer: Promise<any>}>} */
const kept = new Map();

/**
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
function once(name, ask) {
  const known = kept.get(name);
  if (known && Date.now() - known.at < KEPT_MS) return known.answer;
  const answer = ask();
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value ?? "");
  kept.set(name, { at: Date.now(), answer });
  answer.catch(() => kept.delete(name));
  return answer;
}

/** The filter without its expression, which is being written. */
const context = () => toParameters({ ...ranged(filter.peek()), q: "", patterns: [] });

/** @returns {Promise<{key: string, count: number, examples: string[]}[]>} */
export const keys = () => once(`keys ${JSON.stringify(context())}`, async () => (await api.fields([...context(), ["limit", "500"]])).keys);

/** @param {string} key @returns {Promise<{value: string, count: number}[]>} */
export const values = (key) => once(`values ${key} ${JSON.stringify(context())}`, async () =>
  (await api.fields([...context(), ["key", key], ["limit", String(VALUES_MAX)]])).values);
