// Completion of the query: recent queries, saved views, fields and values.

import { counts } from "../../core/state.js";
import { recent } from "../../core/stored.js";
import { keys, values } from "../../data/suggest.js";
import { views } from "../../data/views.js";
import { termAt, quoted } from "../../lib/query/terms.js";
import { LEVELS } from "../../lib/types.js";
import { kindOf } from "../../lib/sources.js";

/**
 * @typedef {object} Suggestion
 * @property {string} label
 * @property {string} detail
 * @property {"field" | "value" | "recent" | "view" | "help"} kind
 * @property {string} text what the query is with it
 * @property {boolean} done whether it can be carried out at once
 */

const SHOWN_MAX = 12;
/** Fields of every record. */
const BUILT_IN = /** @type {const} */ ([["level", "debug, info, warn, error"], ["source", "name of a source"], ["kind", "docker, system, file \u2026"], ["message", "the message alone"]]);

/**
 * @param {string} text
 * @param {number} cursor
 * @returns {Promise<Suggestion[]>}
 */
export async function suggest(text, cursor) {
  const { from, lead, key, operator, partial } = termAt(text, cursor);
  const begin = text.slice(0, from) + lead;
  const end = text.slice(cursor);
  if (key) return (await suggestValues(key, operator, partial, begin, end)).slice(0, SHOWN_MAX);
  if (text.trim() === "") return [...suggestPrevious(), ...await suggestKeys("", begin, end)].slice(0, SHOWN_MAX);
  if (partial === "") return [];
  const found = [...await suggestKeys(partial, begin, end), ...suggestSources(partial, begin, end), ...suggestPrevious().filter(({ text: known }) => known !== text && known.toLowerCase().includes(text.toLowerCase()))];
  return found.slice(0, SHOWN_MAX);
}

/** @returns {Suggestion[]} */
const suggestPrevious = () => [
  ...views.peek().map(({ name, search }) => /** @type {Suggestion} */ ({ label: name, detail: "saved view", kind: "view", text: search, done: true })).slice(0, 5),
  ...recent.peek().map((query) => /** @type {Suggestion} */ ({ label: query, detail: "recent", kind: "recent", text: query, done: true })).slice(0, 5),
];

/**
 * @param {string} partial
 * @param {string} begin
 * @param {string} end
 * @returns {Promise<Suggestion[]>}
 */
async function suggestKeys(partial, begin, end) {
  const known = await keys().catch(() => []);
  const all = [...BUILT_IN.map(([key, detail]) => ({ key, detail })), ...known.map(({ key, examples }) => ({ key, detail: examples.slice(0, 2).join(", ") }))];
  const wanted = partial.toLowerCase();
  const rank = (/** @type {string} */ key) => (key.toLowerCase().startsWith(wanted) ? 0 : key.toLowerCase().includes(wanted) ? 1 : 2);
  return all.filter(({ key }) => rank(key) < 2).sort((a, b) => rank(a.key) - rank(b.key))
    .map(({ key, detail }) => ({ label: `${key}:`, detail, kind: "field", text: `${begin}${/^[A-Za-z_@][\w.@-]*$/.test(key) ? key : `"${key}"`}:${end}`, done: false }));
}

/**
 * @param {string} partial
 * @param {string} begin
 * @param {string} end
 * @returns {Suggestion[]}
 */
function suggestSources(partial, begin, end) {
  const wanted = partial.toLowerCase();
  return (counts.peek() ?? []).filter(({ name }) => name.toLowerCase().includes(wanted))
    .map(({ name, entryCount }) => ({ label: `source:${name}`, detail: String(entryCount), kind: "value", text: `${begin}source:${name}${end}`, done: end === "" }));
}

/**
 * @param {string} key
 * @param {string} operator
 * @param {string} partial
 * @param {string} begin
 * @param {string} end
 * @returns {Promise<Suggestion[]>}
 */
async function suggestValues(key, operator, partial, begin, end) {
  const wanted = partial.toLowerCase();
  const plain = key.replaceAll("\"", "");
  const found = plain === "level" ? LEVELS.map((value) => ({ value, count: 0 }))
    : plain === "source" ? (counts.peek() ?? []).map(({ name, entryCount }) => ({ value: name, count: entryCount }))
      : plain === "kind" ? [...new Set((counts.peek() ?? []).map(({ name }) => kindOf(name)).filter(Boolean))].map((value) => ({ value, count: 0 }))
        : plain === "message" || plain === "time" ? [] : await values(plain).catch(() => []);
  return found.filter(({ value }) => value.toLowerCase().includes(wanted) && value !== "")
    .sort((a, b) => Number(b.value.toLowerCase().startsWith(wanted)) - Number(a.value.toLowerCase().startsWith(wanted)))
    .map(({ value, count }) => ({
      label: value, detail: count ? count.toLocaleString("en-US") : "", kind: "value", done: end === "",
      text: `${begin}${key}${operator}${/^[\w.:@*/-]+$/.test(value) && plain === "source" ? value : quoted(value)}${end}`,
    }));
}
